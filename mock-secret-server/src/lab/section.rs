//! The shape of the table, key by key. Every key is snake case, every choice kebab case.

use serde::Deserialize;
use sim_kit::config::{LongTable, SecretRef};

use super::secrets::{Memory, SecretEntry, SecretRow, rows};
use crate::config::Protocol;
use crate::settings::{IpRange, Settings};
use crate::state::{
    FieldKind, Level, NewDomain, NewField, NewFolder, NewGrant, NewGroup, NewTemplate,
    NewTicketSystem, Trust, TwoFactor,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    #[serde(default)]
    pub(super) settings: Settings,
    #[serde(default)]
    pub(super) protocol: Protocol,
    #[serde(default)]
    pub(super) domains: Vec<DomainEntry>,
    #[serde(default)]
    pub(super) roles: Vec<RoleEntry>,
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    #[serde(default)]
    pub(super) groups: Vec<GroupEntry>,
    #[serde(default)]
    pub(super) folders: Vec<FolderEntry>,
    #[serde(default)]
    pub(super) templates: Vec<TemplateEntry>,
    #[serde(default, deserialize_with = "rows")]
    pub(super) secrets: Vec<SecretEntry>,
    #[serde(default)]
    pub(super) trusts: Vec<TrustEntry>,
    #[serde(default)]
    pub(super) ticket_systems: Vec<TicketSystemEntry>,
}

impl LongTable for Section {
    type Read<'t> = SecretRow<'t>;
    type Row = SecretEntry;
    type Memory = Memory;
    const ROWS: &'static str = "secrets";

    fn keep(read: SecretRow<'_>, memory: &mut Memory) -> SecretEntry {
        memory.keep(read)
    }

    fn rows(&mut self) -> &mut Vec<SecretEntry> {
        &mut self.secrets
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainEntry {
    name: String,
    short_name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleEntry {
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEntry {
    pub(super) name: String,
    pub(super) domain: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) password: Option<SecretRef>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) application_account: bool,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) two_factor: TwoFactorChoice,
    pub(super) radius: Option<RadiusEntry>,
    #[serde(default)]
    pub(super) ip_allow: Vec<IpRange>,
    #[serde(default)]
    pub(super) password_age_days: u32,
    /// What the user has answered to every account that may impersonate.
    pub(super) trust: Option<TrustChoice>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RadiusEntry {
    pub(super) code: SecretRef,
    pub(super) challenge_answer: Option<SecretRef>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TwoFactorChoice {
    #[default]
    Never,
    Web,
    WebService,
    Both,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TrustChoice {
    None,
    Pending,
    Approved,
    Denied,
    Revoked,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    name: String,
    members: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FolderEntry {
    path: String,
    /// Absent: inherited.
    permissions: Option<Vec<GrantEntry>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantEntry {
    pub(super) to: String,
    pub(super) level: LevelChoice,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LevelChoice {
    View,
    Edit,
    Owner,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateEntry {
    id: Option<i32>,
    name: String,
    fields: Vec<FieldEntry>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldEntry {
    name: String,
    display_name: Option<String>,
    kind: KindChoice,
    #[serde(default)]
    exposed: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindChoice {
    Text,
    Notes,
    Url,
    Password,
    File,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustEntry {
    pub(super) caller: String,
    pub(super) user: String,
    pub(super) state: TrustChoice,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TicketSystemEntry {
    name: String,
    description: Option<String>,
    #[serde(default)]
    default: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn grants(entries: &[GrantEntry]) -> Vec<NewGrant> {
    let grant = |entry: &GrantEntry| NewGrant {
        to: entry.to.clone(),
        level: entry.level.into(),
    };
    entries.iter().map(grant).collect()
}

impl From<&DomainEntry> for NewDomain {
    fn from(entry: &DomainEntry) -> Self {
        Self {
            name: entry.name.clone(),
            short_name: entry.short_name.clone(),
        }
    }
}

impl From<&GroupEntry> for NewGroup {
    fn from(entry: &GroupEntry) -> Self {
        Self {
            name: entry.name.clone(),
            members: entry.members.clone(),
        }
    }
}

impl From<&FolderEntry> for NewFolder {
    fn from(entry: &FolderEntry) -> Self {
        Self {
            path: entry.path.clone(),
            permissions: entry.permissions.as_deref().map(grants),
        }
    }
}

impl From<&TemplateEntry> for NewTemplate {
    fn from(entry: &TemplateEntry) -> Self {
        let fields = entry.fields.iter().map(|field| NewField {
            name: field.name.clone(),
            display_name: field.display_name.clone(),
            kind: field.kind.into(),
            exposed: field.exposed,
        });
        Self {
            id: entry.id,
            name: entry.name.clone(),
            fields: fields.collect(),
        }
    }
}

impl From<&TicketSystemEntry> for NewTicketSystem {
    fn from(entry: &TicketSystemEntry) -> Self {
        Self {
            name: entry.name.clone(),
            description: entry.description.clone(),
            is_default: entry.default,
        }
    }
}

impl From<TwoFactorChoice> for TwoFactor {
    fn from(choice: TwoFactorChoice) -> Self {
        match choice {
            TwoFactorChoice::Never => Self::Never,
            TwoFactorChoice::Web => Self::Web,
            TwoFactorChoice::WebService => Self::WebService,
            TwoFactorChoice::Both => Self::Both,
        }
    }
}

impl From<TrustChoice> for Trust {
    fn from(choice: TrustChoice) -> Self {
        match choice {
            TrustChoice::None => Self::None,
            TrustChoice::Pending => Self::Pending,
            TrustChoice::Approved => Self::Approved,
            TrustChoice::Denied => Self::Denied,
            TrustChoice::Revoked => Self::Revoked,
        }
    }
}

impl From<LevelChoice> for Level {
    fn from(choice: LevelChoice) -> Self {
        match choice {
            LevelChoice::View => Self::View,
            LevelChoice::Edit => Self::Edit,
            LevelChoice::Owner => Self::Owner,
        }
    }
}

impl From<KindChoice> for FieldKind {
    fn from(choice: KindChoice) -> Self {
        match choice {
            KindChoice::Text => Self::Text,
            KindChoice::Notes => Self::Notes,
            KindChoice::Url => Self::Url,
            KindChoice::Password => Self::Password,
            KindChoice::File => Self::File,
        }
    }
}
