//! The operations, one file per family. One table drives routing, access checks and the OpenAPI
//! document, so the three cannot drift.

mod accounts;
mod aliases;
pub(crate) mod auth;
mod credentials;
mod directory;
mod policies;
mod requests;
mod secrets_safe;
mod sessions;
mod systems;
mod unsimulated;

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
use crate::wire::read::Fields;
use crate::wire::rows::Page;

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
    pub(crate) run: fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>,
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

/// A named value of a query or a body, for the OpenAPI document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// The kind of a named value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Flag,
    Texts,
}

/// A whole number.
pub(crate) const fn int(name: &'static str) -> Param {
    Param {
        name,
        kind: Kind::Int,
        required: false,
    }
}

/// A text.
pub(crate) const fn text(name: &'static str) -> Param {
    Param {
        name,
        kind: Kind::Text,
        required: false,
    }
}

/// A truth value.
pub(crate) const fn flag(name: &'static str) -> Param {
    Param {
        name,
        kind: Kind::Flag,
        required: false,
    }
}

/// A list of texts.
pub(crate) const fn texts(name: &'static str) -> Param {
    Param {
        name,
        kind: Kind::Texts,
        required: false,
    }
}

impl Param {
    /// The same, and it has to be there.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// What success looks like.
#[derive(Clone, Copy)]
pub(crate) struct Gives {
    pub(crate) status: u16,
    pub(crate) describe: Option<fn(&mut SchemaGenerator) -> Schema>,
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
        sessions::ROUTES,
        directory::ROUTES,
        secrets_safe::ROUTES,
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
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) identity: &'a Identity,
    pub(crate) caller: Option<Caller>,
    pub(crate) now: SimTime,
    pub(crate) settings: &'a Settings,
}

impl Call<'_> {
    /// The fields of the body.
    pub(crate) fn fields(&self) -> Result<Fields, Refusal> {
        Fields::of_body(self.content_type, self.body)
    }

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
            self.query.int(name).and_then(|value| match value {
                None => Ok(None),
                Some(value) => usize::try_from(value)
                    .map(Some)
                    .map_err(|_| Refusal::malformed(format!("{name} is negative"))),
            })
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
