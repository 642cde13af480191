//! Log-on and trust.

use mock_secret_server::state::{RefusalKind, Trust};

use super::{ATTEMPTS, Code, LOCK_S, MAIL_INTERVAL_S, Model, Outcome, ROSE, SVC};

impl Model {
    pub(super) fn log_on(
        &mut self,
        user: usize,
        right: bool,
        code: Option<Code>,
    ) -> Result<Outcome, RefusalKind> {
        let person = &mut self.people[user];
        if person.disabled {
            return Err(RefusalKind::DisabledUser);
        }
        if let Some(until) = person.locked_until {
            if self.now < until {
                return Err(RefusalKind::LockedOut);
            }
            person.locked_until = None;
            person.failures = 0;
        }
        if !right {
            return Err(self.failed(user, RefusalKind::WrongPassword));
        }
        if user == ROSE {
            self.second_factor(code)?;
        }
        self.people[user].failures = 0;
        self.issue(user, None);
        Ok(Outcome::Token)
    }

    fn second_factor(&mut self, code: Option<Code>) -> Result<(), RefusalKind> {
        let code = code.ok_or(RefusalKind::SecondFactorRequired)?;
        let person = &mut self.people[ROSE];
        let challenged = std::mem::take(&mut person.challenged);
        match (challenged, code) {
            (true, Code::Answer) => Ok(()),
            (false, Code::Right) if self.choices.radius_challenges => {
                person.challenged = true;
                Err(RefusalKind::RadiusChallenge)
            }
            (false, Code::Right) => Ok(()),
            _ => Err(self.failed(ROSE, RefusalKind::WrongRadiusCode)),
        }
    }

    fn failed(&mut self, user: usize, kind: RefusalKind) -> RefusalKind {
        let person = &mut self.people[user];
        person.failures += 1;
        if person.failures >= ATTEMPTS {
            person.locked_until = Some(self.now + LOCK_S);
        }
        kind
    }

    pub(super) fn impersonate(
        &mut self,
        token: usize,
        user: usize,
    ) -> Result<Outcome, RefusalKind> {
        if self.user(token)? != SVC {
            return Err(RefusalKind::AccessDenied);
        }
        if self.people[user].disabled {
            return Err(RefusalKind::DisabledUser);
        }
        let (state, mailed_at) = self.trusts[user];
        match state {
            Trust::Approved => {
                self.issue(user, Some(SVC));
                return Ok(Outcome::Token);
            }
            Trust::Denied if !self.choices.denied_asks_again => {
                return Err(RefusalKind::TrustDenied);
            }
            Trust::Pending if self.now < mailed_at + MAIL_INTERVAL_S => {}
            _ => {
                self.mails += 1;
                self.trusts[user] = (Trust::Pending, self.now);
            }
        }
        Err(RefusalKind::TrustPending)
    }

    pub(super) fn answer(&mut self, user: usize, from: Trust, to: Trust) -> Outcome {
        if self.trusts[user].0 != from {
            return Outcome::NotNow;
        }
        self.trusts[user].0 = to;
        Outcome::Done
    }
}
