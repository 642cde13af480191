//! What is managed: systems, accounts, and what they hang on.

use std::net::IpAddr;
use std::sync::Arc;

use sim_kit::clock::SimTime;

use super::catalogue::Indexed;
use super::ids::{
    AccountId, AliasId, ApplicationId, PlatformId, SmartGroupId, SystemId, UserId, WorkgroupId,
};
use super::index::Key;
use super::layered::Identified;
use crate::secret::Secret;

/// What a managed system is. The number is the wire's `EntityTypeID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntityType {
    Asset = 1,
    Database = 2,
    Directory = 3,
    Cloud = 4,
}

impl EntityType {
    /// The type of a number on the wire.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        let all = [Self::Asset, Self::Database, Self::Directory, Self::Cloud];
        all.into_iter().find(|entity| *entity as i64 == number)
    }
}

/// A platform: how to reach systems of its kind.
#[derive(Clone, Debug)]
pub(crate) struct Platform {
    pub(crate) id: PlatformId,
    pub(crate) name: String,
    pub(crate) short_name: String,
    pub(crate) default_port: Option<i32>,
    /// `RDP`, `SSH`, or none for what cannot be logged on to.
    pub(crate) default_session: Option<&'static str>,
    pub(crate) supports_keys: bool,
    pub(crate) entity: EntityType,
}

/// A workgroup.
#[derive(Clone, Debug)]
pub(crate) struct Workgroup {
    pub(crate) id: WorkgroupId,
    pub(crate) name: String,
    pub(crate) organization: String,
}

/// An application that is started under a managed account.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    pub(crate) display_name: String,
}

/// A managed system.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) id: SystemId,
    pub(crate) entity: EntityType,
    pub(crate) name: String,
    pub(crate) dns_name: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) instance: Option<String>,
    /// The domain, for a directory.
    pub(crate) domain: Option<String>,
    pub(crate) platform: PlatformId,
    pub(crate) workgroup: Option<WorkgroupId>,
    pub(crate) port: Option<i32>,
    pub(crate) description: String,
    /// An asset may be known without being managed.
    pub(crate) managed: bool,
    pub(crate) terms: Terms,
}

/// How a system is managed.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) contact_email: Option<String>,
    pub(crate) timeout_s: i32,
    pub(crate) release_min: i32,
    pub(crate) release_max_min: i32,
    pub(crate) isa_release_min: i32,
    pub(crate) functional_account: Option<i32>,
}

/// An account under which the product manages systems. What it keeps secret is not kept.
#[derive(Clone, Debug)]
pub(crate) struct FunctionalAccount {
    pub(crate) id: i32,
    pub(crate) platform: PlatformId,
    pub(crate) domain: Option<String>,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) description: String,
    pub(crate) elevation_command: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) azure_instance: Option<String>,
}

/// A managed account. There may be very many, so what is rare hangs on a pointer.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) system: SystemId,
    pub(crate) name: Box<str>,
    /// The domain, for a directory's account.
    pub(crate) domain: Option<Box<str>>,
    pub(crate) description: Box<str>,
    pub(crate) api_enabled: bool,
    pub(crate) release_min: i32,
    pub(crate) release_max_min: i32,
    pub(crate) isa_release_min: i32,
    /// 0 is unlimited (`assumed psafe:§4.4`).
    pub(crate) concurrent_max: u16,
    pub(crate) auto_management: bool,
    pub(crate) rotates_after_release: bool,
    pub(crate) smart_groups: Arc<[SmartGroupId]>,
    pub(crate) password: Password,
    pub(crate) changed_at: Option<SimTime>,
    rare: Option<Box<Rare>>,
}

/// What few managed accounts have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rare {
    pub(crate) upn: Option<String>,
    pub(crate) dedicated_to: Option<UserId>,
    pub(crate) applications: Vec<ApplicationId>,
    pub(crate) key: Option<Secret>,
    pub(crate) passphrase: Option<Secret>,
    /// Seed of one-time codes, in base32.
    pub(crate) totp: Option<Secret>,
}

static NOTHING_RARE: Rare = Rare {
    upn: None,
    dedicated_to: None,
    applications: Vec::new(),
    key: None,
    passphrase: None,
    totp: None,
};

/// The password of an account: as planted, or minted for this generation when it is read, so that
/// 100,000 accounts cost no password each.
#[derive(Clone, Debug)]
pub(crate) enum Password {
    Planted(Box<Secret>),
    Minted { generation: u32 },
}

/// An alias: a stable name for accounts that take turns.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) id: AliasId,
    pub(crate) name: String,
    pub(crate) system: SystemId,
    pub(crate) account: AccountId,
}

impl Identified for System {
    type Id = SystemId;

    fn id(&self) -> SystemId {
        self.id
    }
}

impl Identified for FunctionalAccount {
    type Id = i32;

    fn id(&self) -> i32 {
        self.id
    }
}

impl Identified for Account {
    type Id = AccountId;

    fn id(&self) -> AccountId {
        self.id
    }
}

/// The kind under which assets are found that are not managed.
pub(super) const UNMANAGED: Key = Key::of_id(0);

/// What systems are found by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SystemBy {
    /// System name, DNS name or domain.
    Name,
    Address,
    Workgroup,
    /// The kind, of managed ones.
    Kind,
    /// Managed systems, by the functional account that manages them.
    FunctionalAccount,
}

/// What accounts are found by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AccountBy {
    /// Account name, `DOMAIN\name` or UPN.
    Name,
    System,
    SmartGroup,
    Application,
}

impl From<SystemBy> for usize {
    fn from(by: SystemBy) -> Self {
        by as Self
    }
}

impl From<AccountBy> for usize {
    fn from(by: AccountBy) -> Self {
        by as Self
    }
}

impl Indexed for System {
    type By = SystemBy;
    const WAYS: &'static [SystemBy] = &[
        SystemBy::Name,
        SystemBy::Address,
        SystemBy::Workgroup,
        SystemBy::Kind,
        SystemBy::FunctionalAccount,
    ];

    fn number(id: SystemId) -> i32 {
        id.0
    }

    fn numbered(number: i32) -> SystemId {
        SystemId(number)
    }

    fn keys(&self, by: SystemBy, tell: &mut dyn FnMut(Key)) {
        let key = match by {
            SystemBy::Name => return self.names().map(Key::of_name).for_each(tell),
            SystemBy::Address => self.address.map(Key::of_address),
            SystemBy::Workgroup => self.workgroup.map(|group| Key::of_id(group.0)),
            SystemBy::Kind if self.managed => Some(Key::of_id(self.entity as i32)),
            SystemBy::Kind => Some(UNMANAGED),
            SystemBy::FunctionalAccount => {
                let account = self.terms.functional_account.filter(|_| self.managed);
                account.map(Key::of_id)
            }
        };
        key.into_iter().for_each(tell);
    }
}

impl Indexed for Account {
    type By = AccountBy;
    const WAYS: &'static [AccountBy] = &[
        AccountBy::Name,
        AccountBy::System,
        AccountBy::SmartGroup,
        AccountBy::Application,
    ];

    fn number(id: AccountId) -> i32 {
        id.0
    }

    fn numbered(number: i32) -> AccountId {
        AccountId(number)
    }

    fn keys(&self, by: AccountBy, tell: &mut dyn FnMut(Key)) {
        match by {
            AccountBy::Name => {
                tell(Key::of_name(&self.name));
                let full_name = self.full_name();
                let others = [self.rare().upn.as_deref(), full_name.as_deref()];
                others
                    .into_iter()
                    .flatten()
                    .map(Key::of_name)
                    .for_each(tell);
            }
            AccountBy::System => tell(Key::of_id(self.system.0)),
            AccountBy::SmartGroup => {
                let groups = self.smart_groups.iter();
                groups.map(|group| Key::of_id(group.0)).for_each(tell);
            }
            AccountBy::Application => {
                let applications = self.rare().applications.iter();
                applications.map(|one| Key::of_id(one.0)).for_each(tell);
            }
        }
    }
}

impl System {
    /// The names under which it is found.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = [
            Some(&self.name),
            self.dns_name.as_ref(),
            self.domain.as_ref(),
        ];
        names.into_iter().flatten().map(String::as_str)
    }

    /// A managed system with the product's defaults (`documented psafe:§4.3`).
    pub(crate) fn named(
        id: SystemId,
        entity: EntityType,
        name: &str,
        platform: PlatformId,
    ) -> Self {
        Self {
            id,
            entity,
            name: name.to_owned(),
            dns_name: None,
            address: None,
            instance: None,
            domain: None,
            platform,
            workgroup: None,
            port: None,
            description: String::new(),
            managed: true,
            terms: Terms {
                contact_email: None,
                timeout_s: 30,
                release_min: 120,
                release_max_min: 525_600,
                isa_release_min: 120,
                functional_account: None,
            },
        }
    }
}

impl Account {
    /// A local account with the product's defaults (`documented psafe:§4.3`), API access off.
    pub(crate) fn named(id: AccountId, system: SystemId, name: Box<str>) -> Self {
        Self {
            id,
            system,
            name,
            domain: None,
            description: "".into(),
            api_enabled: false,
            release_min: 120,
            release_max_min: 525_600,
            isa_release_min: 120,
            concurrent_max: 1,
            auto_management: false,
            rotates_after_release: false,
            smart_groups: Arc::default(),
            password: Password::Minted { generation: 0 },
            changed_at: None,
            rare: None,
        }
    }

    pub(crate) fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NOTHING_RARE)
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// `DOMAIN\name`, for a directory's account.
    pub(crate) fn full_name(&self) -> Option<String> {
        let domain = self.domain.as_ref()?;
        Some(format!("{domain}\\{}", self.name))
    }

    /// Whether the account is found under this name.
    pub(super) fn goes_by(&self, name: &str) -> bool {
        same(&self.name, name) || self.goes_by_full(name)
    }

    /// Whether this is its `DOMAIN\name` or its UPN.
    pub(crate) fn goes_by_full(&self, name: &str) -> bool {
        self.full_name().is_some_and(|own| same(&own, name))
            || self.rare().upn.as_ref().is_some_and(|own| same(own, name))
    }
}

/// Whether two names are one: names are the same in any case.
pub(crate) fn same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        one.eq_ignore_ascii_case(other)
    } else {
        one.to_lowercase() == other.to_lowercase()
    }
}
