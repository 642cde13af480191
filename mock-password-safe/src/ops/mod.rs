//! The operations, one file per family. One table drives routing, access checks and the OpenAPI
//! document, so the three cannot drift.

mod accounts;
mod aliases;
pub(crate) mod auth;
mod credentials;
mod directory;
pub(crate) mod params;
mod policies;
mod provisioning;
mod requests;
mod safes;
mod secrets_safe;
mod sessions;
mod systems;
mod unsimulated;
#[cfg(test)]
mod visited;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use sim_kit::clock::SimTime;
use sim_kit::exchange::Method;

use crate::auth::Authorization;
use crate::settings::Settings;
use crate::state::State;
use crate::state::ids::UserId;
use crate::state::people::{Feature, Level, Source};
use crate::state::refusal::Refusal;
use crate::state::sign_in::Caller;
use crate::wire::answer::Answer;
use crate::wire::multipart::Upload;
use crate::wire::read::Fields;
use crate::wire::rows::Page;

pub(crate) use params::{Kind, Param};
use params::{file, flag, int, numbers, objects, one_of, several_of, text, texts};

/// What carries a call out.
pub(crate) type Run = fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>;

/// One operation of the vendor's API.
pub(crate) struct Route {
    /// The vendor's heading: method, blank, path below the base.
    pub(crate) name: &'static str,
    /// One line for the OpenAPI document.
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    pub(crate) query: &'static [Param],
    pub(crate) body: &'static [Param],
    pub(crate) gives: Gives,
    pub(crate) run: Run,
}

/// Who may call. Roles on accounts are the state's to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is signed in and has the feature at this level.
    Feature(Feature, Level),
}

/// What success looks like.
#[derive(Clone, Copy)]
pub(crate) struct Gives {
    pub(crate) status: u16,
    pub(crate) describe: Option<fn(&mut SchemaGenerator) -> Schema>,
}

/// An operation, said in a row.
const fn route(
    name: &'static str,
    summary: &'static str,
    access: Access,
    query: &'static [Param],
    body: &'static [Param],
    gives: Gives,
    run: Run,
) -> Route {
    Route {
        name,
        summary,
        access,
        query,
        body,
        gives,
        run,
    }
}

/// A status without a body.
pub(crate) const fn nothing(status: u16) -> Gives {
    Gives {
        status,
        describe: None,
    }
}

/// A status and this JSON.
pub(crate) fn gives<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An array, or one object where the query names it.
pub(crate) fn many_or_one<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    either(&[
        generator.subschema_for::<Vec<T>>(),
        generator.subschema_for::<T>(),
    ])
}

/// An array, or a page where the query asks for one.
pub(crate) fn many_or_page<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    either(&[
        generator.subschema_for::<Vec<T>>(),
        generator.subschema_for::<Page<T>>(),
    ])
}

fn either(schemas: &[Schema]) -> Schema {
    schemars::json_schema!({ "anyOf": schemas })
}

/// 200 and what `describe` describes.
pub(crate) const fn ok(describe: fn(&mut SchemaGenerator) -> Schema) -> Gives {
    Gives {
        status: 200,
        describe: Some(describe),
    }
}

/// 201 and what `describe` describes.
pub(crate) const fn created(describe: fn(&mut SchemaGenerator) -> Schema) -> Gives {
    Gives {
        status: 201,
        describe: Some(describe),
    }
}

impl Route {
    /// Whether the body is a form of parts.
    pub(crate) fn is_multipart(&self) -> bool {
        self.body.iter().any(|param| param.kind == Kind::File)
    }

    /// Whether the operation is here, or only known from the vendor's documentation.
    pub(crate) fn is_simulated(&self) -> bool {
        self.gives.status != 405
    }

    /// The method.
    pub(crate) fn method(&self) -> Method {
        let word = self.name.split(' ').next().unwrap_or_default();
        Method::from_bytes(word.as_bytes()).unwrap_or(Method::GET)
    }

    /// The path below the base.
    pub(crate) fn path(&self) -> &'static str {
        self.name.split_once(' ').map_or("", |(_, path)| path)
    }
}

/// Every operation.
pub(crate) fn routes() -> impl Iterator<Item = &'static Route> {
    [
        auth::ROUTES,
        accounts::ROUTES,
        systems::ROUTES,
        requests::ROUTES,
        credentials::ROUTES,
        aliases::ROUTES,
        policies::ROUTES,
        provisioning::ROUTES,
        sessions::ROUTES,
        directory::ROUTES,
        secrets_safe::ROUTES,
        safes::ROUTES,
        unsimulated::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// Who a request says it is from.
pub(crate) struct Identity {
    pub(crate) authorization: Option<Authorization>,
    pub(crate) session: Option<String>,
    pub(crate) source: Source,
}

/// A request, as far as an operation cares.
pub(crate) struct Call<'a> {
    pub(crate) params: Vec<String>,
    pub(crate) query: Fields,
    /// The fields of the body, or of its part of JSON.
    pub(crate) fields: Fields,
    /// The file of a multipart body.
    pub(crate) upload: Option<Upload>,
    pub(crate) identity: &'a Identity,
    pub(crate) caller: Option<Caller>,
    pub(crate) now: SimTime,
    /// When an approval takes effect: now, unless a fault rule makes it late.
    pub(crate) approval_at: SimTime,
    pub(crate) settings: &'a Settings,
}

impl Call<'_> {
    /// Who is signed in.
    pub(crate) fn user(&self) -> Result<UserId, Refusal> {
        self.caller
            .map(|caller| caller.user)
            .ok_or(Refusal::NotAuthenticated)
    }

    /// The n-th parameter of the path.
    pub(crate) fn param(&self, nth: usize) -> &str {
        self.params.get(nth).map_or("", String::as_str)
    }

    /// The n-th parameter of the path, a number.
    pub(crate) fn id(&self, nth: usize) -> Result<i32, Refusal> {
        self.param(nth)
            .parse()
            .map_err(|_| Refusal::malformed("The id in the path is not a valid integer"))
    }

    /// `limit` and `offset`, with what a missing limit means.
    pub(crate) fn page(&self, limit_default: usize) -> Result<(usize, usize), Refusal> {
        let number = |name: &str| {
            let value = self.query.int(name)?;
            Ok(value.and_then(|value| usize::try_from(value).ok()))
        };
        Ok((
            number("limit")?.unwrap_or(limit_default),
            number("offset")?.unwrap_or(0),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_named_once_and_says_method_and_path() {
        let mut names = BTreeSet::new();
        for route in routes() {
            let word = route.name.split(' ').next().unwrap_or_default();
            assert!(
                ["GET", "POST", "PUT", "DELETE"].contains(&word),
                "{}",
                route.name
            );
            assert!(
                !route.path().is_empty() && !route.path().starts_with('/'),
                "{}",
                route.name
            );
            assert!(
                names.insert(route.name.to_lowercase()),
                "{} twice",
                route.name
            );
        }
    }
}
