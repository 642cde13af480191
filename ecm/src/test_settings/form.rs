//! The inputs of the form and its rules.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use url::Url;

use crate::error::{ErrorKind, Hop, Owner, PluginError, shortened};
use crate::plugin::{JumpItem, JumpItemType, Product, Session, User};

/// The inputs of the form, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestForm {
    /// *SRA Console Username*: bare, `ACME\joe.user` or UPN.
    pub username: String,
    /// *Distinguished Name*: what an LDAP provider would add.
    pub distinguished_name: Option<String>,
    /// *Jump Item Type*; Jump Client stands for Remote and Local Jump as well.
    pub item_type: JumpItemType,
    /// *Hostname / IP Address*: every type but Web Jump.
    pub hostname: Option<String>,
    /// *Website URL*: Web Jump, or Protocol Tunnel in place of a host name.
    pub url: Option<String>,
    /// *Additional IP Address*: Jump Client only.
    pub additional_ips: Vec<String>,
    /// *Application Name*: RDP + SecureApp only.
    pub application_name: Option<String>,
    /// Which product asks; it only shows in comments.
    pub product: Product,
}

impl TestForm {
    /// A form with the two fields that most types need.
    #[must_use]
    pub fn new(username: &str, item_type: JumpItemType, hostname: &str) -> Self {
        Self {
            username: username.into(),
            distinguished_name: None,
            item_type,
            hostname: Some(hostname.into()).filter(|text: &String| !text.is_empty()),
            url: None,
            additional_ips: Vec::new(),
            application_name: None,
            product: Product::Pra,
        }
    }

    /// The session that the appliance would describe.
    ///
    /// # Errors
    /// Every field that is missing, wrong, or does not apply to the type.
    pub fn session(&self) -> Result<Session, Vec<FormProblem>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let tidy = |text: &Option<String>| filled(text).map(str::to_owned);
        Ok(Session {
            session_id: "test-settings".into(),
            product: self.product,
            user: User {
                username: self.username.trim().to_owned(),
                distinguished_name: tidy(&self.distinguished_name),
                ..User::default()
            },
            jump_item: JumpItem {
                hostname: tidy(&self.hostname),
                url: tidy(&self.url),
                additional_ips: self.additional_ips.clone(),
                application_name: tidy(&self.application_name),
                ..JumpItem::new(self.item_type, "Test Settings")
            },
        })
    }

    fn problems(&self) -> Vec<FormProblem> {
        use JumpItemType::{JumpClient, LocalJump, ProtocolTunnel, RemoteJump, SecureApp, WebJump};
        let web = self.item_type == WebJump;
        // Either will do (assumed ecm:§2.5).
        let tunnel = self.item_type == ProtocolTunnel;
        let mut problems = Vec::new();
        let mut refuse = |wrong: bool, label, problem| {
            if wrong {
                problems.push(FormProblem { label, problem });
            }
        };
        for (label, value) in self.filled_fields() {
            let is_long = value.chars().nth(FIELD_CHARS_MAX).is_some();
            refuse(is_long, label, "is longer than 1024 characters");
            let is_odd = value.contains(char::is_control);
            refuse(is_odd, label, "holds a control character; type it anew");
        }
        refuse(self.username.trim().is_empty(), USERNAME, "is required");
        let hostname = filled(&self.hostname);
        let url = filled(&self.url);
        refuse(
            !web && hostname.is_none() && !(tunnel && url.is_some()),
            HOSTNAME,
            "is required for this Jump Item type",
        );
        refuse(
            web && hostname.is_some(),
            HOSTNAME,
            "does not apply to a Web Jump",
        );
        refuse(web && url.is_none(), WEBSITE, "is required for a Web Jump");
        refuse(
            !web && !tunnel && url.is_some(),
            WEBSITE,
            "applies to a Web Jump or a Protocol Tunnel only",
        );
        refuse(
            (web || tunnel) && url.is_some_and(|url| !looks_like_url(url)),
            WEBSITE,
            "must be an address such as https://intranet.example/",
        );
        let client = matches!(self.item_type, JumpClient | RemoteJump | LocalJump);
        refuse(
            !client && !self.additional_ips.is_empty(),
            ADDITIONAL,
            "applies to a Jump Client only",
        );
        let is_ip = |text: &String| text.trim().parse::<IpAddr>().is_ok();
        refuse(
            !self.additional_ips.iter().all(is_ip),
            ADDITIONAL,
            "must be an IP address",
        );
        let application = filled(&self.application_name).is_some();
        let secure_app = self.item_type == SecureApp;
        refuse(
            application && !secure_app,
            APPLICATION,
            "applies to RDP + SecureApp only",
        );
        problems
    }

    /// What was typed, by label, in the order of the form.
    fn filled_fields(&self) -> Vec<(&'static str, &str)> {
        let optional = |label, text| Some((label, filled(text)?));
        let mut fields = vec![(USERNAME, self.username.trim())];
        fields.extend(optional(DISTINGUISHED, &self.distinguished_name));
        fields.push((ITEM_TYPE, self.item_type.name()));
        fields.extend(optional(HOSTNAME, &self.hostname));
        fields.extend(optional(WEBSITE, &self.url));
        let additional_ips = self.additional_ips.iter();
        fields.extend(additional_ips.map(|ip| (ADDITIONAL, ip.trim())));
        fields.extend(optional(APPLICATION, &self.application_name));
        fields
    }

    /// The fields as they are shown and logged.
    pub(super) fn inputs(&self) -> Vec<(&'static str, String)> {
        let shown = |(label, value)| match label {
            WEBSITE => (label, shortened(&without_secrets(value), FIELD_CHARS_MAX)),
            _ => (label, shortened(value, FIELD_CHARS_MAX)),
        };
        self.filled_fields().into_iter().map(shown).collect()
    }

    /// What is odd about the fields. It is searched for as it is all the same: the console would send
    /// whatever the Jump Item has.
    pub(super) fn notes(&self) -> Vec<&'static str> {
        let host = filled(&self.hostname);
        let is_odd = host.is_some_and(|host| !looks_like_host(host));
        is_odd.then_some(NO_HOST).into_iter().collect()
    }
}

/// The fields that are wrong, as an error of the form.
#[must_use]
pub fn wrong_form(problems: &[FormProblem]) -> PluginError {
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Form,
        format!("the form cannot be sent: {}", problems.join("; ")),
        "correct the inputs named and run the test again",
        Owner::EcmAdministrator,
    )
}

/// A field that is wrong, by its label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{label} {problem}")]
pub struct FormProblem {
    /// The label of the field.
    pub label: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Longest value of a field; the appliance's own longest user name has 64 (documented ecm:§7.1).
const FIELD_CHARS_MAX: usize = 1024;

const USERNAME: &str = "SRA Console Username";
const DISTINGUISHED: &str = "Distinguished Name";
const ITEM_TYPE: &str = "Jump Item Type";
const HOSTNAME: &str = "Hostname / IP Address";
const WEBSITE: &str = "Website URL";
const ADDITIONAL: &str = "Additional IP Address";
const APPLICATION: &str = "Application Name";

const NO_HOST: &str = "Hostname / IP Address does not look like a host name or an address, alone or \
                       with a port from 1 to 65535; it is searched for as it was typed";

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The address with a mark in place of a user name, a password and what follows a `?` or `#`, each of
/// which may be a token. What is no address at all is treated with more suspicion.
pub fn without_secrets(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            let has_user = !url.username().is_empty() || url.password().is_some();
            let has_more = url.query().is_some() || url.fragment().is_some();
            if !has_user && !has_more {
                return text.to_owned();
            }
            if has_user {
                // Only an address without a host cannot have them, and it has.
                let _ = url.set_username("***");
                let _ = url.set_password(None);
            }
            url.set_query(has_more.then_some("***"));
            url.set_fragment(None);
            url.into()
        }
        _ => malformed_without_secrets(text),
    }
}

fn malformed_without_secrets(text: &str) -> String {
    let (address, more) = match text.split_once(['?', '#']) {
        Some((address, more)) => (address, Some(more)),
        None => (text, None),
    };
    let mark = more.map_or("", |_| "?***");
    match address.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}{mark}"),
        // The mark may stand within a password, and then it begins on this side of it.
        None if more.is_some_and(|more| more.contains('@')) => "***".to_owned(),
        None => format!("{address}{mark}"),
    }
}

/// Whether a text is an address of a web page (documented ecm:§5.2: the form checks it).
fn looks_like_url(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}

/// Whether a text is a host name or an address, alone or with a port. Names are taken with every
/// letter, digit, hyphen and underscore that a directory may hold.
fn looks_like_host(text: &str) -> bool {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if text.parse::<IpAddr>().is_ok()
        || bare.is_some_and(|bare| bare.parse::<Ipv6Addr>().is_ok())
        || text.parse::<SocketAddr>().is_ok_and(|at| at.port() != 0)
    {
        return true;
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
        !label.is_empty() && label.chars().all(plain)
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let name = name.strip_suffix('.').unwrap_or(name);
    port && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_host_has_a_name_or_an_address_and_perhaps_a_port() {
        for (text, is_host) in [
            ("web01", true),
            ("-web_01.acme.example.", true),
            ("web01:8443", true),
            ("zürich.example", true),
            ("10.0.0.7", true),
            ("10.0.0.7:3389", true),
            ("fe80::1", true),
            ("[fe80::1]", true),
            ("[fe80::1]:3389", true),
            ("https://web01", false),
            ("web01:99999", false),
            ("web01:0", false),
            ("web01:", false),
            ("web01/path", false),
            ("web 01", false),
            ("joe@web01", false),
            ("a..b", false),
            ("[fe80::1", false),
            (":80", false),
        ] {
            assert_eq!(looks_like_host(text), is_host, "{text}");
        }
    }
}
