//! The `[secret-server]` table of a lab: TOML in, [`Contents`] out. Rust tests that need no file
//! write [`Contents`] directly.
//!
//! Secrets are references (`generate`, `env:NAME`, `file:PATH`); what is generated follows from
//! the run's seed and the place, and is a canary.

mod secrets;
mod section;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sim_kit::clock::SimTime;
use sim_kit::config::{ConfigError, SecretRef, read_long_file, read_long_section};
use sim_kit::seeded::Seed;
use zeroize::Zeroizing;

use crate::config::Protocol;
use crate::seeded_tokens::SeededTokens;
use crate::server::StartFailure;
use crate::settings::Settings;
use crate::state::{
    Contents, NewDomain, NewFolder, NewGroup, NewRadius, NewRole, NewTemplate, NewTicketSystem,
    NewTrust, NewUser, Origin, RolePermission, SecretText, Vault, identified,
};
use secrets::{Canaries, DOUBLE_LOCK, SecretEntry, purpose_of};
use section::{Section, UserEntry};

/// The built-in lab: the company ACME.
pub const ACME: &str = include_str!("../labs/acme.toml");
/// What messages call the built-in lab.
pub const ACME_NAME: &str = "built-in lab acme.toml";

const SECTION: &str = "secret-server";

/// What generated secrets hang on, beside the fields of secrets.
const PASSWORD: &str = "password";
const RADIUS_CODE: &str = "radius code";
const RADIUS_ANSWER: &str = "radius answer";

/// The vault's table of a lab file, read but not resolved.
#[derive(Clone, Debug)]
pub struct Lab {
    path: PathBuf,
    section: Arc<Section>,
}

impl Lab {
    /// The built-in lab.
    ///
    /// # Errors
    /// Never, as a test sees to; the type is that of [`Lab::read`].
    pub fn acme() -> Result<Self, ConfigError> {
        Self::read(Path::new(ACME_NAME), ACME)
    }

    /// Reads the table `[secret-server]` of a lab file. `path` stands in messages only.
    ///
    /// # Errors
    /// When a key is unknown or missing, a value of the wrong type, or a secret a literal.
    pub fn read(path: &Path, text: &str) -> Result<Self, ConfigError> {
        read_long_section(path, text, SECTION).map(|section| Self::of(path, section))
    }

    /// Reads the table `[secret-server]` of a lab file.
    ///
    /// # Errors
    /// As [`Lab::read`], and when the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        read_long_file(path, SECTION).map(|section| Self::of(path, section))
    }

    fn of(path: &Path, section: Section) -> Self {
        Self {
            path: path.to_owned(),
            section: Arc::new(section),
        }
    }

    /// How the vault behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.section.settings
    }

    /// Switches of the web service itself.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        &self.section.protocol
    }

    /// What somebody who tries the simulator by hand must be given, by the name that an operator
    /// knows it by: `acme.example\\kim` is the password of that user, `acme.example\\kim: RADIUS
    /// code` and `acme.example\\kim: RADIUS answer` the second factor, and `Servers/safe01: DoubleLock
    /// password` what opens that secret.
    ///
    /// # Errors
    /// When a reference leads nowhere.
    pub fn passwords(&self, seed: Seed) -> Result<Vec<(String, Zeroizing<String>)>, ConfigError> {
        let mut passwords = Vec::new();
        let mut tell = |name: String, from: Option<&SecretRef>, purpose: String| {
            if let Some(reference) = from {
                passwords.push((name, reference.resolve(&purpose, seed)?));
            }
            Ok(())
        };
        for user in &self.section.users {
            let (name, radius) = (user.reference(), user.radius.as_ref());
            let code = radius.map(|radius| &radius.code);
            let answer = radius.and_then(|radius| radius.challenge_answer.as_ref());
            tell(name.clone(), user.password.as_ref(), user.purpose(PASSWORD))?;
            tell(
                format!("{name}: RADIUS code"),
                code,
                user.purpose(RADIUS_CODE),
            )?;
            tell(
                format!("{name}: RADIUS answer"),
                answer,
                user.purpose(RADIUS_ANSWER),
            )?;
        }
        for secret in &self.section.secrets {
            let Some(double_lock) = secret.double_lock() else {
                continue;
            };
            let folder = secret.folder.as_deref().unwrap_or_default();
            let path = format!("{folder}/{}", secret.name);
            tell(
                format!("{}: DoubleLock password", path.trim_start_matches('/')),
                Some(double_lock),
                purpose_of(&secret.name, DOUBLE_LOCK),
            )?;
        }
        Ok(passwords)
    }

    /// The vault at the start of a run.
    ///
    /// # Errors
    /// When a secret's reference leads nowhere, or a name does: the message names the thing, where
    /// it is missing and the cure.
    pub fn vault(&self, seed: Seed, now: SimTime) -> Result<Vault, ConfigError> {
        let contents = self.contents(seed)?;
        Vault::new(contents, Box::new(SeededTokens::new(seed)), now)
            .map_err(|error| ConfigError::at(self.place(), error.to_string()))
    }

    /// The contents with every secret resolved.
    ///
    /// # Errors
    /// When a secret's reference leads nowhere.
    pub fn contents(&self, seed: Seed) -> Result<Contents, ConfigError> {
        let (mut contents, secrets) = self.clone().taken_apart(seed)?;
        let secrets = secrets.into_iter().map(|secret| secret.resolve(seed));
        contents.secrets = secrets.collect::<Result<_, _>>()?;
        Ok(contents)
    }

    /// What vaults start from. Nothing is copied when this is the only clone of the lab: of
    /// 100,000 secrets that counts.
    pub(crate) fn into_origin(self, seed: Seed, now: SimTime) -> Result<Origin, StartFailure> {
        let (contents, secrets) = self.taken_apart(seed)?;
        let planter = Arc::new(Canaries(seed));
        let secrets = identified(
            secrets,
            |secret| secret.id,
            |secret, id| secret.id = Some(id),
            |secret| &secret.name,
        )?;
        let arriving = secrets
            .into_iter()
            .map(|secret| Ok(secret.arrives(&planter)?));
        Origin::with_secrets(contents, arriving, now)
    }

    /// The contents without the secrets, and these, not yet resolved.
    fn taken_apart(self, seed: Seed) -> Result<(Contents, Vec<SecretEntry>), ConfigError> {
        let (roles, trusts) = (self.roles()?, self.trusts());
        let section = Arc::unwrap_or_clone(self.section);
        let users: Result<Vec<_>, _> = section
            .users
            .iter()
            .map(|user| user.resolve(seed))
            .collect();
        let contents = Contents {
            settings: section.settings,
            domains: section.domains.iter().map(NewDomain::from).collect(),
            roles,
            users: users?,
            groups: section.groups.iter().map(NewGroup::from).collect(),
            folders: section.folders.iter().map(NewFolder::from).collect(),
            templates: section.templates.iter().map(NewTemplate::from).collect(),
            secrets: Vec::new(),
            trusts,
            ticket_systems: section
                .ticket_systems
                .iter()
                .map(NewTicketSystem::from)
                .collect(),
        };
        Ok((contents, section.secrets))
    }

    /// The password of a user: what an ECM that plays on this lab must be given.
    ///
    /// # Errors
    /// When the lab has no such user, the user no password, or its reference leads nowhere.
    pub fn password(&self, user: &str, seed: Seed) -> Result<Zeroizing<String>, ConfigError> {
        let found = self
            .section
            .users
            .iter()
            .find(|one| one.name.eq_ignore_ascii_case(user));
        let entry = found.ok_or_else(|| {
            ConfigError::at(
                self.place(),
                format!("no user `{user}` among secret-server.users"),
            )
        })?;
        let reference = entry.password.as_ref().ok_or_else(|| {
            let cure = format!("user `{user}` has no password; add password = \"generate\"");
            ConfigError::at(self.place(), cure)
        })?;
        reference.resolve(&entry.purpose(PASSWORD), seed)
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn roles(&self) -> Result<Vec<NewRole>, ConfigError> {
        let role = |entry: &section::RoleEntry| {
            let permission = |name: &String| {
                RolePermission::from_name(name).ok_or_else(|| {
                    let known = RolePermission::names().join(", ");
                    let role = &entry.name;
                    let text = format!("role `{role}`: no permission `{name}`; there are {known}");
                    ConfigError::at(self.place(), text)
                })
            };
            let permissions = entry
                .permissions
                .iter()
                .map(permission)
                .collect::<Result<_, _>>()?;
            Ok(NewRole {
                name: entry.name.clone(),
                permissions,
            })
        };
        self.section.roles.iter().map(role).collect()
    }

    /// First what the users' own `trust` says, towards every account that may impersonate; then
    /// the list, which overrides it.
    fn trusts(&self) -> Vec<NewTrust> {
        let section = &self.section;
        let impersonates = |role: &String| {
            section.roles.iter().any(|entry| {
                entry.name == *role
                    && entry.permissions.iter().any(|name| {
                        RolePermission::from_name(name)
                            == Some(RolePermission::WebServicesImpersonate)
                    })
            })
        };
        let callers: Vec<&UserEntry> = section
            .users
            .iter()
            .filter(|user| user.roles.iter().any(impersonates))
            .collect();
        let mut trusts = Vec::new();
        for user in &section.users {
            let Some(state) = user.trust else { continue };
            trusts.extend(callers.iter().map(|caller| NewTrust {
                caller: caller.reference(),
                user: user.reference(),
                state: state.into(),
            }));
        }
        trusts.extend(section.trusts.iter().map(|trust| NewTrust {
            caller: trust.caller.clone(),
            user: trust.user.clone(),
            state: trust.state.into(),
        }));
        trusts
    }
}

impl UserEntry {
    /// As the rest of a lab refers to this user.
    fn reference(&self) -> String {
        match &self.domain {
            Some(domain) => format!("{domain}\\{}", self.name),
            None => self.name.clone(),
        }
    }

    /// What a generated secret of this user hangs on.
    fn purpose(&self, what: &str) -> String {
        format!("secret-server user {} {what}", self.reference())
    }

    fn resolve(&self, seed: Seed) -> Result<NewUser, ConfigError> {
        let secret = |reference: &SecretRef, what: &str| {
            reference
                .resolve(&self.purpose(what), seed)
                .map(|text| SecretText::from(text.as_str()))
        };
        let radius = match &self.radius {
            None => None,
            Some(radius) => Some(NewRadius {
                code: secret(&radius.code, RADIUS_CODE)?,
                challenge_answer: radius
                    .challenge_answer
                    .as_ref()
                    .map(|answer| secret(answer, RADIUS_ANSWER))
                    .transpose()?,
            }),
        };
        let password = self
            .password
            .as_ref()
            .map(|one| secret(one, PASSWORD))
            .transpose()?;
        Ok(NewUser {
            user_name: self.name.clone(),
            domain: self.domain.clone(),
            display_name: self.display_name.clone(),
            email: self.email.clone(),
            password,
            enabled: self.enabled,
            application_account: self.application_account,
            roles: self.roles.clone(),
            two_factor: self.two_factor.into(),
            radius,
            ip_allow: self.ip_allow.clone(),
            password_age_days: self.password_age_days,
        })
    }
}

#[cfg(test)]
mod tests;
