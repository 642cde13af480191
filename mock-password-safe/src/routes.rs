//! From a path to an operation, as leniently as the vendor: any case, a trailing slash, doubled
//! slashes, two base paths. psafe:§1.1.

use std::borrow::Cow;
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

/// The routes by the number of their segments.
static ENTRIES: LazyLock<Vec<Vec<Entry>>> = LazyLock::new(|| {
    let mut entries: Vec<Vec<Entry>> = Vec::new();
    for entry in ops::routes().map(Entry::of) {
        let length = entry.segments.len();
        if entries.len() <= length {
            entries.resize_with(length + 1, Vec::new);
        }
        entries[length].push(entry);
    }
    entries
});

const NOT_FOUND: Refusal = Refusal::NotFound("No HTTP resource was found that matches the request");

/// Finds the operation.
pub(crate) fn find(method: &Method, path: &str, settings: &Settings) -> Result<Found, Refusal> {
    let segments = segments(path).ok_or(NOT_FOUND)?;
    let path = below_base(&segments, settings)?;
    let Fitting { entries, .. } = fitting(path).ok_or(NOT_FOUND)?;
    match entries.iter().find(|entry| entry.method == *method) {
        Some(entry) => Ok(Found {
            route: entry.route,
            params: entry.params(path),
        }),
        None => Err(Refusal::MethodNotAllowed {
            allow: methods(&entries),
        }),
    }
}

/// The methods that the path of a request has, for a 405.
pub(crate) fn allowed(path: &str, settings: &Settings) -> String {
    let segments = segments(path).unwrap_or_default();
    let path = below_base(&segments, settings).unwrap_or_default();
    fitting(path).map_or_else(String::new, |fitting| methods(&fitting.entries))
}

/// The entries that a path fits.
struct Fitting {
    /// How many segments are parameters.
    params: usize,
    entries: Vec<&'static Entry>,
}

/// Literals win over parameters, whatever the method: `Requests/Release/{id}` before
/// `Requests/{id}/Checkin`, and `GET Assets/Search` is no `GET Assets/{id}` (assumed).
fn fitting(path: &[Cow<'_, str>]) -> Option<Fitting> {
    let mut best: Option<Fitting> = None;
    for entry in ENTRIES.get(path.len())?.iter().filter(|one| one.fits(path)) {
        let params = entry.params_count();
        match &mut best {
            Some(best) if best.params < params => {}
            Some(best) if best.params == params => best.entries.push(entry),
            _ => {
                best = Some(Fitting {
                    params,
                    entries: vec![entry],
                });
            }
        }
    }
    best
}

fn methods(entries: &[&Entry]) -> String {
    let simulated = entries.iter().filter(|entry| entry.route.is_simulated());
    let mut methods: Vec<&str> = simulated.map(|entry| entry.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// The decoded segments that are not empty, dot segments resolved as IIS does.
fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut out: Vec<Cow<'_, str>> = Vec::with_capacity(SEGMENTS_MAX / 2);
    for part in path.split('/') {
        let part = percent_decode_str(part).decode_utf8().ok()?;
        match &*part {
            "" | "." => {}
            ".." => {
                out.pop();
            }
            _ if out.len() == SEGMENTS_MAX => return None,
            _ => out.push(part),
        }
    }
    Some(out)
}

/// What follows `BeyondTrust/api/public/v3`, or its legacy form.
fn below_base<'s, 'p>(
    segments: &'s [Cow<'p, str>],
    settings: &Settings,
) -> Result<&'s [Cow<'p, str>], Refusal> {
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
        .filter(|number| number.starts_with(|first| matches!(first, '1'..='9')))
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

    fn fits(&self, path: &[Cow<'_, str>]) -> bool {
        let mut pairs = self.segments.iter().zip(path);
        pairs.all(|(want, have)| match want {
            Segment::Literal(name) => name.eq_ignore_ascii_case(have),
            Segment::Param => true,
        })
    }

    fn params_count(&self) -> usize {
        let is_param = |segment: &&Segment| matches!(segment, Segment::Param);
        self.segments.iter().filter(is_param).count()
    }

    /// What the path has where the route has parameters.
    fn params(&self, path: &[Cow<'_, str>]) -> Vec<String> {
        let pairs = self.segments.iter().zip(path);
        pairs
            .filter(|(want, _)| matches!(want, Segment::Param))
            .map(|(_, have)| have.to_string())
            .collect()
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
