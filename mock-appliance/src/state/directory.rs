//! Who uses the access console and what they can jump to. Fixed by the lab.

use super::username_format::UsernameFormat;
use std::collections::BTreeMap;
use std::fmt;

/// The ECM Group of everything that names none (documented ecm:§3.1).
pub const DEFAULT_ECM_GROUP: &str = "Default";

/// Which of the two products runs on the appliance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Product {
    /// Privileged Remote Access.
    #[default]
    Pra,
    /// Remote Support. It has no ECM Groups (documented sra:§5.5).
    Rs,
}

impl Product {
    /// The product's name on the ECM link.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pra => "pra",
            Self::Rs => "rs",
        }
    }

    /// The product's name as an actor of session events (recorded sra:§4.3).
    #[must_use]
    pub fn full_name(self) -> &'static str {
        match self {
            Self::Pra => "Privileged Remote Access",
            Self::Rs => "Remote Support",
        }
    }
}

/// Where a console user signs in (documented sra:§5.5). It decides which form the user name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderType {
    /// The appliance's own users.
    Local,
    /// LDAP or Active Directory.
    Ldap,
    /// RADIUS: carries no domain.
    Radius,
    /// Kerberos.
    Kerberos,
    /// SAML.
    Saml,
    /// SCIM.
    Scim,
}

/// What a Jump Item is (documented ecm:§2.5; the spelling is the link's own).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are the vendor's; `as_str` gives the link's spelling"
)]
pub enum JumpItemType {
    JumpClient,
    RemoteJump,
    LocalJump,
    RemoteRdp,
    LocalRdp,
    SecureApp,
    RemoteVnc,
    LocalVnc,
    ShellJump,
    WebJump,
    ProtocolTunnel,
    Vpro,
    ExternalRdp,
    ExternalShell,
}

/// The text names none of the known values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", .0.join(", "))]
pub struct UnknownName(pub Vec<&'static str>);

/// Gives a type of names its spelling and its parser.
macro_rules! named {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name on the ECM link and in lab files.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::state::directory::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::state::directory::UnknownName(vec![$($name),+])),
                }
            }
        }
    };
}

pub(super) use named;

named!(ProviderType {
    Local = "local",
    Ldap = "ldap",
    Radius = "radius",
    Kerberos = "kerberos",
    Saml = "saml",
    Scim = "scim",
});

named!(JumpItemType {
    JumpClient = "jump_client",
    RemoteJump = "remote_jump",
    LocalJump = "local_jump",
    RemoteRdp = "remote_rdp",
    LocalRdp = "local_rdp",
    SecureApp = "secure_app",
    RemoteVnc = "remote_vnc",
    LocalVnc = "local_vnc",
    ShellJump = "shell_jump",
    WebJump = "web_jump",
    ProtocolTunnel = "protocol_tunnel",
    Vpro = "vpro",
    ExternalRdp = "external_rdp",
    ExternalShell = "external_shell",
});

/// A user of the access console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleUser {
    /// The name in whatever form the provider gives: bare, down-level or UPN (documented ecm:§7.1).
    pub username: String,
    /// Beside the name, from LDAP providers.
    pub distinguished_name: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// Where the user signs in.
    pub provider_type: ProviderType,
}

/// Something to jump to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JumpItem {
    /// What it is.
    pub kind: JumpItemType,
    /// Its name in the console; unique in a lab.
    pub name: String,
    /// Host name or address; may carry `:port` (documented sra:§6).
    pub hostname: Option<String>,
    /// Port, where the item has one of its own.
    pub port: Option<u16>,
    /// Address of a Web Jump.
    pub url: Option<String>,
    /// Public and private addresses of a Jump Client.
    pub additional_ips: Vec<String>,
    /// Name of the application of an RDP SecureApp item.
    pub application_name: Option<String>,
    /// The Jump Group it stands in.
    pub jump_group: Option<String>,
    /// Free label.
    pub tag: Option<String>,
    /// In which form a Web Jump types the user name.
    pub username_format: UsernameFormat,
}

/// Everything the lab put there.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The product.
    pub product: Product,
    /// The company that owns the site.
    pub company: String,
    /// Console users by name.
    pub users: BTreeMap<String, ConsoleUser>,
    /// The ECM Group of each Jump Group.
    pub jump_groups: BTreeMap<String, String>,
    /// Jump Items by name.
    pub jump_items: BTreeMap<String, JumpItem>,
}

/// A name that the directory does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInDirectory {
    /// No console user has that name.
    #[error("there is no console user {0:?}")]
    User(String),
    /// No Jump Item has that name.
    #[error("there is no Jump Item {0:?}")]
    JumpItem(String),
}

impl Directory {
    /// A console user by name; letter case does not matter (assumed ecm:§7.3).
    ///
    /// # Errors
    /// When there is none.
    pub fn user(&self, username: &str) -> Result<&ConsoleUser, NotInDirectory> {
        let same = |user: &&ConsoleUser| user.username.eq_ignore_ascii_case(username);
        let found = self
            .users
            .get(username)
            .or_else(|| self.users.values().find(same));
        found.ok_or_else(|| NotInDirectory::User(username.to_owned()))
    }

    /// A Jump Item by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn jump_item(&self, name: &str) -> Result<&JumpItem, NotInDirectory> {
        self.jump_items
            .get(name)
            .ok_or_else(|| NotInDirectory::JumpItem(name.to_owned()))
    }

    /// The ECM Group that serves a Jump Item.
    #[must_use]
    pub fn ecm_group(&self, item: &JumpItem) -> &str {
        let of_group = item
            .jump_group
            .as_ref()
            .and_then(|group| self.jump_groups.get(group));
        of_group.map_or(DEFAULT_ECM_GROUP, String::as_str)
    }
}

impl fmt::Display for JumpItemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
