//! What stands between a caller with View and the values of a secret, in the order in which the
//! vault asks: DoubleLock, approval, a running password change, somebody else's check-out,
//! comment, ticket (soap:§3.5, soap:§3.7; the order is assumed).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::answer::SecretAccessRequestStatus;
use super::audit::Event;
use super::command::CodeResponse;
use super::model::{SecretSlot, UserSlot};
use super::refusal::{Refusal, RefusalKind, SecretError};
use super::text::SecretText;
use super::{Caller, Vault};

/// The only code that public clients name (vendor-client soap:§3.5).
const COMMENT: &str = "COMMENT";
/// Assumed soap:§3.5.
const DOUBLE_LOCK: &str = "DOUBLELOCK";
/// Assumed soap:§7 item 3.
const APPROVAL: &str = "APPROVAL";
/// Assumed soap:§7 item 3.
const CHECK_OUT: &str = "CHECKOUT";

/// What a caller said on the way in, for the audit.
#[derive(Debug, Default)]
pub(super) struct Said {
    comment: Option<Arc<str>>,
    ticket_number: Option<Arc<str>>,
}

impl Said {
    pub(super) fn event(self, action: &'static str) -> Event {
        Event {
            action,
            notes: self.comment,
            ticket_number: self.ticket_number,
        }
    }
}

impl Vault {
    /// The secret of that id, if it is not deleted and the caller may view it.
    pub(super) fn visible(&mut self, caller: &Caller, id: i32) -> Result<SecretSlot, Refusal> {
        let Some(slot) = self.slot_of(id).filter(|&slot| self.secret(slot).active) else {
            return Err(Refusal::new(RefusalKind::NoSuchSecret, "No secret exists."));
        };
        if self.level_on(caller.user, self.secret(slot)).is_none() {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        self.settle(slot, caller.now);
        Ok(slot)
    }

    /// Lets the caller at the values of a secret, or says what is missing. A secret with check-out
    /// is the caller's afterwards (documented soap:§3.7).
    pub(super) fn open(
        &mut self,
        caller: &Caller,
        id: i32,
        responses: &[CodeResponse],
    ) -> Result<(SecretSlot, Said), Refusal> {
        let slot = self.visible(caller, id)?;
        self.refuse_unapproved(caller, slot)?;
        let secret = self.secret(slot);
        if secret
            .rare
            .as_ref()
            .is_some_and(|rare| rare.changing_until.is_some())
        {
            let text = "The requested Secret has a password change in progress.";
            return Err(refused(RefusalKind::PasswordChangePending, CHECK_OUT, text));
        }
        let holder = secret.check_out().map(|held| held.holder);
        if let Some(holder) = holder.filter(|&one| one != caller.user)
            && !self.unlimited(caller.user)
        {
            let text = self.checked_out_text(holder);
            return Err(refused(RefusalKind::CheckedOut, CHECK_OUT, text));
        }
        let said = if holder == Some(caller.user) || self.viewed_lately(caller, slot) {
            Said::default()
        } else {
            self.ask(slot, responses)?
        };
        self.note_view(caller, slot);
        self.check_out(caller, slot);
        Ok((slot, said))
    }

    pub(super) fn checked_out_text(&self, holder: UserSlot) -> String {
        let name = &self.directory.user(holder).display_name;
        let tail = self.settings.checked_out_tail.replace("{}", name);
        format!("The requested Secret is currently checked out to {tail}")
    }

    fn refuse_unapproved(&self, caller: &Caller, slot: SecretSlot) -> Result<(), Refusal> {
        let needed = self.secret(slot).rules().approval && !self.unlimited(caller.user);
        if !needed || self.approved_until(caller, slot).is_some() {
            return Ok(());
        }
        let waiting = self.requests.iter().any(|request| {
            request.secret == slot
                && request.requester == caller.user
                && request.status == SecretAccessRequestStatus::Pending
        });
        let text = if waiting {
            "The requested Secret requires requesting approval. Approval is pending."
        } else {
            "The requested Secret requires requesting approval."
        };
        Err(refused(RefusalKind::ApprovalRequired, APPROVAL, text))
    }

    /// Asks for the DoubleLock password, the comment and the ticket.
    fn ask(&self, slot: SecretSlot, responses: &[CodeResponse]) -> Result<Said, Refusal> {
        let rules = self.secret(slot).rules();
        if let Some(lock) = &rules.double_lock
            && comment_for(responses, DOUBLE_LOCK) != Some(lock)
        {
            let text = "The requested Secret is DoubleLocked.";
            let titles = ("DoubleLock Password", "");
            return Err(question(
                RefusalKind::DoubleLocked,
                DOUBLE_LOCK,
                text,
                titles,
            ));
        }
        if !rules.comment && !rules.ticket {
            return Ok(Said::default());
        }
        let titles = (
            if rules.comment { "Comment" } else { "" },
            if rules.ticket { "Ticket Number" } else { "" },
        );
        let comment = comment_for(responses, COMMENT).filter(|text| !text.is_empty());
        if rules.comment && comment.is_none() {
            let text = "The requested Secret requires a comment when viewed.";
            return Err(question(
                RefusalKind::CommentRequired,
                COMMENT,
                text,
                titles,
            ));
        }
        let ticket = response_for(responses, COMMENT)
            .filter(|response| self.known_ticket_system(response.ticket_system_id))
            .and_then(|response| response.additional_comment.as_deref())
            .filter(|number| !number.is_empty());
        if rules.ticket && ticket.is_none() {
            let text = "The requested Secret requires a ticket number when viewed.";
            return Err(question(RefusalKind::TicketRequired, COMMENT, text, titles));
        }
        Ok(Said {
            comment: comment.map(|text| text.expose().into()),
            ticket_number: ticket.map(Arc::from),
        })
    }

    fn known_ticket_system(&self, id: Option<i32>) -> bool {
        id.is_none_or(|id| {
            self.ticket_systems
                .iter()
                .any(|one| one.ticket_system_id == id)
        })
    }

    fn viewed_lately(&self, caller: &Caller, slot: SecretSlot) -> bool {
        self.secret(slot).rare.as_ref().is_some_and(|rare| {
            rare.views
                .iter()
                .any(|&(user, until)| user == caller.user && caller.now <= until)
        })
    }

    /// Starts the caller's view interval, unless one runs.
    fn note_view(&mut self, caller: &Caller, slot: SecretSlot) {
        let asks = {
            let rules = self.secret(slot).rules();
            rules.comment || rules.ticket || rules.double_lock.is_some()
        };
        if !asks || self.viewed_lately(caller, slot) {
            return;
        }
        let minutes = self.settings.secret_view_interval_minutes;
        let until = caller
            .now
            .plus(Duration::from_secs(60 * u64::from(minutes)));
        let views = &mut self.secret_mut(slot).rare_mut().views;
        views.retain(|&(user, end)| user != caller.user && caller.now <= end);
        views.push((caller.user, until));
    }
}

fn response_for<'a>(responses: &'a [CodeResponse], code: &str) -> Option<&'a CodeResponse> {
    responses.iter().find(|response| {
        response
            .error_code
            .as_deref()
            .is_some_and(|given| given.eq_ignore_ascii_case(code))
    })
}

fn comment_for<'a>(responses: &'a [CodeResponse], code: &str) -> Option<&'a SecretText> {
    response_for(responses, code)?.comment.as_ref()
}

/// A hurdle that the caller can take by answering.
fn question(
    kind: RefusalKind,
    code: &'static str,
    text: &'static str,
    (comment_title, additional_comment_title): (&'static str, &'static str),
) -> Refusal {
    let error = SecretError {
        error_code: code.into(),
        error_message: text.into(),
        allows_response: true,
        comment_title: comment_title.into(),
        additional_comment_title: additional_comment_title.into(),
    };
    Refusal {
        secret_error: Some(Box::new(error)),
        ..Refusal::new(kind, text)
    }
}

/// A hurdle that no answer takes.
fn refused(kind: RefusalKind, code: &'static str, text: impl Into<Cow<'static, str>>) -> Refusal {
    let text = text.into();
    let error = SecretError {
        error_code: code.into(),
        error_message: text.clone(),
        allows_response: false,
        comment_title: "".into(),
        additional_comment_title: "".into(),
    };
    Refusal {
        secret_error: Some(Box::new(error)),
        ..Refusal::new(kind, text)
    }
}
