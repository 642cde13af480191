//! Which part of the product a path belongs to. Paths compare without case and after resolution of
//! what IIS resolves.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::settings::{Profile, Settings, WebServices, path::rooted};

/// Where the web service stands below the application's root.
const SERVICE: &str = "/webservices/SSWebService.asmx";
const WINDOWS_SERVICE: &str = "/winauthwebservices/sswinauthwebservice.asmx";

/// What is addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The web service itself.
    Service,
    /// A method of the HTTP bindings: what stands behind `.asmx/`, decoded.
    Method(String),
    /// The service behind Windows authentication.
    WindowsService,
    /// Tools > Manage Applications.
    Applications,
    /// Where an approver answers a request for access.
    AccessApproval,
    /// The log-in page.
    LogIn,
    /// The service while web services are switched off, when that leads to the log-in page.
    SwitchedOff,
    /// Nothing: a 404 page.
    Nothing,
}

/// The layout of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The application's root: the virtual directory on-premises, nothing on cloud.
    pub(crate) root: String,
    profile: Profile,
    applications: String,
    access_approval: String,
}

impl Layout {
    /// A lab's paths have been read by [`rooted`] already; those of a Rust test may lack a slash.
    pub(crate) fn new(settings: &Settings, virtual_directory: &str) -> Self {
        let rooted = |path: &str| rooted(path).unwrap_or_else(|| path.to_owned());
        let root = match settings.profile {
            Profile::OnPremises => rooted(virtual_directory),
            Profile::Cloud | Profile::Platform => String::new(),
        };
        Self {
            root,
            profile: settings.profile,
            applications: rooted(&settings.authorize_path),
            access_approval: rooted(&settings.access_approval_path),
        }
    }

    /// Path of the web service as the vendor writes it for this edition: documentation of the
    /// cloud spells the file with a small s (documented soap:§1.1).
    pub(crate) fn service_path(&self) -> String {
        match self.profile {
            Profile::Cloud => "/webservices/SSWebservice.asmx".to_owned(),
            _ => format!("{}{SERVICE}", self.root),
        }
    }

    /// What a path addresses, once it is [`resolved`].
    pub(crate) fn target(&self, path: &str, web_services: WebServices) -> Target {
        let Some(path) = strip_prefix_any_case(path, &self.root) else {
            return Target::Nothing;
        };
        if let Some(rest) = strip_prefix_any_case(path, SERVICE) {
            return service(rest, web_services);
        }
        let windows_service = strip_prefix_any_case(path, WINDOWS_SERVICE)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if windows_service && self.profile == Profile::OnPremises {
            return Target::WindowsService;
        }
        if path.eq_ignore_ascii_case(&self.applications) {
            return Target::Applications;
        }
        if path.eq_ignore_ascii_case(&self.access_approval) {
            return Target::AccessApproval;
        }
        if path.eq_ignore_ascii_case("/Login.aspx") {
            return Target::LogIn;
        }
        Target::Nothing
    }
}

fn service(rest: &str, web_services: WebServices) -> Target {
    match web_services {
        WebServices::On | WebServices::OffText => {}
        WebServices::OffNotFound => return Target::Nothing,
        WebServices::OffLogInPage => return Target::SwitchedOff,
    }
    match rest.strip_prefix('/') {
        _ if rest.is_empty() => Target::Service,
        Some(method) => Target::Method(method.to_owned()),
        None => Target::Nothing,
    }
}

/// What stays encoded in a path that is written out.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?');

/// The path as IIS sees it: percent-encoding undone, dot segments resolved, slashes that follow
/// each other taken for one and backslashes for slashes (the last two are assumed).
pub(crate) fn resolved(path: &str) -> Cow<'_, str> {
    if is_plain(path) {
        return Cow::Borrowed(path);
    }
    let decoded = percent_decode_str(path)
        .decode_utf8_lossy()
        .replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let is_folder = ["/", "/.", "/.."].iter().any(|end| decoded.ends_with(end));
    let end = if is_folder && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    Cow::Owned(format!("/{}{end}", kept.join("/")))
}

/// The path for an address in a document: resolved, and encoded again where it must be.
pub(crate) fn written(path: &str) -> Cow<'_, str> {
    if is_plain(path) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(utf8_percent_encode(&resolved(path), PATH).to_string())
}

fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    memchr::memchr2(b'%', b'\\', bytes).is_none()
        && memchr::memchr_iter(b'/', bytes)
            .all(|slash| !matches!(bytes.get(slash + 1), Some(b'/' | b'.')))
}

fn strip_prefix_any_case<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let (head, rest) = path.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(profile: Profile, web_services: WebServices, path: &str) -> Target {
        let settings = Settings {
            profile,
            web_services,
            ..Settings::default()
        };
        Layout::new(&settings, "/SecretServer").target(&resolved(path), settings.door())
    }

    #[test]
    fn a_path_without_its_slash_is_met_all_the_same() {
        let settings = Settings {
            authorize_path: "Tools.aspx".into(),
            ..Settings::default()
        };
        let layout = Layout::new(&settings, "vault");
        assert_eq!(
            layout.service_path(),
            "/vault/webservices/SSWebService.asmx"
        );
        for (path, expected) in [
            (layout.service_path().as_str(), Target::Service),
            ("/vault/tools.aspx", Target::Applications),
        ] {
            assert_eq!(layout.target(path, WebServices::On), expected, "{path}");
        }
    }

    #[test]
    fn each_edition_knows_its_own_paths_in_any_case() {
        use Profile::{Cloud, OnPremises, Platform};
        let on_premises = "/SecretServer/webservices/SSWebService.asmx";
        let cases = [
            (OnPremises, on_premises, Target::Service),
            (
                OnPremises,
                "/secretserver/WEBSERVICES/sswebservice.ASMX",
                Target::Service,
            ),
            (
                OnPremises,
                "/webservices/SSWebService.asmx",
                Target::Nothing,
            ),
            (
                OnPremises,
                "/SecretServer/webservices/SSWebservic.asmx",
                Target::Nothing,
            ),
            (
                OnPremises,
                "/SecretServer/webservices/SSWebService.asmxx",
                Target::Nothing,
            ),
            (
                OnPremises,
                "/SecretServer/winauthwebservices/sswinauthwebservice.asmx",
                Target::WindowsService,
            ),
            (
                OnPremises,
                "/secretserver/manageapplications.aspx",
                Target::Applications,
            ),
            (
                OnPremises,
                "/secretserver/secretaccessapprove.aspx",
                Target::AccessApproval,
            ),
            (OnPremises, "/SecretServer", Target::Nothing),
            (Cloud, "/webservices/SSWebservice.asmx", Target::Service),
            (Cloud, on_premises, Target::Nothing),
            (Platform, "/webservices/SSWebservice.asmx", Target::Nothing),
            (Platform, on_premises, Target::Nothing),
        ];
        for (profile, path, expected) in cases {
            assert_eq!(
                target(profile, WebServices::On, path),
                expected,
                "{profile:?} {path}"
            );
        }
        let method = format!("{on_premises}/Who%41mI");
        let expected = Target::Method("WhoAmI".into());
        assert_eq!(target(OnPremises, WebServices::On, &method), expected);
    }

    #[test]
    fn a_path_is_resolved_before_it_is_compared() {
        for (path, expected) in [
            (
                "/SecretServer/webservices/SSWeb%53ervice.asmx",
                Target::Service,
            ),
            (
                "/Secret%53erver//x/../webservices/./SSWebService%2easmx",
                Target::Service,
            ),
            (
                "/../SecretServer\\webservices/SSWebService.asmx",
                Target::Service,
            ),
            (
                "/SecretServer/webservices/SSWebService.asmx/",
                Target::Method(String::new()),
            ),
            // Encoded twice is not encoded once.
            (
                "/SecretServer/webservices/SSWeb%2553ervice.asmx",
                Target::Nothing,
            ),
            (
                "/SecretServer/winauthwebservices/sswinauthwebservice.asmx/WhoAmI",
                Target::WindowsService,
            ),
            (
                "/SecretServer/winauthwebservices/sswinauthwebservice.asmxx",
                Target::Nothing,
            ),
            (
                "/SecretServer/winauthwebservices/sswinauthwebservice.asmx%C3%A9",
                Target::Nothing,
            ),
        ] {
            let found = target(Profile::OnPremises, WebServices::On, path);
            assert_eq!(found, expected, "{path}");
        }
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/a%20b/", "/a%20b/"),
            ("/%C3%A9", "/%C3%A9"),
            ("//a/./b/..", "/a/"),
            ("/..", "/"),
        ] {
            assert_eq!(written(path), expected, "{path}");
            assert_eq!(resolved(&written(path)), resolved(path), "{path}");
        }
    }

    #[test]
    fn a_service_that_is_switched_off_is_missing_or_leads_to_the_log_in_page() {
        let path = "/SecretServer/webservices/SSWebService.asmx";
        let off = |how| target(Profile::OnPremises, how, path);
        assert_eq!(off(WebServices::OffNotFound), Target::Nothing);
        assert_eq!(off(WebServices::OffLogInPage), Target::SwitchedOff);
        assert_eq!(off(WebServices::OffText), Target::Service);
    }
}
