//! `ImpersonateUser` and the user's answers to it (soap:§3.3).

use std::time::Duration;

use super::answer::{Answer, ImpersonateResult};
use super::mailbox::{MailKind, Outgoing, filled};
use super::model::UserSlot;
use super::refusal::{Refusal, RefusalKind};
use super::role::RolePermission;
use super::trust::{Reply, Rules};
use super::{Caller, Vault};
use crate::settings::path::rooted;

impl Vault {
    pub(super) fn impersonate_user(
        &mut self,
        caller: &Caller,
        username: Option<&str>,
        organization: Option<&str>,
        domain: Option<&str>,
    ) -> Result<Answer, Refusal> {
        if !self.permits(caller.user, RolePermission::WebServicesImpersonate) {
            let text = self.settings.impersonate_denied_text.clone();
            return Err(Refusal::new(RefusalKind::AccessDenied, text));
        }
        let user = self.target(username, organization, domain)?;
        let rules = Rules {
            mail_interval: minutes(self.settings.trust_mail_interval_minutes),
            denied_asks_again: self.settings.trust_denied_asks_again,
        };
        let source = &mut self.source;
        let bond = self.bonds.entry((caller.user, user)).or_default();
        match bond.called(caller.now, rules, || source.guid()) {
            Reply::Granted => {
                let token = self.issue_token(user, Some(caller.user), caller.now);
                let result = ImpersonateResult {
                    token: Some(token),
                    authorize_url: None,
                };
                Ok(Answer::Impersonate(result))
            }
            Reply::Denied => Err(Refusal::new(
                RefusalKind::TrustDenied,
                self.settings.trust_denied_text.clone(),
            )),
            Reply::Waiting { id, mail } => {
                if mail {
                    self.mail_trust_request(caller.user, user, &id, caller.now);
                }
                self.pending(self.authorize_url(&id))
            }
        }
    }

    /// Path and query of the page where the user answers request `id`.
    pub(super) fn authorize_url(&self, id: &str) -> String {
        let path = &self.settings.authorize_path;
        let path = rooted(path).unwrap_or_else(|| path.clone());
        format!("{path}?requestId={id}")
    }

    pub(super) fn mail_trust_request(
        &mut self,
        caller: UserSlot,
        user: UserSlot,
        id: &str,
        now: sim_kit::clock::SimTime,
    ) {
        let asking = std::sync::Arc::clone(&self.directory.user(caller).display_name);
        let words = [("{caller}", &*asking)];
        let mail = Outgoing {
            to: user,
            subject: filled(&self.settings.trust_mail_subject, &words),
            body: filled(&self.settings.trust_mail_body, &words),
            link: self.authorize_url(id),
            kind: MailKind::TrustRequest {
                request_id: id.to_owned(),
            },
        };
        self.mailbox.send(&self.directory, mail, now);
    }

    fn target(
        &self,
        username: Option<&str>,
        organization: Option<&str>,
        domain: Option<&str>,
    ) -> Result<UserSlot, Refusal> {
        let found = self
            .named_at_log_on(username.unwrap_or_default(), domain)
            .filter(|_| self.accepts_organization(organization));
        let kind = match found {
            Some(slot) if self.directory.user(slot).enabled => return Ok(slot),
            Some(_) => RefusalKind::DisabledUser,
            None => RefusalKind::UnknownTarget,
        };
        Err(Refusal::new(
            kind,
            self.settings.unknown_target_text.clone(),
        ))
    }

    fn pending(&self, authorize_url: String) -> Result<Answer, Refusal> {
        let authorize_url = Some(authorize_url);
        if self.settings.trust_pending_errors_empty {
            return Ok(Answer::Impersonate(ImpersonateResult {
                token: None,
                authorize_url,
            }));
        }
        let text = self.settings.trust_pending_text.clone();
        Err(Refusal {
            authorize_url,
            ..Refusal::new(RefusalKind::TrustPending, text)
        })
    }
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(60 * u64::from(count))
}
