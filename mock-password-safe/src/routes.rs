//! From a path to an operation, as leniently as the vendor: any case, a trailing slash, doubled
//! slashes, two base paths. psafe:§1.1.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use sim_kit::exchange::Method;

use crate::ops::{self, Route};
use crate::settings::{Profile, Settings};
use crate::state::refusal::Refusal;

/// Segments of a path at most; a longer one is nobody's.
const SEGMENTS_MAX: usize = 16;

/// Versions that ever existed. One of them that is disabled answers 410, any other 404.
const VERSIONS_KNOWN: [u8; 3] = [1, 2, 3];

/// A route that a request fits, with the parameters of its path.
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) params: Vec<String>,
    /// The methods that the path has, for a 405.
    pub(crate) allow: String,
}

struct Entry {
    method: Method,
    segments: Vec<Segment>,
    route: &'static Route,
}

enum Segment {
    Literal(String),
    Param,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| ops::routes().map(Entry::of).collect());

const NOT_FOUND: Refusal = Refusal::NotFound("No HTTP resource was found that matches the request");

/// Finds the operation.
pub(crate) fn find(method: &Method, path: &str, settings: &Settings) -> Result<Found, Refusal> {
    let segments = segments(path).ok_or(NOT_FOUND)?;
    let rest = below_base(&segments, settings)?;
    // Literals win over parameters, whatever the method: `Requests/Release/{id}` before
    // `Requests/{id}/Checkin`, and `GET Assets/Search` is no `GET Assets/{id}` (assumed).
    let fitting = ENTRIES
        .iter()
        .filter_map(|entry| Some((entry, entry.params(rest)?)));
    let fitting: Vec<(&Entry, Vec<String>)> = fitting.collect();
    let fewest = fitting.iter().map(|(_, params)| params.len()).min();
    let fewest = fewest.ok_or(NOT_FOUND)?;
    let of_path = fitting.iter().filter(|(_, params)| params.len() == fewest);
    let mut methods: Vec<&str> = of_path
        .filter(|(entry, _)| entry.route.is_simulated())
        .map(|(entry, _)| entry.method.as_str())
        .collect();
    methods.sort_unstable();
    methods.dedup();
    let allow = methods.join(", ");
    let best = fitting
        .into_iter()
        .find(|(entry, params)| entry.method == *method && params.len() == fewest);
    match best {
        Some((entry, params)) => Ok(Found {
            route: entry.route,
            params,
            allow,
        }),
        None => Err(Refusal::MethodNotAllowed { allow }),
    }
}

/// The decoded segments that are not empty, dot segments resolved as IIS does.
fn segments(path: &str) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for part in path.split('/') {
        match &*percent_decode_str(part).decode_utf8().ok()? {
            "" | "." => {}
            ".." => {
                out.pop();
            }
            _ if out.len() == SEGMENTS_MAX => return None,
            segment => out.push(segment.to_owned()),
        }
    }
    Some(out)
}

/// What follows `BeyondTrust/api/public/v3`, or its legacy form.
fn below_base<'a>(segments: &'a [String], settings: &Settings) -> Result<&'a [String], Refusal> {
    let [product, api, public, version, rest @ ..] = segments else {
        return Err(NOT_FOUND);
    };
    let product_ok = product.eq_ignore_ascii_case("BeyondTrust")
        || (product.eq_ignore_ascii_case("eEye.RetinaCS.Server")
            && settings.profile == Profile::OnPremises);
    if !(product_ok && api.eq_ignore_ascii_case("api") && public.eq_ignore_ascii_case("public")) {
        return Err(NOT_FOUND);
    }
    let number = version
        .strip_prefix(['v', 'V'])
        .and_then(|number| number.parse::<u8>().ok());
    match number {
        Some(number) if settings.versions_enabled.contains(&number) => Ok(rest),
        Some(number) if VERSIONS_KNOWN.contains(&number) => Err(Refusal::VersionDisabled),
        _ => Err(NOT_FOUND),
    }
}

impl Entry {
    fn of(route: &'static Route) -> Self {
        let segments = route
            .path()
            .split('/')
            .map(|part| match part.starts_with('{') {
                true => Segment::Param,
                false => Segment::Literal(part.to_owned()),
            });
        Self {
            method: route.method(),
            segments: segments.collect(),
            route,
        }
    }

    fn params(&self, path: &[String]) -> Option<Vec<String>> {
        if path.len() != self.segments.len() {
            return None;
        }
        let mut params = Vec::new();
        for (want, have) in self.segments.iter().zip(path) {
            match want {
                Segment::Literal(name) if name.eq_ignore_ascii_case(have) => {}
                Segment::Literal(_) => return None,
                Segment::Param => params.push(have.clone()),
            }
        }
        Some(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &Method, path: &str, settings: &Settings) -> Result<String, Refusal> {
        find(method, path, settings).map(|found| format!("{} {:?}", found.route.name, found.params))
    }

    #[test]
    fn real_clients_spell_paths_in_many_ways() {
        let settings = Settings::default();
        for (path, expected) in [
            (
                "/BeyondTrust/api/public/v3/Auth/SignAppin",
                "POST Auth/SignAppin []",
            ),
            (
                "/BeyondTrust/api/public/v3/Auth/SignAppIn/",
                "POST Auth/SignAppin []",
            ),
            (
                "/beyondtrust/API/public/V3//auth/signappin",
                "POST Auth/SignAppin []",
            ),
            (
                "/eEye.RetinaCS.Server/api/public/v3/Auth/SignAppin",
                "POST Auth/SignAppin []",
            ),
            (
                "/BeyondTrust/api/public/v3/Auth/Connect/Token",
                "POST Auth/connect/token []",
            ),
            (
                "/BeyondTrust/api/public/v3/isarequests",
                "POST ISARequests []",
            ),
            (
                "/x/../BeyondTrust/./api/public/v3/Requests/%2e%2E/ISARequests/.",
                "POST ISARequests []",
            ),
        ] {
            assert_eq!(
                name(&Method::POST, path, &settings),
                Ok(expected.to_owned()),
                "{path}"
            );
        }
        for (path, expected) in [
            (
                "/BeyondTrust/api/public/v3/requests/124/checkin",
                "PUT Requests/{id}/Checkin [\"124\"]",
            ),
            (
                "/BeyondTrust/api/public/v3/Requests/Release/124",
                "PUT Requests/Release/{id} [\"124\"]",
            ),
        ] {
            assert_eq!(
                name(&Method::PUT, path, &settings),
                Ok(expected.to_owned()),
                "{path}"
            );
        }
    }

    #[test]
    fn other_paths_methods_and_versions_are_told_apart() {
        let settings = Settings::default();
        for (method, path, expected) in [
            (
                Method::GET,
                "/BeyondTrust/api/public/v2/Requests",
                Refusal::VersionDisabled,
            ),
            (
                Method::GET,
                "/BeyondTrust/api/public/v9/Requests",
                NOT_FOUND,
            ),
            (Method::GET, "/BeyondTrust/api/public/v3/Nope", NOT_FOUND),
            (Method::GET, "/", NOT_FOUND),
            (Method::GET, "/WebConsole/index.html", NOT_FOUND),
            (
                Method::POST,
                "/BeyondTrust/api/public/v3/Sessions",
                Refusal::MethodNotAllowed {
                    allow: "GET".into(),
                },
            ),
            (
                Method::GET,
                "/BeyondTrust/api/public/v3/Assets/Search",
                Refusal::MethodNotAllowed {
                    allow: "POST".into(),
                },
            ),
            (
                Method::GET,
                "/BeyondTrust/api/public/v3/Requests/%ff",
                NOT_FOUND,
            ),
        ] {
            assert_eq!(name(&method, path, &settings), Err(expected), "{path}");
        }
        let cloud = Settings {
            profile: Profile::Cloud,
            ..Settings::default()
        };
        let legacy = "/eEye.RetinaCS.Server/api/public/v3/Requests";
        assert_eq!(name(&Method::GET, legacy, &cloud), Err(NOT_FOUND));
    }
}
