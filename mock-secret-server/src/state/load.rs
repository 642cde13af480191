//! From typed contents to a vault: every name becomes a slot, or an error that names the thing,
//! where it is missing, and the cure.

mod secrets;

pub(crate) use secrets::{Incoming, IncomingRules, Shape, identified};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sim_kit::clock::SimTime;
use thiserror::Error;

use super::Vault;
use super::answer::TicketSystem;
use super::contents::{Contents, NewGrant, NewTicketSystem, NewUser};
use super::directory::Directory;
use super::model::{
    Account, Domain, FolderRecord, FolderSlot, Grant, Group, GroupSlot, Principal, Radius, Role,
    UserSlot, same_folded,
};
use super::origin::Origin;
use super::role::RolePermission;
use super::sessions::TokenSource;

/// The first user, group or folder has this id.
const FIRST_ID: i32 = 2;

/// Why contents make no vault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentsError {
    /// Something names what is not there.
    #[error("load {user}: it names {what} `{name}`, which the lab does not declare{hint}")]
    Missing {
        /// What names it.
        user: String,
        /// Kind of the missing thing.
        what: &'static str,
        /// The name.
        name: String,
        /// The nearest name that is there, or the cure.
        hint: String,
    },
    /// Two things have one name or id.
    #[error("load {what} `{name}`: there are two of them; rename one")]
    Duplicate {
        /// Kind of the things.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A secret sets a field that its template has not.
    #[error(
        "load secret `{secret}`: template `{template}` has no field `{field}`; its fields are {fields}"
    )]
    NoField {
        /// The secret.
        secret: String,
        /// Its template.
        template: String,
        /// The field.
        field: String,
        /// The fields that are there.
        fields: String,
    },
    /// A value does not fit the kind of its field.
    #[error("load secret `{secret}`: field `{field}` holds {holds}, not {given}")]
    WrongKind {
        /// The secret.
        secret: String,
        /// The field.
        field: String,
        /// What the field holds.
        holds: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// DoubleLock and check-out exclude each other (documented soap:§3.7).
    #[error("load secret `{0}`: DoubleLock and check-out exclude each other; take one away")]
    DoubleLockedCheckOut(String),
    /// A secret wants approval, and nobody may give it. The product's form takes none without an
    /// approver (assumed).
    #[error(
        "load secret `{0}`: it requires approval and nobody is its approver; name users or groups \
         with members in approvers, or take approval away"
    )]
    NoApprover(String),
}

pub(super) type Loaded<T> = Result<T, ContentsError>;

impl Vault {
    /// A vault that holds `contents`. `now` is when everything in it came to be.
    ///
    /// # Errors
    /// When a name leads nowhere, stands twice, or a value does not fit its field.
    pub fn new(
        contents: Contents,
        source: Box<dyn TokenSource>,
        now: SimTime,
    ) -> Result<Self, ContentsError> {
        Origin::new(contents, now).map(|origin| origin.vault(source))
    }
}

impl Origin {
    /// Resolves the names in `contents`. `now` is when everything in it came to be.
    ///
    /// # Errors
    /// When a name leads nowhere, stands twice, or a value does not fit its field.
    pub fn new(mut contents: Contents, now: SimTime) -> Result<Self, ContentsError> {
        let secrets = identified(
            std::mem::take(&mut contents.secrets),
            |secret| secret.id,
            |secret, id| secret.id = Some(id),
            |secret| &secret.name,
        )?;
        let arriving = secrets.into_iter().map(|secret| Ok(secret.into()));
        Self::with_secrets(contents, arriving, now)
    }

    /// [`Origin::new`] with secrets that are made one by one, in the order of their ids, so that
    /// the memory of each serves the next.
    pub(crate) fn with_secrets<E: From<ContentsError>>(
        contents: Contents,
        secrets: impl ExactSizeIterator<Item = Result<Incoming, E>>,
        now: SimTime,
    ) -> Result<Self, E> {
        let directory = directory(&contents, now)?;
        let (folders, folder_paths) = folders(&contents, &directory)?;
        let mut origin = Self {
            settings: contents.settings,
            directory,
            folders: folders.into(),
            templates: secrets::templates(contents.templates)?.into(),
            secrets: Arc::default(),
            index: Arc::default(),
            ticket_systems: ticket_systems(contents.ticket_systems),
            trusts: Vec::with_capacity(contents.trusts.len()),
            made_at: now,
        };
        origin.add_secrets(secrets, &folder_paths)?;
        for trust in &contents.trusts {
            let of = format!("the trust of `{}` in `{}`", trust.user, trust.caller);
            let caller = origin.directory.named(&trust.caller, &of)?;
            let user = origin.directory.named(&trust.user, &of)?;
            origin.trusts.push((caller, user, trust.state));
        }
        Ok(origin)
    }
}

impl Directory {
    fn named(&self, text: &str, of: &str) -> Loaded<UserSlot> {
        self.by_text(text).ok_or_else(|| {
            let names = self
                .slots()
                .map(|(slot, _)| self.known_as(slot).to_string());
            missing(of, "user", text, names, "users")
        })
    }

    /// A group of that name, or else a user.
    fn principal(&self, text: &str, of: &str) -> Loaded<Principal> {
        if let Some(group) = self.group_by_name(text) {
            return Ok(Principal::Group(group));
        }
        self.by_text(text).map(Principal::User).ok_or_else(|| {
            let users = self
                .slots()
                .map(|(slot, _)| self.known_as(slot).to_string());
            let groups = self.groups.iter().map(|group| group.name.to_string());
            missing(
                of,
                "user or group",
                text,
                groups.chain(users),
                "users or groups",
            )
        })
    }

    pub(super) fn grants(&self, grants: &[NewGrant], of: &str) -> Loaded<Box<[Grant]>> {
        let grant = |one: &NewGrant| {
            Ok(Grant {
                to: self.principal(&one.to, of)?,
                level: one.level,
            })
        };
        grants.iter().map(grant).collect()
    }

    pub(super) fn principals(&self, names: &[String], of: &str) -> Loaded<Vec<Principal>> {
        names.iter().map(|name| self.principal(name, of)).collect()
    }
}

/// A message with the nearest name that is there, or else with the cure.
pub(super) fn missing(
    user: &str,
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = String>,
    table: &str,
) -> ContentsError {
    let nearest = known
        .map(|one| {
            (
                strsim::jaro_winkler(&one.to_lowercase(), &name.to_lowercase()),
                one,
            )
        })
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    let hint = match nearest {
        Some((_, one)) => format!("; did you mean `{one}`?"),
        None => format!("; correct the name, or declare it among the {table}"),
    };
    ContentsError::Missing {
        user: user.to_owned(),
        what,
        name: name.to_owned(),
        hint,
    }
}

fn roles(contents: &Contents) -> Loaded<Vec<Role>> {
    let built_in = RolePermission::BUILT_IN_ROLES.map(|name| Role {
        name: name.into(),
        permissions: RolePermission::of_built_in(name),
    });
    let mut roles = Vec::from(built_in);
    for role in &contents.roles {
        if roles.iter().any(|one| same_folded(&one.name, &role.name)) {
            return Err(ContentsError::Duplicate {
                what: "role",
                name: role.name.clone(),
            });
        }
        let permissions = role.permissions.clone();
        roles.push(Role {
            name: role.name.as_str().into(),
            permissions,
        });
    }
    Ok(roles)
}

fn directory(contents: &Contents, now: SimTime) -> Loaded<Directory> {
    let mut directory = Directory {
        short_domain_names: contents.settings.short_domain_names,
        roles: roles(contents)?,
        ..Directory::default()
    };
    for (id, domain) in (1..).zip(&contents.domains) {
        if directory.domain(&domain.name).is_some() {
            return Err(ContentsError::Duplicate {
                what: "domain",
                name: domain.name.clone(),
            });
        }
        let name = domain.name.as_str().into();
        let short_name = domain.short_name.as_deref().map(Arc::from);
        directory.domains.push(Domain {
            id,
            name,
            short_name,
        });
    }
    for (place, user) in (0..).zip(&contents.users) {
        let account = account(&directory, user, place, now)?;
        let key = (account.domain, user.user_name.to_lowercase());
        if directory
            .log_on_names
            .insert(key, UserSlot(place))
            .is_some()
        {
            return Err(ContentsError::Duplicate {
                what: "user",
                name: user.user_name.clone(),
            });
        }
        directory.users.push(account);
    }
    for (place, group) in (0..).zip(&contents.groups) {
        if directory.group_by_name(&group.name).is_some() {
            return Err(ContentsError::Duplicate {
                what: "group",
                name: group.name.clone(),
            });
        }
        let of = format!("group `{}`", group.name);
        for member in &group.members {
            let slot = directory.named(member, &of)?;
            directory.user_mut(slot).groups.push(GroupSlot(place));
        }
        let id = numbered(place);
        directory.groups.push(Group {
            id,
            name: group.name.as_str().into(),
        });
    }
    Ok(directory)
}

fn account(directory: &Directory, user: &NewUser, place: u32, now: SimTime) -> Loaded<Account> {
    let of = format!("user `{}`", user.user_name);
    let domain = match &user.domain {
        None => None,
        Some(name) => Some(directory.domain(name).ok_or_else(|| {
            let known = directory
                .domains
                .iter()
                .map(|domain| domain.name.to_string());
            missing(&of, "domain", name, known, "domains")
        })?),
    };
    let ordinary = ["User".to_owned()];
    let names = if user.roles.is_empty() {
        &ordinary[..]
    } else {
        &user.roles
    };
    let role = |name: &String| {
        let place = directory
            .roles
            .iter()
            .position(|role| same_folded(&role.name, name));
        place.ok_or_else(|| {
            let known = directory.roles.iter().map(|role| role.name.to_string());
            missing(&of, "role", name, known, "roles")
        })
    };
    let roles = names.iter().map(role).collect::<Loaded<_>>()?;
    let known_as = match domain {
        Some(place) => format!("{}\\{}", directory.domains[place].name, user.user_name).into(),
        None => user.user_name.as_str().into(),
    };
    let age = Duration::from_secs(86_400 * u64::from(user.password_age_days));
    let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let display_name = user.display_name.as_ref().unwrap_or(&user.user_name);
    Ok(Account {
        id: numbered(place),
        user_name: user.user_name.as_str().into(),
        domain,
        display_name: display_name.as_str().into(),
        known_as,
        email: user.email.as_deref().map(Arc::from),
        password: user.password.clone(),
        password_set_at: SimTime(now.0.saturating_sub(age_ms)),
        password_expired: false,
        enabled: user.enabled,
        application_account: user.application_account,
        roles,
        groups: Vec::new(),
        two_factor: user.two_factor,
        radius: user.radius.as_ref().map(|radius| Radius {
            code: radius.code.clone(),
            challenge_answer: radius.challenge_answer.clone(),
            challenged: false,
        }),
        ip_allow: user.ip_allow.clone(),
        failed_attempts: 0,
        locked: None,
    })
}

/// Folders by their folded paths, as [`folded_path`] writes them.
pub(super) type FolderPaths = BTreeMap<String, FolderSlot>;

fn folders(contents: &Contents, directory: &Directory) -> Loaded<(Vec<FolderRecord>, FolderPaths)> {
    let mut records = Vec::new();
    let mut paths = FolderPaths::new();
    for (place, folder) in (0..).zip(&contents.folders) {
        let of = format!("folder `{}`", folder.path);
        let path = folded_path(&folder.path);
        let parent = match path.rsplit_once('/') {
            None => None,
            Some((above, _)) => Some(*paths.get(above).ok_or_else(|| {
                missing(
                    &of,
                    "folder",
                    above,
                    paths.keys().cloned(),
                    "folders before it",
                )
            })?),
        };
        let grants = folder.permissions.as_ref();
        records.push(FolderRecord {
            id: numbered(place),
            name: name_in(&folder.path).into(),
            parent,
            grants: grants
                .map(|grants| directory.grants(grants, &of))
                .transpose()?,
        });
        if paths.insert(path, FolderSlot(place)).is_some() {
            return Err(ContentsError::Duplicate {
                what: "folder",
                name: folder.path.clone(),
            });
        }
    }
    Ok((records, paths))
}

/// A folder's path with `/` between the names, without one at the ends, lower-cased.
pub(super) fn folded_path(path: &str) -> String {
    let names: Vec<_> = path
        .split(['/', '\\'])
        .filter(|name| !name.is_empty())
        .collect();
    names.join("/").to_lowercase()
}

fn name_in(path: &str) -> &str {
    path.split(['/', '\\'])
        .rfind(|name| !name.is_empty())
        .unwrap_or_default()
}

fn numbered(place: u32) -> i32 {
    i32::try_from(place)
        .unwrap_or(i32::MAX)
        .saturating_add(FIRST_ID)
}

fn ticket_systems(systems: Vec<NewTicketSystem>) -> Vec<TicketSystem> {
    let numbered = (1..).zip(systems).map(|(id, system)| TicketSystem {
        ticket_system_id: id,
        name: system.name.into(),
        description: system.description.map(Arc::from),
        is_default: system.is_default,
    });
    numbered.collect()
}

/// Whether two names of the lab are one.
pub(super) fn same_name(left: &str, right: &str) -> bool {
    same_folded(left, right)
}
