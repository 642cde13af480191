//! Requests for access to a secret and their answers (soap:§3.8). SOAP cannot file a request, so
//! an operator does it in the requester's name.

use std::sync::Arc;
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::answer::{ApprovalInfo, SecretAccessRequestStatus};
use super::mailbox::{MailKind, Outgoing, filled};
use super::model::{Principal, SecretSlot, UserSlot};
use super::refusal::{Refusal, RefusalKind};
use super::{Caller, Vault};
use crate::settings::ApprovalResponder;
use crate::settings::path::rooted;

/// No further request is taken beyond this many.
pub(super) const REQUESTS_MAX: usize = 10_000;

/// A request for access.
#[derive(Debug)]
pub(super) struct AccessRequest {
    /// The GUID that the approvers' mail carries; it is the capability.
    pub(super) approval_id: String,
    pub(super) secret: SecretSlot,
    pub(super) requester: UserSlot,
    pub(super) reason: Arc<str>,
    pub(super) status: SecretAccessRequestStatus,
    pub(super) expires_at: Option<SimTime>,
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) approve: bool,
    /// Hours of an approval, as text.
    pub(super) hours: Option<String>,
    /// Replaces an earlier answer.
    pub(super) user_override: bool,
    /// Who answers, where that is known.
    pub(super) by: Option<UserSlot>,
    pub(super) comment: Option<Arc<str>>,
}

impl Vault {
    /// Until when the caller's approved request lasts.
    pub(super) fn approved_until(&self, caller: &Caller, slot: SecretSlot) -> Option<SimTime> {
        let mine = self.requests.iter().filter(|request| {
            request.secret == slot
                && request.requester == caller.user
                && request.status == SecretAccessRequestStatus::Approved
        });
        mine.filter_map(|request| request.expires_at)
            .filter(|&end| caller.now < end)
            .max()
    }

    /// Files a request and mails the approvers.
    pub(super) fn file_request(
        &mut self,
        slot: SecretSlot,
        requester: UserSlot,
        reason: &str,
        now: SimTime,
    ) -> String {
        let approval_id = self.source.guid();
        self.requests.push(AccessRequest {
            approval_id: approval_id.clone(),
            secret: slot,
            requester,
            reason: reason.into(),
            status: SecretAccessRequestStatus::Pending,
            expires_at: None,
        });
        let who = Arc::clone(&self.directory.user(requester).display_name);
        let what = Arc::clone(&self.secret(slot).name);
        let words = [
            ("{user}", &*who),
            ("{secret}", &*what),
            ("{reason}", reason),
        ];
        let subject = filled(&self.settings.access_mail_subject, &words);
        let body = filled(&self.settings.access_mail_body, &words);
        let path = &self.settings.access_approval_path;
        let path = rooted(path).unwrap_or_else(|| path.clone());
        for approver in self.approvers(slot) {
            let mail = Outgoing {
                to: approver,
                subject: subject.clone(),
                body: body.clone(),
                link: format!("{path}?approvalId={approval_id}"),
                kind: MailKind::AccessRequest {
                    approval_id: approval_id.clone(),
                },
            };
            self.mailbox.send(&self.directory, mail, now);
        }
        approval_id
    }

    /// Answers a request, whoever asks for that: the id is the capability.
    pub(super) fn answer_request(
        &mut self,
        approval_id: &str,
        response: Response,
        now: SimTime,
    ) -> Result<ApprovalInfo, Refusal> {
        let (status, expires_at) = if response.approve {
            let hours = self.hours(response.hours.as_deref())?;
            let until = now.plus(Duration::from_secs(3_600 * hours));
            (SecretAccessRequestStatus::Approved, Some(until))
        } else {
            (SecretAccessRequestStatus::Denied, None)
        };
        let Some(place) = self.request_place(approval_id) else {
            let text = "Approval request not found.";
            return Err(Refusal::new(RefusalKind::NotFound, text));
        };
        let refused = match self.requests[place].status {
            // Nobody waits for the answer any more (assumed).
            SecretAccessRequestStatus::Canceled => Some("The request has been canceled."),
            SecretAccessRequestStatus::Approved | SecretAccessRequestStatus::Denied
                if !response.user_override =>
            {
                Some("The request has already been answered.")
            }
            _ => None,
        };
        if let Some(text) = refused {
            return Err(Refusal::new(RefusalKind::BadValue, text));
        }
        let responder = response
            .by
            .or_else(|| self.nominal_responder(self.requests[place].secret));
        let request = &mut self.requests[place];
        request.status = status;
        request.expires_at = expires_at;
        Ok(ApprovalInfo {
            status,
            responder: responder.map(|slot| Arc::clone(&self.directory.user(slot).display_name)),
            response_date: now,
            response_comment: response.comment,
            expiration_date: expires_at,
        })
    }

    /// Takes a request back, answered or not; says where it stands when that cannot be.
    pub(super) fn cancel_request(
        &mut self,
        approval_id: &str,
    ) -> Result<(), Option<SecretAccessRequestStatus>> {
        let place = self.request_place(approval_id).ok_or(None)?;
        let request = &mut self.requests[place];
        match request.status {
            SecretAccessRequestStatus::Pending | SecretAccessRequestStatus::Approved => {
                request.status = SecretAccessRequestStatus::Canceled;
                request.expires_at = None;
                Ok(())
            }
            closed => Err(Some(closed)),
        }
    }

    /// Whether the user is an approver of the secret that a request is for.
    pub(super) fn may_answer(&self, user: UserSlot, approval_id: &str) -> bool {
        self.request_place(approval_id)
            .is_some_and(|place| self.approvers(self.requests[place].secret).contains(&user))
    }

    fn hours(&self, given: Option<&str>) -> Result<u64, Refusal> {
        let most = u64::from(self.settings.approval_hours_max);
        match given.map(str::trim) {
            None | Some("") => Some(u64::from(self.settings.approval_hours)),
            Some(text) => text.parse().ok().filter(|hours| (1..=most).contains(hours)),
        }
        .ok_or_else(|| Refusal::new(RefusalKind::BadValue, "Hours is invalid."))
    }

    fn request_place(&self, approval_id: &str) -> Option<usize> {
        self.requests
            .iter()
            .position(|request| request.approval_id.eq_ignore_ascii_case(approval_id))
    }

    /// Whom an answer by the id alone is put down to.
    fn nominal_responder(&self, secret: SecretSlot) -> Option<UserSlot> {
        match self.settings.approval_responder {
            ApprovalResponder::FirstApprover => self.approvers(secret).first().copied(),
            ApprovalResponder::Nobody => None,
        }
    }

    fn approvers(&self, slot: SecretSlot) -> Vec<UserSlot> {
        let named: &[Principal] = self
            .secret(slot)
            .rare
            .as_ref()
            .map_or(&[], |rare| &rare.approvers);
        let users = self.directory.slots().map(|(user, _)| user);
        users
            .filter(|&user| named.iter().any(|&one| self.directory.is(user, one)))
            .collect()
    }
}
