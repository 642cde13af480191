//! Secrets, their values and their rules, as a vault starts with them.

use super::super::text::{SecretBytes, SecretText};
use super::{Level, NewGrant};

/// A secret.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Its id; the next free one when absent.
    pub id: Option<i32>,
    /// Its name.
    pub name: String,
    /// Its template by name.
    pub template: String,
    /// Its folder by path; none is the root.
    pub folder: Option<String>,
    /// Values by field name; a field without one is empty.
    pub items: Vec<(String, NewValue)>,
    /// False for a deleted secret.
    pub active: bool,
    /// Its own permissions; `None` inherits the folder's.
    pub permissions: Option<Vec<NewGrant>>,
    /// What stands between a caller and the values.
    pub rules: SecretRules,
    /// Who may approve requests, as in [`NewGrant::to`].
    pub approvers: Vec<String>,
}

impl NewSecret {
    /// An active secret without values.
    #[must_use]
    pub fn new(name: &str, template: &str) -> Self {
        Self {
            id: None,
            name: name.into(),
            template: template.into(),
            folder: None,
            items: Vec::new(),
            active: true,
            permissions: None,
            rules: SecretRules::default(),
            approvers: Vec::new(),
        }
    }

    /// Fixes the id.
    #[must_use]
    pub fn id(mut self, id: i32) -> Self {
        self.id = Some(id);
        self
    }

    /// Puts it into a folder.
    #[must_use]
    pub fn in_folder(mut self, path: &str) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Sets the value of a text, notes or URL field.
    #[must_use]
    pub fn item(mut self, field: &str, value: &str) -> Self {
        self.items
            .push((field.into(), NewValue::Text(value.into())));
        self
    }

    /// Sets the value of a password field.
    #[must_use]
    pub fn password(mut self, field: &str, value: &str) -> Self {
        self.items
            .push((field.into(), NewValue::Password(value.into())));
        self
    }

    /// Sets the content of a file field.
    #[must_use]
    pub fn file(mut self, field: &str, name: &str, bytes: &[u8]) -> Self {
        let value = NewValue::File {
            name: name.into(),
            bytes: bytes.to_vec().into(),
        };
        self.items.push((field.into(), value));
        self
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

    /// Requires a comment at every view.
    #[must_use]
    pub fn comment(mut self) -> Self {
        self.rules.comment = true;
        self
    }

    /// Requires a check-out.
    #[must_use]
    pub fn check_out(mut self, rule: CheckOutRule) -> Self {
        self.rules.check_out = Some(rule);
        self
    }

    /// Requires a request that one of `approvers` approves.
    #[must_use]
    pub fn approval(mut self, approvers: &[&str]) -> Self {
        self.rules.approval = true;
        self.approvers = approvers.iter().map(|&approver| approver.into()).collect();
        self
    }
}

/// The value of an item.
#[derive(Clone, Debug)]
pub enum NewValue {
    /// Of a text, notes or URL field.
    Text(String),
    /// Of a password field.
    Password(SecretText),
    /// Of a file field.
    File {
        /// The file's name.
        name: String,
        /// Its content.
        bytes: SecretBytes,
    },
}

/// What stands between a caller with View and the values of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretRules {
    /// Requires a comment at every view.
    pub comment: bool,
    /// Requires a ticket's number beside the comment.
    pub ticket: bool,
    /// Requires an approved request.
    pub approval: bool,
    /// DoubleLock: requires this second password. Excludes check-out (documented soap:§3.7).
    pub double_lock: Option<SecretText>,
    /// Requires a check-out.
    pub check_out: Option<CheckOutRule>,
    /// *Hide Launcher Password*: only a caller with Edit sees the password.
    pub hide_launcher_password: bool,
    /// Served through the SSH proxy.
    pub proxy: bool,
    /// Rotates by itself, so that `ExpireSecret` changes the password.
    pub auto_change: bool,
}

impl SecretRules {
    /// What the vendor calls *restricted* (vendor-client soap:§3.4): a search shows such a secret
    /// only when asked to.
    #[must_use]
    pub fn restricted(&self) -> bool {
        self.comment
            || self.ticket
            || self.approval
            || self.double_lock.is_some()
            || self.check_out.is_some()
    }
}

/// How a secret is checked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckOutRule {
    /// Interval in minutes; `None` takes the global one.
    pub minutes: Option<u32>,
    /// Check-in rotates the password.
    pub change_password: bool,
}
