//! What a vault holds at the start, as typed values that refer to each other by name. A lab file
//! becomes this, and Rust tests write it directly:
//!
//! ```
//! use mock_secret_server::state::{Contents, Level, NewFolder, NewSecret, NewUser};
//! let contents = Contents::default()
//!     .with_user(NewUser::local("alice").password("pw").email("alice@acme.example"))
//!     .with_folder(NewFolder::new("Servers").grant("alice", Level::View))
//!     .with_secret(
//!         NewSecret::new("srv01\\admin", "Windows Account")
//!             .in_folder("Servers")
//!             .item("Machine", "srv01")
//!             .password("Password", "hunter2"),
//!     );
//! assert_eq!(contents.secrets.len(), 1);
//! ```

mod secret;

use super::role::RolePermission;
use super::text::SecretText;
use super::trust::Trust;
use crate::settings::{IpRange, Settings};

pub use secret::{CheckOutRule, NewSecret, NewValue, SecretRules};

/// Everything that a vault starts with.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// How the vault behaves.
    pub settings: Settings,
    /// Active Directory domains.
    pub domains: Vec<NewDomain>,
    /// Roles besides the built-in `Administrator` and `User`.
    pub roles: Vec<NewRole>,
    /// People and accounts for programs.
    pub users: Vec<NewUser>,
    /// Groups of users.
    pub groups: Vec<NewGroup>,
    /// Folders, a parent before its children.
    pub folders: Vec<NewFolder>,
    /// Templates besides the built-in ones; one with the same name replaces it.
    pub templates: Vec<NewTemplate>,
    /// The secrets.
    pub secrets: Vec<NewSecret>,
    /// What users have answered to API accounts already.
    pub trusts: Vec<NewTrust>,
    /// Ticket systems.
    pub ticket_systems: Vec<NewTicketSystem>,
}

impl Contents {
    /// Adds a user.
    #[must_use]
    pub fn with_user(mut self, user: NewUser) -> Self {
        self.users.push(user);
        self
    }

    /// Adds a domain under its full and its short name.
    #[must_use]
    pub fn with_domain(mut self, name: &str, short_name: &str) -> Self {
        self.domains.push(NewDomain {
            name: name.into(),
            short_name: Some(short_name.into()),
        });
        self
    }

    /// Adds a role with these permissions.
    #[must_use]
    pub fn with_role(mut self, name: &str, permissions: &[RolePermission]) -> Self {
        self.roles.push(NewRole {
            name: name.into(),
            permissions: permissions.to_vec(),
        });
        self
    }

    /// Adds a group of users.
    #[must_use]
    pub fn with_group(mut self, name: &str, members: &[&str]) -> Self {
        let members = members.iter().map(|&member| member.into()).collect();
        self.groups.push(NewGroup {
            name: name.into(),
            members,
        });
        self
    }

    /// Adds a folder.
    #[must_use]
    pub fn with_folder(mut self, folder: NewFolder) -> Self {
        self.folders.push(folder);
        self
    }

    /// Adds a secret.
    #[must_use]
    pub fn with_secret(mut self, secret: NewSecret) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Records what `user` has answered to `caller`.
    #[must_use]
    pub fn with_trust(mut self, caller: &str, user: &str, state: Trust) -> Self {
        self.trusts.push(NewTrust {
            caller: caller.into(),
            user: user.into(),
            state,
        });
        self
    }
}

/// An Active Directory domain.
#[derive(Clone, Debug)]
pub struct NewDomain {
    /// Its full name, `acme.example`.
    pub name: String,
    /// Its short (NetBIOS) name, `ACME`.
    pub short_name: Option<String>,
}

/// A role.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// What it permits.
    pub permissions: Vec<RolePermission>,
}

/// A user or an account for programs.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Log-on name without the domain.
    pub user_name: String,
    /// The domain, none for a local account.
    pub domain: Option<String>,
    /// Name for people; the log-on name when absent.
    pub display_name: Option<String>,
    /// Where mail goes; without one no mail is sent.
    pub email: Option<String>,
    /// The password; without one nobody can log on as this user.
    pub password: Option<SecretText>,
    /// May log on.
    pub enabled: bool,
    /// An account for programs, which cannot sign in to the pages.
    pub application_account: bool,
    /// Roles by name; `User` when empty.
    pub roles: Vec<String>,
    /// Where the second factor is asked for.
    pub two_factor: TwoFactor,
    /// What the RADIUS server knows.
    pub radius: Option<NewRadius>,
    /// Addresses that this user may come from; empty leaves it to the setting.
    pub ip_allow: Vec<IpRange>,
    /// How old the password is at the start, days.
    pub password_age_days: u32,
}

impl NewUser {
    /// An enabled local user without a password.
    #[must_use]
    pub fn local(user_name: &str) -> Self {
        Self {
            user_name: user_name.into(),
            domain: None,
            display_name: None,
            email: None,
            password: None,
            enabled: true,
            application_account: false,
            roles: Vec::new(),
            two_factor: TwoFactor::Never,
            radius: None,
            ip_allow: Vec::new(),
            password_age_days: 0,
        }
    }

    /// An enabled user of a domain without a password.
    #[must_use]
    pub fn of_domain(user_name: &str, domain: &str) -> Self {
        Self {
            domain: Some(domain.into()),
            ..Self::local(user_name)
        }
    }

    /// Sets the password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets the name for people.
    #[must_use]
    pub fn display_name(mut self, name: &str) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// Sets where mail goes.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.email = Some(address.into());
        self
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(role.into());
        self
    }
}

/// Where a user's second factor is asked for (documented soap:§3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwoFactor {
    /// Nowhere.
    Never,
    /// At the pages only.
    Web,
    /// At the web service only.
    WebService,
    /// At both.
    Both,
}

/// What the RADIUS server knows about a user.
#[derive(Clone, Debug)]
pub struct NewRadius {
    /// The code that it accepts.
    pub code: SecretText,
    /// When set, the code is answered by a challenge and this is the answer to it.
    pub challenge_answer: Option<SecretText>,
}

/// A group.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Its users, as `alice`, `acme.example\bob` or `bob@acme.example`.
    pub members: Vec<String>,
}

/// How much a user may do with a secret or folder. Each level includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// See it, read its values.
    View,
    /// Change it.
    Edit,
    /// Decide who else may.
    Owner,
}

/// A permission for a user or group, by name.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// A group's name, or a user as in [`NewGroup::members`].
    pub to: String,
    /// How much.
    pub level: Level,
}

/// A folder.
#[derive(Clone, Debug)]
pub struct NewFolder {
    /// Its path from the top, `Servers/Linux`; `\` separates as well.
    pub path: String,
    /// Its own permissions; `None` inherits those of the folder above.
    pub permissions: Option<Vec<NewGrant>>,
}

impl NewFolder {
    /// A folder that inherits its permissions.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self {
            path: path.into(),
            permissions: None,
        }
    }

    /// Adds a permission of its own, which ends inheritance.
    #[must_use]
    pub fn grant(mut self, to: &str, level: Level) -> Self {
        self.permissions.get_or_insert_default().push(NewGrant {
            to: to.into(),
            level,
        });
        self
    }
}

/// A template.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// Its id; the next free one when absent.
    pub id: Option<i32>,
    /// Its name.
    pub name: String,
    /// Its fields in order.
    pub fields: Vec<NewField>,
}

/// A field of a template.
#[derive(Clone, Debug)]
pub struct NewField {
    /// Its name.
    pub name: String,
    /// Its label; the name when absent.
    pub display_name: Option<String>,
    /// What it holds.
    pub kind: FieldKind,
    /// *Exposed for Display*: searchable by the operations with "Exposed" in their name.
    pub exposed: bool,
}

/// What a field holds (documented soap:§3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A line of text.
    Text,
    /// Many lines.
    Notes,
    /// An address.
    Url,
    /// A password.
    Password,
    /// A file.
    File,
}

/// What a user has answered to an API account at the start.
#[derive(Clone, Debug)]
pub struct NewTrust {
    /// The API account.
    pub caller: String,
    /// The user.
    pub user: String,
    /// The answer.
    pub state: Trust,
}

/// A ticket system.
#[derive(Clone, Debug)]
pub struct NewTicketSystem {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Taken when a comment names none.
    pub is_default: bool,
}
