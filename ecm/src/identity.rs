//! From the console user to the vault users to try, in order: a pure function, so that "works in
//! Test Settings, nothing in the console" can be answered by reading its output.
//!
//! The public rules are `documented ecm:§7.2`; the order in detail, the guess of a NetBIOS name,
//! `.` for a local account and local accounts that are named like an e-mail address are
//! `assumed ecm:§7.2, §7.3`.

mod dn;

use std::fmt;
use std::net::IpAddr;

/// The settings that decide the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingRules {
    /// *Default Domain for Local BeyondTrust Users*: tried first for a user without any domain.
    pub default_domain: Option<String>,
    /// *Enable fall-back to local account if domain account not found*: ends the list with the
    /// user without a domain, after the local account whose name is the whole UPN.
    pub fall_back_to_local: bool,
    /// Whether the first label of a DNS domain is tried as its NetBIOS name. A vault's domain field
    /// may hold either (assumed ecm:§7.3), and the two may differ, so this can be switched off.
    pub guess_netbios: bool,
}

impl Default for MappingRules {
    fn default() -> Self {
        Self {
            default_domain: None,
            fall_back_to_local: false,
            guess_netbios: true,
        }
    }
}

/// One vault user to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The account's name without a domain; of a local account it may be an e-mail address.
    pub username: String,
    /// Its domain; `None` is an account local to the vault.
    pub domain: Option<String>,
    /// Why it is tried at this place.
    pub reason: CandidateReason,
}

impl fmt::Display for Candidate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Some(domain) => write!(out, "{domain}\\{}", self.username),
            None => write!(out, "{} (local)", self.username),
        }
    }
}

/// Why a candidate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateReason {
    /// The domain stands before a backslash in the user name.
    DownLevelDomain,
    /// The domain stands after the `@` of the user name.
    UpnSuffix,
    /// The domain is spelled by the `dc` parts of the distinguished name.
    DistinguishedName,
    /// The first label of a DNS domain, as a guess at its NetBIOS name.
    NetbiosGuess,
    /// The setting *Default Domain for Local BeyondTrust Users*.
    DefaultDomain,
    /// The user name names the local machine (`.\name`).
    ExplicitLocal,
    /// No domain is known and no default domain is set.
    NoDomain,
    /// As `NoDomain`, and a distinguished name was sent that cannot be read: the user may well have
    /// a domain.
    DistinguishedNameUnreadable,
    /// The same setting as for `LocalFallBack`: a local account may be named by the whole UPN.
    LocalUpn,
    /// The setting *Enable fall-back to local account if domain account not found*.
    LocalFallBack,
}

impl fmt::Display for CandidateReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::DownLevelDomain => "domain given before the backslash",
            Self::UpnSuffix => "domain given after the @",
            Self::DistinguishedName => "domain from the dc parts of the distinguished name",
            Self::NetbiosGuess => "first label of the DNS domain, as its NetBIOS name",
            Self::DefaultDomain => "Default Domain for Local BeyondTrust Users",
            Self::ExplicitLocal => "the user name says local account",
            Self::NoDomain => "no domain is known and no default domain is set",
            Self::DistinguishedNameUnreadable => {
                "no domain is known, since the distinguished name cannot be read, and no default \
                 domain is set"
            }
            Self::LocalUpn => "fall-back to local account, named like the whole e-mail address",
            Self::LocalFallBack => "fall-back to local account",
        })
    }
}

/// Something that was considered and not tried, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What was considered.
    pub what: String,
    /// Why it is not tried.
    pub why: String,
}

impl LeftOut {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

/// The vault users to try and what was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// In the order in which they are tried; no two are the same but for letter case.
    pub candidates: Vec<Candidate>,
    /// What a reader may have expected and is not there.
    pub left_out: Vec<LeftOut>,
}

impl Mapping {
    fn add(&mut self, username: &str, domain: Option<&str>, reason: CandidateReason) {
        let candidate = Candidate {
            username: username.into(),
            domain: domain.map(str::to_owned),
            reason,
        };
        let same = |known: &Candidate| {
            same_text(&known.username, username)
                && match (&known.domain, domain) {
                    (Some(a), Some(b)) => same_text(a, b),
                    (None, None) => true,
                    _ => false,
                }
        };
        match self.candidates.iter().find(|known| same(known)) {
            Some(known) => self.left_out.push(LeftOut::new(
                candidate.to_string(),
                format!("{reason}, but already there: {}", known.reason),
            )),
            None => self.candidates.push(candidate),
        }
    }

    /// Adds a domain user and, for a DNS domain, the guess at its NetBIOS name. An address has none.
    fn add_domain(
        &mut self,
        username: &str,
        domain: &str,
        reason: CandidateReason,
        rules: &MappingRules,
    ) {
        self.add(username, Some(domain), reason);
        let Some((label, _)) = domain
            .split_once('.')
            .filter(|(label, _)| !label.is_empty() && domain.parse::<IpAddr>().is_err())
        else {
            return;
        };
        if rules.guess_netbios {
            self.add(username, Some(label), CandidateReason::NetbiosGuess);
        } else {
            self.left_out.push(LeftOut::new(
                format!("{label}\\{username}"),
                "guessing NetBIOS names is switched off",
            ));
        }
    }
}

/// The vault users to try for a console user, in order. Total: any input gives an answer, and an
/// input without a name gives an empty list.
#[must_use]
pub fn candidates(
    username: &str,
    distinguished_name: Option<&str>,
    rules: &MappingRules,
) -> Mapping {
    let mut mapping = Mapping::default();
    let parsed = UserName::parse(username);
    if parsed.name.is_empty() {
        mapping
            .left_out
            .push(LeftOut::new(username, "it holds no user name"));
        return mapping;
    }
    let name = parsed.name;

    if parsed.form == NameForm::Local {
        mapping.add(name, None, CandidateReason::ExplicitLocal);
        return mapping;
    }
    let mut whole_upn = None;
    match (parsed.form, parsed.domain) {
        (NameForm::DownLevel, Some(domain)) => {
            mapping.add_domain(name, domain, CandidateReason::DownLevelDomain, rules);
        }
        (NameForm::Upn, Some(domain)) => {
            whole_upn = Some(format!("{name}@{domain}"));
            mapping.add_domain(name, domain, CandidateReason::UpnSuffix, rules);
        }
        _ => {}
    }
    let mut unreadable = false;
    if let Some(text) = distinguished_name
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        match dn::domain_of(text) {
            Ok(Some(domain)) => {
                mapping.add_domain(name, &domain, CandidateReason::DistinguishedName, rules);
            }
            Ok(None) => mapping.left_out.push(LeftOut::new(
                text,
                "the distinguished name has no dc part with a value",
            )),
            Err(reason) => {
                unreadable = true;
                mapping.left_out.push(LeftOut::new(
                    text,
                    format!("no domain is taken from this distinguished name: {reason}"),
                ));
            }
        }
    }
    let without_domain = if unreadable {
        CandidateReason::DistinguishedNameUnreadable
    } else {
        CandidateReason::NoDomain
    };
    add_default(&mut mapping, name, rules);
    if mapping.candidates.is_empty() {
        mapping.add(name, None, without_domain);
        return mapping;
    }
    // An account of exactly this name is more surely the user's than one that only begins like it.
    if let Some(whole) = &whole_upn {
        add_local(&mut mapping, whole, CandidateReason::LocalUpn, rules);
    }
    add_local(&mut mapping, name, CandidateReason::LocalFallBack, rules);
    mapping
}

/// The default domain for a user without one.
fn add_default(mapping: &mut Mapping, name: &str, rules: &MappingRules) {
    let domain_known = !mapping.candidates.is_empty();
    let default = rules
        .default_domain
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    match default {
        // Another domain's account of the same name may belong to another person.
        Some(default) if domain_known => mapping.left_out.push(LeftOut::new(
            format!("{default}\\{name}"),
            "the default domain is for users without a domain, and this one has one",
        )),
        Some(default) => mapping.add(name, Some(default), CandidateReason::DefaultDomain),
        None => {}
    }
}

/// A local account, where the fall-back is on.
fn add_local(mapping: &mut Mapping, name: &str, reason: CandidateReason, rules: &MappingRules) {
    if rules.fall_back_to_local {
        mapping.add(name, None, reason);
    } else {
        mapping.left_out.push(LeftOut::new(
            format!("{name} (local)"),
            "fall-back to local account is off",
        ));
    }
}

/// Whether two names are the same but for letter case (assumed soap:§3.1).
fn same_text(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameForm {
    Bare,
    DownLevel,
    Upn,
    Local,
}

struct UserName<'a> {
    name: &'a str,
    domain: Option<&'a str>,
    form: NameForm,
}

impl<'a> UserName<'a> {
    fn parse(text: &'a str) -> Self {
        let text = text.trim();
        if let Some((domain, name)) = text.split_once('\\') {
            let (domain, name) = (domain.trim(), name.trim());
            return match domain {
                "" => Self {
                    name,
                    domain: None,
                    form: NameForm::Bare,
                },
                "." => Self {
                    name,
                    domain: None,
                    form: NameForm::Local,
                },
                _ if domain.eq_ignore_ascii_case("(local)") => Self {
                    name,
                    domain: None,
                    form: NameForm::Local,
                },
                _ => Self {
                    name,
                    domain: Some(domain),
                    form: NameForm::DownLevel,
                },
            };
        }
        match text.rsplit_once('@') {
            Some((name, suffix)) if !name.trim().is_empty() => {
                let suffix = suffix.trim().trim_end_matches('.');
                let domain = (!suffix.is_empty()).then_some(suffix);
                let form = if domain.is_some() {
                    NameForm::Upn
                } else {
                    NameForm::Bare
                };
                Self {
                    name: name.trim(),
                    domain,
                    form,
                }
            }
            _ => Self {
                name: text,
                domain: None,
                form: NameForm::Bare,
            },
        }
    }
}
