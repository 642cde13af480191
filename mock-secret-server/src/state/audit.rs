//! The audit: who did what with which secret, from where, and on whose behalf.

use std::collections::VecDeque;
use std::sync::Arc;

use sim_kit::clock::SimTime;

use super::answer::{Answer, AuditSecret};
use super::model::{SecretSlot, UserSlot};
use super::refusal::{Refusal, RefusalKind};
use super::role::RolePermission;
use super::{Caller, Vault};

/// Older rows go when there are more than this.
const ROWS_MAX: usize = 50_000;
/// Longest text of a row, bytes (assumed): a caller's comment must not fill the memory.
const TEXT_BYTES_MAX: usize = 4_096;

/// A row. The words for `action` are assumed after the vendor's (soap:§3.5).
#[derive(Clone, Debug)]
pub(super) struct Row {
    id: i32,
    pub(super) secret: SecretSlot,
    pub(super) at: SimTime,
    pub(super) action: Arc<str>,
    notes: Option<Arc<str>>,
    pub(super) user: UserSlot,
    /// The API account that acted as the user.
    pub(super) via: Option<UserSlot>,
    address: Arc<str>,
    reference_id: i32,
    ticket_number: Option<Arc<str>>,
}

/// What an operation writes.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) action: &'static str,
    pub(super) notes: Option<Arc<str>>,
    pub(super) ticket_number: Option<Arc<str>>,
}

impl Event {
    pub(super) fn of(action: &'static str) -> Self {
        Self {
            action,
            ..Self::default()
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Audit {
    rows: VecDeque<Row>,
    written: i32,
}

impl Audit {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.rows.iter()
    }

    fn write(&mut self, mut row: Row) {
        self.written = self.written.wrapping_add(1);
        row.id = self.written;
        row.address = bounded(row.address);
        row.notes = row.notes.map(bounded);
        row.ticket_number = row.ticket_number.map(bounded);
        if self.rows.len() == ROWS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }
}

fn bounded(text: Arc<str>) -> Arc<str> {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

impl Vault {
    pub(super) fn record(&mut self, caller: &Caller, secret: SecretSlot, event: Event) {
        self.audit.write(Row {
            id: 0,
            secret,
            at: caller.now,
            action: event.action.into(),
            notes: self.notes(caller, event.notes),
            user: caller.user,
            via: caller.via,
            address: caller.from.to_string().into(),
            reference_id: 0,
            ticket_number: event.ticket_number,
        });
    }

    /// What was said, and who acted as the user: the wire has no other place for that.
    fn notes(&self, caller: &Caller, said: Option<Arc<str>>) -> Option<Arc<str>> {
        let form = &self.settings.impersonation_audit_note;
        let via = caller.via.filter(|_| !form.is_empty());
        let Some(via) = via.map(|via| self.directory.user(via)) else {
            return said;
        };
        let note = form.replace("{}", &via.display_name);
        Some(match said {
            None => note.into(),
            // In front, so that no comment is long enough to push it out.
            Some(said) => format!("{note}. {said}").into(),
        })
    }

    pub(super) fn get_secret_audit(&mut self, caller: &Caller, id: i32) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        if !self.permits(caller.user, RolePermission::ViewSecretAudit) {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        let rows = self.audit.iter().rev().filter(|row| row.secret == slot);
        Ok(Answer::GetSecretAudit(
            rows.map(|row| self.audit_secret(row)).collect(),
        ))
    }

    pub(super) fn add_secret_custom_audit(
        &mut self,
        caller: &Caller,
        id: i32,
        custom: CustomAudit,
    ) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        if !self.permits(caller.user, RolePermission::AddSecretCustomAudit) {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        let user = match custom.user_id {
            0 => caller.user,
            id => self
                .directory
                .by_id(id)
                .ok_or_else(|| Refusal::new(RefusalKind::NotFound, "User not found."))?,
        };
        self.audit.write(Row {
            id: 0,
            secret: slot,
            at: caller.now,
            action: "CUSTOM AUDIT".into(),
            notes: self.notes(caller, custom.notes.map(Arc::from)),
            user,
            via: caller.via,
            address: custom
                .ip_address
                .unwrap_or_else(|| caller.from.to_string())
                .into(),
            reference_id: custom.reference_id.unwrap_or(0),
            ticket_number: custom.ticket_number.map(Arc::from),
        });
        Ok(Answer::WebService)
    }

    fn audit_secret(&self, row: &Row) -> AuditSecret {
        let secret = self.secret(row.secret);
        let user = self.directory.user(row.user);
        AuditSecret {
            audit_secret_id: row.id,
            secret_id: secret.id,
            date_recorded: row.at,
            action: Arc::clone(&row.action),
            notes: row.notes.clone(),
            user_id: user.id,
            secret_name: Arc::clone(&secret.name),
            ip_address: Arc::clone(&row.address),
            reference_id: row.reference_id,
            by_user_display_name: Arc::clone(&user.display_name),
            ticket_number: row.ticket_number.clone(),
        }
    }
}

/// The parameters of `AddSecretCustomAudit` behind the secret.
#[derive(Debug)]
pub(super) struct CustomAudit {
    pub(super) notes: Option<String>,
    pub(super) ip_address: Option<String>,
    pub(super) reference_id: Option<i32>,
    pub(super) ticket_number: Option<String>,
    pub(super) user_id: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_a_short_one_is_left_alone() {
        assert_eq!(&*bounded("INC-7".into()), "INC-7");
        let long = bounded("é".repeat(TEXT_BYTES_MAX).into());
        assert_eq!(long.len(), TEXT_BYTES_MAX);
        let odd = bounded(format!("x{}", "é".repeat(TEXT_BYTES_MAX)).into());
        assert_eq!(odd.len(), TEXT_BYTES_MAX - 1);
    }
}
