//! What operators may see of the vault: no password, no token, no file.

use std::sync::Arc;

use sim_kit::clock::SimTime;

use super::Vault;
use super::answer::SecretAccessRequestStatus;
use super::mailbox::Mail;
use super::model::{UserSlot, Value, same_folded};
use super::text::ItemValue;
use super::trust::Trust;

/// The trust of a user in an API account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustView {
    /// The API account, as [`super::Operate`] names it.
    pub caller: Arc<str>,
    /// The user, likewise.
    pub user: Arc<str>,
    /// Where it stands.
    pub state: Trust,
    /// The id in the mail's link, while pending.
    pub request_id: Option<String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// The vendor's id.
    pub id: i32,
    /// As [`super::Operate`] names it.
    pub name: Arc<str>,
    /// Name for people.
    pub display_name: Arc<str>,
    /// May log on.
    pub enabled: bool,
    /// Locked by wrong passwords.
    pub locked: bool,
    /// An account for programs.
    pub application_account: bool,
}

/// A secret in somebody's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOutView {
    /// The secret.
    pub secret_id: i32,
    /// Its name.
    pub secret_name: Arc<str>,
    /// The holder, as [`super::Operate`] names them.
    pub holder: Arc<str>,
    /// When it comes back by itself.
    pub until: SimTime,
}

/// A request for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequestView {
    /// What the two approval operations take.
    pub approval_id: String,
    /// The secret.
    pub secret_id: i32,
    /// Its name.
    pub secret_name: Arc<str>,
    /// Who asks, as [`super::Operate`] names them.
    pub requester: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// Where it stands.
    pub status: SecretAccessRequestStatus,
    /// When an approval ends.
    pub expires_at: Option<SimTime>,
}

/// An access to a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessView {
    /// When.
    pub at: SimTime,
    /// The secret.
    pub secret_id: i32,
    /// What, in the words of the audit.
    pub action: Arc<str>,
    /// In whose context.
    pub user: Arc<str>,
    /// The API account that acted, if one did: the report "What Secrets have been accessed by an
    /// impersonated user?" (documented soap:§3.3).
    pub impersonated_by: Option<Arc<str>>,
}

impl Vault {
    /// The mail that was sent, oldest first.
    pub fn mailbox(&self) -> impl Iterator<Item = &Mail> {
        self.mailbox.iter()
    }

    /// Every trust that was ever asked for.
    #[must_use]
    pub fn trusts(&self) -> Vec<TrustView> {
        let views = self.bonds.iter().map(|(&(caller, user), bond)| TrustView {
            caller: self.directory.known_as(caller),
            user: self.directory.known_as(user),
            state: bond.state(),
            request_id: bond.request_id().map(str::to_owned),
        });
        views.collect()
    }

    /// Every user.
    #[must_use]
    pub fn users(&self) -> Vec<UserView> {
        let views = self.directory.slots().map(|(slot, user)| UserView {
            id: user.id,
            name: self.directory.known_as(slot),
            display_name: Arc::clone(&user.display_name),
            enabled: user.enabled,
            locked: user.locked.is_some(),
            application_account: user.application_account,
        });
        views.collect()
    }

    /// The secrets that are out at `now`.
    #[must_use]
    pub fn check_outs(&self, now: SimTime) -> Vec<CheckOutView> {
        // A vault begins with every secret free.
        let held = self.secrets.changed().filter_map(|secret| {
            let held = secret.check_out().filter(|held| now < held.until)?;
            Some(CheckOutView {
                secret_id: secret.id,
                secret_name: Arc::clone(&secret.name),
                holder: self.directory.known_as(held.holder),
                until: held.until,
            })
        });
        held.collect()
    }

    /// The requests for access, oldest first.
    #[must_use]
    pub fn access_requests(&self) -> Vec<AccessRequestView> {
        let views = self.requests.iter().map(|request| AccessRequestView {
            approval_id: request.approval_id.clone(),
            secret_id: self.secret(request.secret).id,
            secret_name: Arc::clone(&self.secret(request.secret).name),
            reason: Arc::clone(&request.reason),
            requester: self.directory.known_as(request.requester),
            status: request.status,
            expires_at: request.expires_at,
        });
        views.collect()
    }

    /// The requests that a user, named as [`super::Operate`] names users, may answer or has seen
    /// answered: those for secrets that they are an approver of.
    #[must_use]
    pub fn access_requests_for(&self, approver: &str) -> Vec<AccessRequestView> {
        let Some(user) = self.directory.by_text(approver) else {
            return Vec::new();
        };
        let mut views = self.access_requests();
        views.retain(|view| self.may_answer(user, &view.approval_id));
        views
    }

    /// The audit, oldest first.
    #[must_use]
    pub fn accesses(&self) -> Vec<AccessView> {
        let name = |slot: UserSlot| self.directory.known_as(slot);
        let views = self.audit.iter().map(|row| AccessView {
            at: row.at,
            secret_id: self.secret(row.secret).id,
            action: Arc::clone(&row.action),
            user: name(row.user),
            impersonated_by: row.via.map(name),
        });
        views.collect()
    }

    /// The value of a secret's field, past every rule: for tests that compare what was injected
    /// with what the vault holds. The secret and the field are named in any case; of several
    /// secrets of that name it is the first.
    #[must_use]
    pub fn sim_value(&self, secret_name: &str, field: &str) -> Option<ItemValue> {
        let secret = self
            .secrets
            .iter()
            .find(|one| same_folded(&one.name, secret_name))?;
        let fields = &self.template(secret.template).fields;
        let place = fields.iter().position(|one| one.is_called(field))?;
        match &secret.values[place] {
            Value::Plain(text) => Some(ItemValue::Plain(Arc::clone(text))),
            Value::Hidden(text) => Some(ItemValue::Hidden(text.clone())),
            Value::Planted(by) => {
                let password = by.password(&secret.name, &fields[place].name);
                Some(ItemValue::Hidden(password))
            }
            Value::Empty | Value::File(_) => None,
        }
    }

    /// How many secrets there are, deleted ones included.
    #[must_use]
    pub fn secret_count(&self) -> usize {
        self.secrets.len()
    }

    /// How many tokens are live at `now`.
    #[must_use]
    pub fn live_tokens(&self, now: SimTime) -> usize {
        self.sessions.count(now)
    }
}
