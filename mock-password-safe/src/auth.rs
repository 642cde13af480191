//! What a call presents to say who it is: the `Authorization` header and the cookies. psafe:§1.3.

use zeroize::Zeroizing;

/// An `Authorization` header, read.
pub(crate) enum Authorization {
    /// `PS-Auth key=…; runas=…`.
    Key(KeyHeader),
    /// `Bearer …`.
    Bearer(Zeroizing<String>),
    /// Anything else.
    Unknown,
}

/// The fields of a `PS-Auth` header.
#[derive(Default)]
pub(crate) struct KeyHeader {
    pub(crate) key: Zeroizing<String>,
    pub(crate) run_as: Option<String>,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) challenge: Option<Zeroizing<String>>,
}

/// Name of the session cookie. `recorded psafe:ELASTIC`.
pub(crate) const SESSION_COOKIE: &str = "ASP.NET_SessionId";

impl Authorization {
    /// Reads the header's value. The scheme is compared in any case, as HTTP asks.
    pub(crate) fn parse(value: &str) -> Self {
        let value = value.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("Bearer") {
            return Self::Bearer(Zeroizing::new(rest.trim().to_owned()));
        }
        if scheme.eq_ignore_ascii_case("PS-Auth") {
            return Self::Key(KeyHeader::parse(rest));
        }
        Self::Unknown
    }

    /// The bearer token, when it is one.
    pub(crate) fn bearer(&self) -> Option<&str> {
        match self {
            Self::Bearer(token) => Some(token),
            Self::Key(_) | Self::Unknown => None,
        }
    }
}

impl KeyHeader {
    /// Reads `key=K; runas=U; pwd=[P]; challenge=C;` with fields in any order, optional blanks,
    /// an optional last `;`, and values in quotes. A password in brackets may hold `;`
    /// (`documented psafe:DOC-usage`). What is not understood is skipped.
    pub(crate) fn parse(fields: &str) -> Self {
        let mut header = Self::default();
        let mut rest = fields;
        loop {
            rest = rest.trim_start_matches([';', ' ', '\t']);
            let Some((name, after)) = rest.split_once('=') else {
                break;
            };
            let (value, next) = take_value(after);
            header.set(name.trim(), value);
            rest = next;
        }
        header
    }

    fn set(&mut self, name: &str, value: &str) {
        let secret = || Zeroizing::new(value.to_owned());
        match name.to_ascii_lowercase().as_str() {
            "key" => self.key = secret(),
            "runas" => self.run_as = Some(value.to_owned()).filter(|name| !name.is_empty()),
            "pwd" => self.password = Some(secret()),
            "challenge" => self.challenge = Some(secret()),
            _ => {}
        }
    }
}

/// One value and what follows its `;`.
fn take_value(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    if let Some(inner) = text.strip_prefix('[') {
        // The bracket that ends it is the last one before a `;` or the end: a password may hold `]`.
        let end = inner.match_indices(']').map(|(at, _)| at).find(|at| {
            matches!(
                inner[at + 1..].trim_start().chars().next(),
                None | Some(';')
            )
        });
        if let Some(end) = end {
            return (&inner[..end], after_separator(&inner[end + 1..]));
        }
    }
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote)
            && let Some(end) = inner.find(quote)
        {
            return (&inner[..end], after_separator(&inner[end + 1..]));
        }
    }
    match text.split_once(';') {
        Some((value, next)) => (value.trim_end(), next),
        None => (text.trim_end(), ""),
    }
}

fn after_separator(text: &str) -> &str {
    text.split_once(';').map_or("", |(_, next)| next)
}

/// The value of the session cookie in one `Cookie` header. Cookie attributes that a client plays
/// back are skipped like any other name.
pub(crate) fn session_in(cookie_header: &str) -> Option<&str> {
    cookie_header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case(SESSION_COOKIE))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(value: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let Authorization::Key(header) = Authorization::parse(value) else {
            panic!("not PS-Auth: {value}")
        };
        (
            header.key.to_string(),
            header.run_as,
            header.password.map(|secret| secret.to_string()),
            header.challenge.map(|secret| secret.to_string()),
        )
    }

    #[test]
    fn every_known_variant_of_ps_auth_is_read() {
        for (value, run_as, password, challenge) in [
            ("PS-Auth key=K; runas=U;", Some("U"), None, None),
            ("PS-Auth key=K;runas=U;pwd=[P]", Some("U"), Some("P"), None),
            (
                "PS-Auth key=K; runas=dom\\U; pwd=[a;b]; challenge=123;",
                Some("dom\\U"),
                Some("a;b"),
                Some("123"),
            ),
            (
                "PS-Auth key=K; runas=u@example.test",
                Some("u@example.test"),
                None,
                None,
            ),
            ("PS-Auth key=K", None, None, None),
            ("PS-Auth key=K; runas=;", None, None, None),
            ("PS-Auth key=\"K\"; runas=\"U\";", Some("U"), None, None),
            ("ps-auth  runas=U ; key=K ;", Some("U"), None, None),
            (
                "PS-Auth key=K; runas=U; pwd=[a]b=c];",
                Some("U"),
                Some("a]b=c"),
                None,
            ),
            ("PS-Auth key=K; runas=U; pwd=[];", Some("U"), Some(""), None),
            (
                "PS-Auth key=K; runas=U; pwd=open",
                Some("U"),
                Some("open"),
                None,
            ),
        ] {
            let expected = (
                "K".to_owned(),
                run_as.map(str::to_owned),
                password.map(str::to_owned),
                challenge.map(str::to_owned),
            );
            assert_eq!(fields(value), expected, "{value}");
        }
    }

    #[test]
    fn hostile_headers_are_read_as_nothing() {
        for value in [
            "",
            "PS-Auth",
            "PS-Auth ;;;;",
            "PS-Auth key",
            "Basic dTpw",
            "PS-Auth pwd=[",
            "PS-Auth =[",
        ] {
            match Authorization::parse(value) {
                Authorization::Key(header) => assert!(header.key.is_empty(), "{value}"),
                Authorization::Bearer(_) => panic!("{value}"),
                Authorization::Unknown => {}
            }
        }
        assert_eq!(Authorization::parse("bearer  abc ").bearer(), Some("abc"));
    }

    #[test]
    fn the_session_is_found_among_cookies() {
        assert_eq!(session_in("ASP.NET_SessionId=abc"), Some("abc"));
        assert_eq!(
            session_in("x=1; asp.net_sessionid=abc; path=/; secure"),
            Some("abc")
        );
        assert_eq!(session_in("path=/; x"), None);
    }
}
