//! The `[password-safe]` table of a lab file: who there is, what is managed, who may what.

mod accounts;
mod origin;
mod people;
mod populate;
mod words;

use accounts::{LastGroups, SmallAccount};
pub(crate) use origin::Origin;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use sim_kit::config::{ConfigError, LongTable, SecretRef, read_long_file, read_long_section};

use crate::settings::Settings;

/// The built-in lab: the company ACME.
pub const ACME: &str = include_str!("../../labs/acme.toml");

const SECTION: &str = "password-safe";

/// What the simulator is filled with.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Lab {
    /// Assumed behaviours.
    pub settings: Settings,
    /// Workgroups by name; those that systems name need not be repeated here.
    pub workgroups: Vec<String>,
    /// Applications by display name.
    pub applications: Vec<String>,
    /// Managed systems with their accounts.
    pub systems: Vec<SystemEntry>,
    /// Access policies.
    pub policies: Vec<PolicyEntry>,
    /// Ticket systems; they are numbered from 1.
    pub ticket_systems: Vec<TicketSystemEntry>,
    /// API registrations.
    pub registrations: Vec<RegistrationEntry>,
    /// User groups.
    pub groups: Vec<GroupEntry>,
    /// Users.
    pub users: Vec<UserEntry>,
    /// Aliases.
    pub aliases: Vec<AliasEntry>,
    /// Secrets of Secrets Safe.
    pub secrets: Vec<SecretEntry>,
    /// What *Connect to Secure Remote Access* is given; absent means not connected.
    pub secure_remote_access: Option<SecureRemoteAccessEntry>,
    /// Many systems and accounts without a line each.
    pub bulk: Option<BulkEntry>,
}

impl LongTable for Lab {
    type Read<'t> = SystemEntry;
    type Row = SystemEntry;
    type Memory = LastGroups;
    const ROWS: &'static str = "systems";

    fn keep(mut read: SystemEntry, memory: &mut LastGroups) -> SystemEntry {
        memory.share(&mut read.accounts);
        read.accounts.shrink_to_fit();
        read
    }

    fn rows(&mut self) -> &mut Vec<SystemEntry> {
        &mut self.systems
    }
}

/// A managed system.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SystemEntry {
    /// System name.
    pub name: String,
    /// Platform: `Windows`, `Linux`, `Cisco`, `MS SQL Server`, `Active Directory` or `Amazon`.
    pub platform: String,
    /// DNS name.
    pub dns: Option<String>,
    /// IP address.
    pub ip: Option<std::net::IpAddr>,
    /// Database instance.
    pub instance: Option<String>,
    /// The domain, for a directory.
    pub domain: Option<String>,
    /// Port, when not the platform's.
    pub port: Option<u16>,
    /// Workgroup.
    pub workgroup: Option<String>,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Its accounts.
    #[serde(default)]
    #[schemars(with = "Vec<AccountEntry>")]
    pub(crate) accounts: Vec<SmallAccount>,
}

/// A managed account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountEntry {
    /// Account name without a domain.
    pub name: String,
    /// Password.
    #[serde(default = "generate")]
    pub password: SecretRef,
    /// DSS key: private key text.
    pub key: Option<SecretRef>,
    /// Passphrase of the key.
    pub passphrase: Option<SecretRef>,
    /// Seed of one-time codes, in base32.
    pub totp: Option<SecretRef>,
    /// User principal name, for a directory's account.
    pub upn: Option<String>,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// *Enable for API access*.
    #[serde(default = "yes")]
    pub api: bool,
    /// Smart groups by name.
    #[serde(default)]
    pub smart_groups: Vec<String>,
    /// Systems that a directory account is linked to.
    #[serde(default)]
    pub linked_to: Vec<String>,
    /// Applications by display name.
    #[serde(default)]
    pub applications: Vec<String>,
    /// User to whom the account is dedicated.
    pub dedicated_to: Option<String>,
    /// Release duration, minutes; 120 when absent.
    pub release_min: Option<u32>,
    /// Longest release, minutes; 525,600 when absent.
    pub release_max_min: Option<u32>,
    /// Requests at a time; 1 when absent.
    pub concurrent_max: Option<u16>,
    /// Change the password after any release.
    #[serde(default)]
    pub rotates: bool,
}

/// An access policy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyEntry {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Schedules; one that is always open when there is none.
    #[serde(default)]
    pub schedules: Vec<ScheduleEntry>,
}

/// A schedule of an access policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ScheduleEntry {
    /// Days, `mon` to `sun`; all when empty.
    pub days: Vec<String>,
    /// First minute, `HH:MM` in UTC; midnight when absent.
    pub from: Option<String>,
    /// End, `HH:MM` in UTC; midnight when absent.
    pub to: Option<String>,
    /// Approvals needed; 0 releases at once.
    pub approvers: u16,
    /// Access types: `View`, `RDP`, `SSH`, `App`; all when empty.
    pub access: Vec<String>,
    /// Approvals needed by access type, where they differ: `{ RDP = 2 }`.
    pub approvers_by_access: BTreeMap<String, u16>,
    /// Other users' releases of an access type at a time; 0 is unlimited.
    pub concurrent_max: u16,
    /// Access types whose sessions are recorded; every one but `View` when absent.
    pub record: Option<Vec<String>>,
    /// A reason is required.
    pub reason_required: bool,
    /// A ticket number is required.
    pub ticket_required: bool,
    /// Number of the only ticket system that fits; any when absent.
    pub ticket_system: Option<i32>,
    /// *Allow API Rotation Override*.
    pub rotation_override: bool,
}

/// A ticket system.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TicketSystemEntry {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// *Active*.
    #[serde(default = "yes")]
    pub active: bool,
    /// The one that is meant when a request names none.
    #[serde(default)]
    pub default: bool,
}

/// The kind of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationEntryKind {
    /// API key.
    ApiKey,
    /// OAuth client credentials.
    ApiAccess,
}

/// An API registration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RegistrationEntry {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: RegistrationEntryKind,
    /// The key; `generate` makes 128 hexadecimal digits.
    #[serde(default = "generate")]
    pub key: SecretRef,
    /// Address rules: `10.0.0.1`, `10.0.0.1-10.0.0.9`, `10.0.0.0/8`. Without any the registration
    /// is inactive.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Rules for `X-Forwarded-For`.
    #[serde(default)]
    pub forwarded_for: Vec<String>,
    /// *Active*.
    #[serde(default = "yes")]
    pub active: bool,
    /// *Enforce multi-factor authentication*; the product has it on in a new registration.
    #[serde(default = "yes")]
    pub second_factor_enforced: bool,
    /// *User Password Required*.
    #[serde(default)]
    pub user_password_required: bool,
    /// *Client Certificate Required*: nobody has one here, so everybody is refused.
    #[serde(default)]
    pub client_certificate_required: bool,
    /// Access token duration, minutes; 60 when absent.
    pub token_duration_min: Option<u32>,
}

/// A user group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GroupEntry {
    /// Name.
    pub name: String,
    /// Registrations by name.
    #[serde(default)]
    pub registrations: Vec<String>,
    /// Features that the group may read: `account-management`, `system-management`,
    /// `role-management`, `user-accounts-management`, `global-quarantine`, `secrets-safe`.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Features that the group fully controls.
    #[serde(default)]
    pub controls: Vec<String>,
    /// Roles on smart groups.
    #[serde(default)]
    pub roles: Vec<RoleEntry>,
}

/// A role on a smart group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RoleEntry {
    /// `requestor`, `approver`, `requestor-approver`, `isa` or `administrator`.
    pub role: String,
    /// Smart group; every managed account when absent.
    pub smart_group: Option<String>,
    /// Access policy, for requestors.
    pub policy: Option<String>,
}

/// A user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserEntry {
    /// `name` for a local user, `DOMAIN\name` for a directory's.
    pub name: String,
    /// User principal name.
    pub upn: Option<String>,
    /// First name.
    #[serde(default)]
    pub first_name: String,
    /// Last name.
    #[serde(default)]
    pub last_name: String,
    /// Mail address.
    #[serde(default)]
    pub email: String,
    /// Password, for registrations that require it.
    pub password: Option<SecretRef>,
    /// Code of the second factor, where the user has one.
    pub second_factor: Option<SecretRef>,
    /// Client secret: makes the user an application user; the client id is made from the seed.
    pub client_secret: Option<SecretRef>,
    /// Client id of an application user, when not made from the seed.
    pub client_id: Option<String>,
    /// Access policy of an application user.
    pub policy: Option<String>,
    /// Groups by name.
    #[serde(default)]
    pub groups: Vec<String>,
    /// May sign in.
    #[serde(default = "yes")]
    pub active: bool,
    /// Administrator of everything.
    #[serde(default)]
    pub administrator: bool,
}

/// An alias.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AliasEntry {
    /// Name.
    pub name: String,
    /// System of the account that it stands for.
    pub system: String,
    /// The account.
    pub account: String,
}

/// A secret of Secrets Safe: a credential, a text or a file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecretEntry {
    /// Safe and folders, separated by `/`; made as needed.
    pub path: String,
    /// Title.
    pub title: String,
    /// User name of a credential.
    pub username: Option<String>,
    /// File name of a file.
    pub file_name: Option<String>,
    /// Password, text, or content.
    #[serde(default = "generate")]
    pub value: SecretRef,
}

/// The form *Connect to Secure Remote Access*.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecureRemoteAccessEntry {
    /// Key of the registration that is created.
    #[serde(default = "generate")]
    pub key: SecretRef,
    /// Host of the appliance. Remembered and shown, connected to by nobody.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Client id of the appliance's API account.
    pub client_id: Option<String>,
    /// Its client secret.
    pub api_key: Option<SecretRef>,
    /// Release duration, minutes; 360 when absent.
    pub release_duration_min: Option<u32>,
    /// Users who are put into the group that is created.
    #[serde(default)]
    pub requesters: Vec<String>,
}

/// Systems `bulk-00001`… with accounts `account-001`…
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BulkEntry {
    /// How many systems.
    pub systems: u32,
    /// How many accounts on each.
    pub accounts_per_system: u32,
    /// Smart group of the accounts; none but the one of all accounts when absent.
    pub smart_group: Option<String>,
}

fn generate() -> SecretRef {
    SecretRef::Generate
}

fn yes() -> bool {
    true
}

impl Lab {
    /// Reads the table from the text of a lab file. `path` stands in messages only.
    ///
    /// # Errors
    /// When a key is unknown, a value has the wrong type, or a secret is a literal.
    pub fn read(path: &Path, text: &str) -> Result<Self, ConfigError> {
        read_long_section(path, text, SECTION)
    }

    /// Reads the table of a lab file.
    ///
    /// # Errors
    /// As [`Lab::read`], and when the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        read_long_file(path, SECTION)
    }

    /// The built-in lab.
    ///
    /// # Errors
    /// Never, unless the built-in file is broken.
    pub fn acme() -> Result<Self, ConfigError> {
        Self::read(Path::new("built-in lab acme.toml"), ACME)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sim_kit::clock::SimTime;
    use sim_kit::seeded::Seed;

    use super::*;

    fn refused(text: &str) -> String {
        let lab = Lab::read(Path::new("lab.toml"), text);
        let error = match lab {
            Err(error) => error,
            Ok(lab) => lab
                .populate(Seed(1), SimTime::SCENARIO_START)
                .err()
                .unwrap_or_else(|| panic!("accepted: {text}")),
        };
        error.to_string()
    }

    #[test]
    fn a_wrong_lab_names_the_place_and_the_cure() {
        for (text, words) in [
            ("[password-safe]\nsystem = []", "did you mean"),
            (
                "[[password-safe.users]]\nname = 'x'\npassword = 'hunter2'",
                "a literal secret is refused",
            ),
            (
                "[[password-safe.users]]\nname = 'x'\ngroups = ['g']",
                "group \"g\" is not defined",
            ),
            (
                "[[password-safe.systems]]\nname = 's'\nplatform = 'VMS'",
                "unknown platform",
            ),
            (
                "[[password-safe.groups]]\nname = 'g'\n[[password-safe.groups.roles]]\nrole = 'requestor'",
                "needs a policy",
            ),
            (
                "[[password-safe.registrations]]\nname = 'r'\nkind = 'api-key'\naddresses = ['x']",
                "write an address",
            ),
            ("[password-safe.settings]\nidle-timeout = 1", "did you mean"),
            (
                "[password-safe.settings]\ntoken-refusal-status = 200",
                "a refusal is 400 to 599",
            ),
            (
                "[[password-safe.policies]]\nname = 'p'\n[[password-safe.policies.schedules]]\nticket-system = 3",
                "ticket system 3 is not defined",
            ),
            (
                "[password-safe.bulk]\nsystems = 100000\naccounts-per-system = 100000",
                "ask for fewer",
            ),
        ] {
            let error = refused(text);
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_secrets() {
        let key = |seed| {
            let mut state = Lab::acme()
                .unwrap()
                .populate(Seed(seed), SimTime::SCENARIO_START)
                .unwrap()
                .0;
            state.connect_secure_remote_access(None).key
        };
        assert!(key(1).matches(key(1).expose()));
        assert!(!key(1).matches(key(2).expose()));
    }
}
