//! Secrets, and requests for access to them.

use mock_secret_server::state::{RefusalKind, SecretAccessRequestStatus};

use super::{BOB, Model, Outcome, PLANS, Request, Said, VIEW_INTERVAL_S, may_view};

impl Model {
    pub(super) fn get(
        &mut self,
        token: usize,
        place: usize,
        said: Said,
    ) -> Result<Outcome, RefusalKind> {
        self.open(token, place, said)?;
        Ok(Outcome::Password {
            secret: place,
            rotations: self.things[place].rotations,
        })
    }

    /// A download says nothing, and checks out like any other access.
    pub(super) fn download(&mut self, token: usize, place: usize) -> Result<Outcome, RefusalKind> {
        self.open(token, place, Said::default())?;
        if PLANS[place].file {
            Ok(Outcome::File(place))
        } else {
            Err(RefusalKind::NoFile)
        }
    }

    fn open(&mut self, token: usize, place: usize, said: Said) -> Result<(), RefusalKind> {
        let user = self.reach(token, place)?;
        let approved = self.approved_until(user, place);
        let (plan, thing) = (&PLANS[place], &mut self.things[place]);
        if plan.approval && approved.is_none() {
            return Err(RefusalKind::ApprovalRequired);
        }
        let holder = thing.held.map(|(holder, _)| holder);
        if holder.is_some_and(|holder| holder != user) {
            return Err(RefusalKind::CheckedOut);
        }
        let said_lately = thing
            .viewed
            .get(&user)
            .is_some_and(|&until| self.now <= until);
        if holder != Some(user) && !said_lately {
            if plan.double_lock && said.lock != Some(true) {
                return Err(RefusalKind::DoubleLocked);
            }
            if plan.comment && !said.comment {
                return Err(RefusalKind::CommentRequired);
            }
            if plan.ticket && !said.ticket {
                return Err(RefusalKind::TicketRequired);
            }
        }
        if plan.asks() && !said_lately {
            thing.viewed.insert(user, self.now + VIEW_INTERVAL_S);
        }
        if let (Some(span), None) = (plan.check_out_s, thing.held) {
            let end = self.now + span;
            let until = approved.filter(|_| plan.approval).unwrap_or(end).min(end);
            thing.held = Some((user, until));
        }
        Ok(())
    }

    fn approved_until(&self, user: usize, place: usize) -> Option<u64> {
        let mine = self.requests.iter().filter(|one| {
            (one.user, one.place) == (user, place)
                && one.status == SecretAccessRequestStatus::Approved
                && self.now < one.until
        });
        mine.map(|one| one.until).max()
    }

    /// The approver is told by mail.
    pub(super) fn file(&mut self, user: usize, place: usize) {
        self.mails += usize::from(PLANS[place].approval);
        self.requests.push(Request {
            user,
            place,
            status: SecretAccessRequestStatus::Pending,
            until: 0,
        });
    }

    pub(super) fn answer_request(
        &mut self,
        request: usize,
        hours: Option<u64>,
        user_override: bool,
    ) -> Result<Outcome, RefusalKind> {
        let now = self.now;
        let request = self.requests.iter_mut().rev().nth(request);
        let request = request.ok_or(RefusalKind::NotFound)?;
        let open = match request.status {
            SecretAccessRequestStatus::Pending => true,
            SecretAccessRequestStatus::Canceled => false,
            _ => user_override,
        };
        if !open {
            return Err(RefusalKind::BadValue);
        }
        request.until = now + hours.unwrap_or(0) * 3_600;
        request.status = match hours {
            Some(_) => SecretAccessRequestStatus::Approved,
            None => SecretAccessRequestStatus::Denied,
        };
        Ok(Outcome::Stands(request.status))
    }

    pub(super) fn cancel(&mut self, request: usize) -> Outcome {
        match self.requests.iter_mut().rev().nth(request) {
            Some(one)
                if matches!(
                    one.status,
                    SecretAccessRequestStatus::Pending | SecretAccessRequestStatus::Approved
                ) =>
            {
                one.status = SecretAccessRequestStatus::Canceled;
                Outcome::Done
            }
            _ => Outcome::NotNow,
        }
    }

    pub(super) fn check_in(&mut self, token: usize, place: usize) -> Result<Outcome, RefusalKind> {
        let user = self.reach(token, place)?;
        match self.things[place].held {
            Some((holder, _)) if holder != user && user != BOB => Err(RefusalKind::CheckedOut),
            Some(_) => {
                self.release(place);
                Ok(Outcome::Done)
            }
            None => Ok(Outcome::Done),
        }
    }

    /// Whoever holds the token, if they may view the secret.
    fn reach(&mut self, token: usize, place: usize) -> Result<usize, RefusalKind> {
        let user = self.user(token)?;
        if PLANS[place].deleted {
            return Err(RefusalKind::NoSuchSecret);
        }
        if may_view(user) {
            Ok(user)
        } else {
            Err(RefusalKind::AccessDenied)
        }
    }

    pub(super) fn release(&mut self, place: usize) {
        let thing = &mut self.things[place];
        thing.held = None;
        thing.viewed.clear();
        thing.rotations += u32::from(PLANS[place].rotates);
    }
}
