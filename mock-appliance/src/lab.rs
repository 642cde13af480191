//! The table `[appliance]` of a lab file: who uses the console, what they can jump to, and which
//! API accounts ECMs sign in with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use sim_kit::config::{ConfigError, SecretRef, read_section, read_text};
use sim_kit::seeded::Seed;
use toml::Spanned;

use crate::config::Settings;
use crate::secret::Secret;
use crate::state::accounts::{ApiAccount, ClientId, CommandAccess, Permissions};
use crate::state::directory::{
    ConsoleUser, DEFAULT_ECM_GROUP, Directory, JumpItem, JumpItemType, Product, ProviderType,
};
use crate::state::username_format::UsernameFormat;

/// The built-in lab: the company ACME.
pub const ACME: &str = include_str!("../labs/acme.toml");
/// What messages call the built-in lab.
pub const ACME_NAME: &str = "built-in lab acme.toml";
/// Longest user name (documented ecm:§7.1).
const USERNAME_CHARACTERS_MAX: usize = 64;

/// A lab that was read and found consistent.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Console users, Jump Groups and Jump Items.
    pub directory: Directory,
    /// API accounts, each with where its secret comes from.
    pub accounts: Vec<AccountPlan>,
    /// How the appliance behaves.
    pub settings: Settings,
}

/// An API account as the lab describes it.
#[derive(Clone, Debug)]
pub struct AccountPlan {
    name: String,
    client_id: Option<String>,
    client_secret: SecretRef,
    enabled: bool,
    permissions: Permissions,
    ecm_group: String,
    addresses: Vec<crate::state::address::AddressRange>,
}

impl Lab {
    /// The built-in lab.
    ///
    /// # Errors
    /// Never, as a test sees to; the type is that of [`Lab::read`].
    pub fn acme() -> Result<Self, ConfigError> {
        Self::read(Path::new(ACME_NAME), ACME)
    }

    /// Reads the table `[appliance]` of a lab file.
    ///
    /// # Errors
    /// When a key is unknown or missing, a value is of the wrong type, or a name refers to
    /// something that the lab does not have. The message names line and cure.
    pub fn read(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let section: Section = read_section(path, text, "appliance")?;
        Checker { path, text }.lab(section)
    }

    /// [`Lab::read`] from a file.
    ///
    /// # Errors
    /// As [`Lab::read`], and when the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        Self::read(path, &read_text(path)?)
    }
}

impl AccountPlan {
    /// The account and its client secret in this run. A client id that the lab leaves out follows
    /// from the seed.
    ///
    /// # Errors
    /// When the reference to the secret cannot be resolved.
    pub fn build(&self, seed: Seed) -> Result<(ApiAccount, Secret), ConfigError> {
        let purpose = format!("appliance api account {}", self.name);
        let secret = Secret::from(self.client_secret.resolve(&purpose, seed)?);
        let made = || seed.stream(&format!("{purpose} client id")).hex(40);
        let client_id = ClientId(self.client_id.clone().unwrap_or_else(made));
        let mut account = ApiAccount::new(client_id, &self.name, secret.digest());
        account.enabled = self.enabled;
        account.permissions = self.permissions;
        account.ecm_group.clone_from(&self.ecm_group);
        account.addresses.clone_from(&self.addresses);
        Ok((account, secret))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    product: Option<Spanned<String>>,
    company: Option<String>,
    ecm_groups: Vec<Spanned<String>>,
    api_accounts: Vec<AccountEntry>,
    console_users: Vec<UserEntry>,
    jump_groups: Vec<GroupEntry>,
    jump_items: Vec<ItemEntry>,
    settings: Settings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    name: Spanned<String>,
    client_id: Option<Spanned<String>>,
    client_secret: SecretRef,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default = "yes")]
    perm_ecm: bool,
    #[serde(default)]
    perm_command: CommandEntry,
    #[serde(default)]
    perm_reporting_support: bool,
    #[serde(default)]
    perm_configuration: bool,
    ecm_group: Option<Spanned<String>>,
    #[serde(default)]
    ip_addresses: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CommandEntry {
    #[default]
    Deny,
    ReadOnly,
    FullAccess,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    username: Spanned<String>,
    distinguished_name: Option<String>,
    display_name: Option<String>,
    provider_type: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupEntry {
    name: Spanned<String>,
    ecm_group: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemEntry {
    r#type: Spanned<String>,
    name: Spanned<String>,
    hostname: Option<String>,
    port: Option<u16>,
    url: Option<String>,
    #[serde(default)]
    additional_ips: Vec<String>,
    application_name: Option<String>,
    jump_group: Option<Spanned<String>>,
    tag: Option<String>,
    username_format: Option<Spanned<String>>,
}

fn yes() -> bool {
    true
}

/// Turns what was written into what is meant, and refuses what means nothing.
struct Checker<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Checker<'_> {
    fn lab(&self, section: Section) -> Result<Lab, ConfigError> {
        self.settings(&section.settings)?;
        let product = self.product(section.product.as_ref())?;
        let ecm_groups = self.ecm_groups(product, &section.ecm_groups)?;
        let jump_groups = self.jump_groups(&section.jump_groups, &ecm_groups)?;
        let directory = Directory {
            product,
            company: section.company.unwrap_or_else(|| "ACME".to_owned()),
            users: self.users(section.console_users)?,
            jump_items: self.jump_items(section.jump_items, &jump_groups)?,
            jump_groups,
        };
        let accounts = self.accounts(section.api_accounts, &ecm_groups)?;
        Ok(Lab {
            directory,
            accounts,
            settings: section.settings,
        })
    }

    fn settings(&self, settings: &Settings) -> Result<(), ConfigError> {
        let least_one = [
            ("tokens_max", settings.tokens_max as u64),
            ("max_ecms", settings.max_ecms as u64),
            ("hello_timeout_ms", settings.hello_timeout_ms),
            ("ping_interval_s", settings.ping_interval_s),
            ("release_retry_ms", settings.release_retry_ms),
        ];
        match least_one.into_iter().find(|(_, value)| *value == 0) {
            None => Ok(()),
            Some((name, _)) => Err(ConfigError::at(
                format!("{}: [appliance.settings]", self.path.display()),
                format!("{name} must be at least 1"),
            )),
        }
    }

    fn product(&self, product: Option<&Spanned<String>>) -> Result<Product, ConfigError> {
        match product.map(|name| (name, name.get_ref().as_str())) {
            None | Some((_, "pra")) => Ok(Product::Pra),
            Some((_, "rs")) => Ok(Product::Rs),
            Some((name, _)) => Err(self.refuse(name, "product: write \"pra\" or \"rs\"")),
        }
    }

    fn ecm_groups(
        &self,
        product: Product,
        names: &[Spanned<String>],
    ) -> Result<BTreeSet<String>, ConfigError> {
        let mut groups = BTreeSet::from([DEFAULT_ECM_GROUP.to_owned()]);
        for name in names {
            if product == Product::Rs && name.get_ref() != DEFAULT_ECM_GROUP {
                let cure = "Remote Support has no ECM Groups; remove ecm_groups, or make the \
                            product \"pra\"";
                return Err(self.refuse(name, cure));
            }
            groups.insert(name.get_ref().clone());
        }
        Ok(groups)
    }

    fn jump_groups(
        &self,
        entries: &[GroupEntry],
        ecm_groups: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, ConfigError> {
        let mut groups = BTreeMap::new();
        for entry in entries {
            let ecm_group = self.ecm_group(entry.ecm_group.as_ref(), ecm_groups)?;
            if groups
                .insert(entry.name.get_ref().clone(), ecm_group)
                .is_some()
            {
                return Err(self.twice("Jump Group", &entry.name));
            }
        }
        Ok(groups)
    }

    fn ecm_group(
        &self,
        name: Option<&Spanned<String>>,
        ecm_groups: &BTreeSet<String>,
    ) -> Result<String, ConfigError> {
        match name {
            None => Ok(DEFAULT_ECM_GROUP.to_owned()),
            Some(name) if ecm_groups.contains(name.get_ref()) => Ok(name.get_ref().clone()),
            Some(name) => Err(self.missing("ECM Group", "ecm_groups", name, ecm_groups.iter())),
        }
    }

    fn users(&self, entries: Vec<UserEntry>) -> Result<BTreeMap<String, ConsoleUser>, ConfigError> {
        let mut users = BTreeMap::new();
        for entry in entries {
            let username = entry.username.get_ref().clone();
            if username.is_empty() || username.chars().count() > USERNAME_CHARACTERS_MAX {
                let cure = format!("a user name has 1 to {USERNAME_CHARACTERS_MAX} characters");
                return Err(self.refuse(&entry.username, &cure));
            }
            let provider_type = match &entry.provider_type {
                None => ProviderType::Local,
                Some(name) => self.parsed("provider_type", name)?,
            };
            let user = ConsoleUser {
                username: username.clone(),
                distinguished_name: entry.distinguished_name,
                display_name: entry.display_name,
                provider_type,
            };
            if users.insert(username, user).is_some() {
                return Err(self.twice("console user", &entry.username));
            }
        }
        Ok(users)
    }

    fn jump_items(
        &self,
        entries: Vec<ItemEntry>,
        jump_groups: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, JumpItem>, ConfigError> {
        let mut items = BTreeMap::new();
        for entry in entries {
            let kind: JumpItemType = self.parsed("type", &entry.r#type)?;
            self.has_what_its_type_needs(kind, &entry)?;
            if let Some(group) = &entry.jump_group
                && !jump_groups.contains_key(group.get_ref())
            {
                let known = jump_groups.keys();
                return Err(self.missing("Jump Group", "jump_groups", group, known));
            }
            let name = entry.name.get_ref().clone();
            let username_format = match &entry.username_format {
                None => UsernameFormat::Default,
                Some(format) if kind == JumpItemType::WebJump => {
                    self.parsed("username_format", format)?
                }
                Some(format) => {
                    let cure = "only a Jump Item of type web_jump has a username_format";
                    return Err(self.refuse(format, cure));
                }
            };
            let item = JumpItem {
                kind,
                username_format,
                name: name.clone(),
                hostname: entry.hostname,
                port: entry.port,
                url: entry.url,
                additional_ips: entry.additional_ips,
                application_name: entry.application_name,
                jump_group: entry.jump_group.map(Spanned::into_inner),
                tag: entry.tag,
            };
            if items.insert(name, item).is_some() {
                return Err(self.twice("Jump Item", &entry.name));
            }
        }
        Ok(items)
    }

    /// Which data reach the ECM for a type (documented ecm:§2.5).
    fn has_what_its_type_needs(
        &self,
        kind: JumpItemType,
        entry: &ItemEntry,
    ) -> Result<(), ConfigError> {
        let lacks = |key: &str| {
            self.refuse(
                &entry.name,
                &format!("a Jump Item of type {kind} needs the key {key}"),
            )
        };
        match kind {
            JumpItemType::WebJump => match entry.url.as_deref() {
                None => Err(lacks("url")),
                Some(url) if url.starts_with("https://") || url.starts_with("http://") => Ok(()),
                Some(_) => Err(self.refuse(&entry.name, "url must start with https:// or http://")),
            },
            _ if entry.hostname.is_none() => Err(lacks("hostname")),
            JumpItemType::SecureApp if entry.application_name.is_none() => {
                Err(lacks("application_name"))
            }
            _ => Ok(()),
        }
    }

    fn accounts(
        &self,
        entries: Vec<AccountEntry>,
        ecm_groups: &BTreeSet<String>,
    ) -> Result<Vec<AccountPlan>, ConfigError> {
        let mut accounts = Vec::<AccountPlan>::new();
        for entry in entries {
            if accounts
                .iter()
                .any(|other| other.name == *entry.name.get_ref())
            {
                return Err(self.twice("API account", &entry.name));
            }
            if let Some(id) = &entry.client_id
                && accounts
                    .iter()
                    .any(|other| other.client_id.as_ref() == Some(id.get_ref()))
            {
                return Err(self.twice("client id", id));
            }
            accounts.push(self.account(entry, ecm_groups)?);
        }
        Ok(accounts)
    }

    fn account(
        &self,
        entry: AccountEntry,
        ecm_groups: &BTreeSet<String>,
    ) -> Result<AccountPlan, ConfigError> {
        if let Some(id) = &entry.client_id {
            let hex = id.get_ref().bytes().all(|byte| byte.is_ascii_hexdigit());
            if id.get_ref().len() != 40 || !hex {
                let cure = "client_id: a client id has 40 hexadecimal digits; leave the key out \
                            to have one made";
                return Err(self.refuse(id, cure));
            }
        }
        let mut addresses = Vec::new();
        for range in &entry.ip_addresses {
            addresses.push(self.parsed("ip_addresses", range)?);
        }
        Ok(AccountPlan {
            ecm_group: self.ecm_group(entry.ecm_group.as_ref(), ecm_groups)?,
            name: entry.name.into_inner(),
            client_id: entry.client_id.map(Spanned::into_inner),
            client_secret: entry.client_secret,
            enabled: entry.enabled,
            permissions: Permissions {
                ecm: entry.perm_ecm,
                command: match entry.perm_command {
                    CommandEntry::Deny => CommandAccess::Deny,
                    CommandEntry::ReadOnly => CommandAccess::ReadOnly,
                    CommandEntry::FullAccess => CommandAccess::FullAccess,
                },
                reporting_support: entry.perm_reporting_support,
                configuration: entry.perm_configuration,
            },
            addresses,
        })
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &str,
        text: &Spanned<String>,
    ) -> Result<T, ConfigError> {
        text.get_ref()
            .parse()
            .map_err(|error| self.refuse(text, &format!("{key}: {error}")))
    }

    fn missing<'n>(
        &self,
        what: &str,
        key: &str,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'n String>,
    ) -> ConfigError {
        let known: Vec<&str> = known.map(String::as_str).collect();
        let name_text = name.get_ref();
        let cure = match known.as_slice() {
            [] => format!("the lab has no {what} {name_text:?}; add it to {key}"),
            _ => format!(
                "the lab has no {what} {name_text:?}; add it to {key}, or take one of {}",
                known.join(", ")
            ),
        };
        self.refuse(name, &cure)
    }

    fn twice(&self, what: &str, name: &Spanned<String>) -> ConfigError {
        self.refuse(
            name,
            &format!("there are two of {what} {:?}; rename one", name.get_ref()),
        )
    }

    fn refuse(&self, at: &Spanned<String>, message: &str) -> ConfigError {
        let before = self.text.get(..at.span().start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::at(format!("{}:{line}", self.path.display()), message)
    }
}

#[cfg(test)]
mod tests;
