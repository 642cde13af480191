//! What stands between a caller with View and the values of a secret (soap:§3.5, soap:§3.7), met
//! in the order of the setting `hurdle_order`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::answer::SecretAccessRequestStatus;
use super::audit::Event;
use super::command::CodeResponse;
use super::contents::SecretRules;
use super::model::{SecretSlot, UserSlot};
use super::refusal::{Refusal, RefusalKind, SecretError};
use super::{Caller, Vault};
use crate::settings::{CheckOutHolder, Hurdle};

/// The only code that public clients name (vendor-client soap:§3.5).
const COMMENT: &str = "COMMENT";

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
            let text = self.settings.no_such_secret_text.clone();
            return Err(Refusal::new(RefusalKind::NoSuchSecret, text));
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
        let holder = self.secret(slot).check_out().map(|held| held.holder);
        let answered = holder == Some(self.holder_for(caller)) || self.viewed_lately(caller, slot);
        let mut said = Said::default();
        for hurdle in self.settings.hurdle_order.iter() {
            match hurdle {
                Hurdle::Approval => self.refuse_unapproved(caller, slot)?,
                Hurdle::PasswordChange => self.refuse_changing(slot)?,
                Hurdle::CheckOut => self.refuse_held(caller, slot)?,
                Hurdle::DoubleLock | Hurdle::Comment | Hurdle::Ticket if answered => {}
                Hurdle::DoubleLock => self.ask_double_lock(slot, responses)?,
                Hurdle::Comment => said.comment = self.ask_comment(slot, responses)?,
                Hurdle::Ticket => said.ticket_number = self.ask_ticket(slot, responses)?,
            }
        }
        self.note_view(caller, slot);
        self.check_out(caller, slot);
        Ok((slot, said))
    }

    /// In whose hands a secret is that the caller checks out.
    pub(super) fn holder_for(&self, caller: &Caller) -> UserSlot {
        match self.settings.check_out_holder {
            CheckOutHolder::User => caller.user,
            CheckOutHolder::ApiAccount => caller.via.unwrap_or(caller.user),
        }
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
            &self.settings.approval_pending_text
        } else {
            &self.settings.approval_required_text
        };
        let code = &self.settings.approval_code;
        let mut refusal = refused(RefusalKind::ApprovalRequired, code, text.clone());
        if let Some(error) = &mut refusal.secret_error {
            error.allows_response = self.settings.approval_allows_response;
        }
        Err(refusal)
    }

    fn refuse_changing(&self, slot: SecretSlot) -> Result<(), Refusal> {
        let rare = self.secret(slot).rare.as_ref();
        if rare.is_none_or(|rare| rare.changing_until.is_none()) {
            return Ok(());
        }
        let (code, text) = (
            &self.settings.check_out_code,
            &self.settings.password_changing_text,
        );
        Err(refused(
            RefusalKind::PasswordChangePending,
            code,
            text.clone(),
        ))
    }

    fn refuse_held(&self, caller: &Caller, slot: SecretSlot) -> Result<(), Refusal> {
        match self.secret(slot).check_out().map(|held| held.holder) {
            Some(holder) if holder != self.holder_for(caller) && !self.unlimited(caller.user) => {
                let text = self.checked_out_text(holder);
                let code = &self.settings.check_out_code;
                Err(refused(RefusalKind::CheckedOut, code, text))
            }
            _ => Ok(()),
        }
    }

    fn ask_double_lock(&self, slot: SecretSlot, responses: &[CodeResponse]) -> Result<(), Refusal> {
        let Some(lock) = &self.secret(slot).rules().double_lock else {
            return Ok(());
        };
        let code = &self.settings.double_lock_code;
        if answers(responses, code).any(|one| one.comment.as_ref() == Some(lock)) {
            return Ok(());
        }
        let text = self.settings.double_locked_text.clone();
        let titles = [self.settings.double_lock_title.clone(), String::new()];
        Err(question(RefusalKind::DoubleLocked, code, text, titles))
    }

    /// The comment; one that only a ticket's number was asked with is taken as well.
    fn ask_comment(
        &self,
        slot: SecretSlot,
        responses: &[CodeResponse],
    ) -> Result<Option<Arc<str>>, Refusal> {
        let rules = self.secret(slot).rules();
        if !rules.comment && !rules.ticket {
            return Ok(None);
        }
        let said = answers(responses, COMMENT)
            .filter_map(|one| one.comment.as_ref())
            .find(|text| !text.is_empty());
        if rules.comment && said.is_none() {
            // The vendor's own text (recorded soap:§3.6).
            let text = "The requested Secret requires a comment when viewed.";
            let titles = self.titles(rules, COMMENT);
            let kind = RefusalKind::CommentRequired;
            return Err(question(kind, COMMENT, text.into(), titles));
        }
        Ok(said.map(|text| text.expose().into()))
    }

    fn ask_ticket(
        &self,
        slot: SecretSlot,
        responses: &[CodeResponse],
    ) -> Result<Option<Arc<str>>, Refusal> {
        let rules = self.secret(slot).rules();
        if !rules.comment && !rules.ticket {
            return Ok(None);
        }
        let code = &self.settings.ticket_code;
        let number = answers(responses, code)
            .filter(|one| self.known_ticket_system(one.ticket_system_id))
            .filter_map(|one| one.additional_comment.as_deref())
            .find(|number| !number.is_empty());
        if rules.ticket && number.is_none() {
            let text = self.settings.ticket_required_text.clone();
            let titles = self.titles(rules, code);
            return Err(question(RefusalKind::TicketRequired, code, text, titles));
        }
        Ok(number.map(Arc::from))
    }

    /// What to ask for under `code`: comment and ticket together where they share it.
    fn titles(&self, rules: &SecretRules, code: &str) -> [String; 2] {
        let title = |wanted: bool, of: &str, text: &String| {
            if wanted && code.eq_ignore_ascii_case(of) {
                text.clone()
            } else {
                String::new()
            }
        };
        let settings = &self.settings;
        [
            title(rules.comment, COMMENT, &settings.comment_title),
            title(rules.ticket, &settings.ticket_code, &settings.ticket_title),
        ]
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

/// Everything that answers a hurdle of this code: a client may send an empty answer beside a full
/// one.
fn answers<'a>(
    responses: &'a [CodeResponse],
    code: &str,
) -> impl Iterator<Item = &'a CodeResponse> {
    responses.iter().filter(move |response| {
        response
            .error_code
            .as_deref()
            .is_some_and(|given| given.eq_ignore_ascii_case(code))
    })
}

/// A hurdle that the caller can take by answering.
fn question(kind: RefusalKind, code: &str, text: String, titles: [String; 2]) -> Refusal {
    let mut refusal = explained(kind, code, text);
    if let Some(error) = &mut refusal.secret_error {
        let [comment_title, additional_comment_title] = titles.map(Cow::Owned);
        error.allows_response = true;
        error.comment_title = comment_title;
        error.additional_comment_title = additional_comment_title;
    }
    refusal
}

/// A hurdle that no answer takes. Without a code it has no `SecretError`.
fn refused(kind: RefusalKind, code: &str, text: String) -> Refusal {
    if code.is_empty() {
        return Refusal::new(kind, text);
    }
    explained(kind, code, text)
}

/// A hurdle with its `SecretError`.
fn explained(kind: RefusalKind, code: &str, text: String) -> Refusal {
    let text: Cow<'static, str> = text.into();
    let error = SecretError {
        error_code: code.to_owned().into(),
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
