//! A second vault, as small as it can be: it knows four users and five secrets, keeps everything
//! in plain lists, and says of each step what the real one must answer.

use std::collections::BTreeMap;

use mock_secret_server::state::{RefusalKind, Trust};

pub(crate) const SVC: usize = 0;
/// The one with Force Check In.
pub(crate) const BOB: usize = 2;
pub(crate) const USERS: [&str; 4] = ["svc", "alice", "bob", "eve"];

const TOKEN_S: u64 = 20 * 60;
const LOCK_S: u64 = 60;
const ATTEMPTS: u32 = 3;
const MAIL_INTERVAL_S: u64 = 5 * 60;
const VIEW_INTERVAL_S: u64 = 5 * 60;

/// One step of a run. Tokens are counted back from the one issued last.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    LogOn {
        user: usize,
        right: bool,
    },
    Impersonate {
        token: usize,
        user: usize,
    },
    Approve {
        user: usize,
    },
    Deny {
        user: usize,
    },
    Revoke {
        user: usize,
    },
    Search {
        token: usize,
        restricted: bool,
    },
    Get {
        token: usize,
        secret: usize,
        comment: bool,
    },
    CheckIn {
        token: usize,
        secret: usize,
    },
    Enable {
        user: usize,
        enabled: bool,
    },
    ExpireTokensOf {
        user: usize,
    },
    Wait {
        seconds: u64,
    },
}

/// What a step must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Token,
    Found(Vec<i32>),
    /// The password after so many rotations.
    Password {
        secret: usize,
        rotations: u32,
    },
    Refused(RefusalKind),
    /// An act of an operator that comes at the wrong time.
    NotNow,
}

/// What differs between runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    pub(crate) denied_asks_again: bool,
    pub(crate) revoke_ends_tokens: bool,
}

/// A secret's fixed part: number, comment, minutes of check-out, rotation.
pub(crate) struct Plan {
    pub(crate) id: i32,
    pub(crate) comment: bool,
    pub(crate) check_out_s: Option<u64>,
    pub(crate) rotates: bool,
    pub(crate) deleted: bool,
}

pub(crate) const PLANS: [Plan; 5] = [
    Plan {
        id: 1,
        comment: false,
        check_out_s: None,
        rotates: false,
        deleted: false,
    },
    Plan {
        id: 2,
        comment: true,
        check_out_s: None,
        rotates: false,
        deleted: false,
    },
    Plan {
        id: 3,
        comment: false,
        check_out_s: Some(600),
        rotates: true,
        deleted: false,
    },
    Plan {
        id: 4,
        comment: true,
        check_out_s: Some(240),
        rotates: false,
        deleted: false,
    },
    Plan {
        id: 5,
        comment: false,
        check_out_s: None,
        rotates: false,
        deleted: true,
    },
];

#[derive(Clone, Copy, Debug, Default)]
struct Person {
    disabled: bool,
    failures: u32,
    locked_until: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Ticket {
    user: usize,
    via: Option<usize>,
    expires_at: u64,
    killed: bool,
}

#[derive(Clone, Debug, Default)]
struct Thing {
    rotations: u32,
    held: Option<(usize, u64)>,
    viewed: BTreeMap<usize, u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    choices: Choices,
    now: u64,
    people: [Person; 4],
    tickets: Vec<Ticket>,
    trusts: [(Trust, u64); 4],
    things: [Thing; 5],
    pub(crate) mails: usize,
}

impl Model {
    pub(crate) fn new(choices: Choices) -> Self {
        Self {
            choices,
            now: 0,
            people: Default::default(),
            tickets: Vec::new(),
            trusts: Default::default(),
            things: Default::default(),
            mails: 0,
        }
    }

    pub(crate) fn trust(&self, user: usize) -> Trust {
        self.trusts[user].0
    }

    /// Who holds what: number of the secret and place of the user.
    pub(crate) fn held(&self) -> Vec<(i32, usize)> {
        let held = PLANS.iter().zip(&self.things);
        held.filter_map(|(plan, thing)| Some((plan.id, thing.held?.0)))
            .collect()
    }

    pub(crate) fn step(&mut self, step: &Step) -> Outcome {
        self.step_or_refuse(step).unwrap_or_else(Outcome::Refused)
    }

    fn step_or_refuse(&mut self, step: &Step) -> Result<Outcome, RefusalKind> {
        match *step {
            Step::LogOn { user, right } => self.log_on(user, right),
            Step::Impersonate { token, user } => self.impersonate(token, user),
            Step::Approve { user } => {
                self.trusts[user].0 = Trust::Approved;
                Ok(Outcome::Done)
            }
            Step::Deny { user } => Ok(self.answer(user, Trust::Pending, Trust::Denied)),
            Step::Revoke { user } => {
                let outcome = self.answer(user, Trust::Approved, Trust::Revoked);
                if outcome == Outcome::Done && self.choices.revoke_ends_tokens {
                    self.kill(|ticket| ticket.user == user && ticket.via == Some(SVC));
                }
                Ok(outcome)
            }
            Step::Search { token, restricted } => {
                let user = self.user(token)?;
                let plain = |plan: &Plan| !plan.comment && plan.check_out_s.is_none();
                let seen =
                    |plan: &&Plan| may_view(user) && !plan.deleted && (restricted || plain(plan));
                Ok(Outcome::Found(
                    PLANS.iter().filter(seen).map(|plan| plan.id).collect(),
                ))
            }
            Step::Get {
                token,
                secret,
                comment,
            } => self.get(token, secret, comment),
            Step::CheckIn { token, secret } => self.check_in(token, secret),
            Step::Enable { user, enabled } => {
                self.people[user].disabled = !enabled;
                Ok(Outcome::Done)
            }
            Step::ExpireTokensOf { user } => {
                self.kill(|ticket| ticket.user == user);
                Ok(Outcome::Done)
            }
            Step::Wait { seconds } => {
                self.now += seconds;
                for place in 0..PLANS.len() {
                    if self.things[place]
                        .held
                        .is_some_and(|(_, until)| self.now >= until)
                    {
                        self.release(place);
                    }
                }
                Ok(Outcome::Done)
            }
        }
    }

    fn log_on(&mut self, user: usize, right: bool) -> Result<Outcome, RefusalKind> {
        let person = &mut self.people[user];
        if person.disabled {
            return Err(RefusalKind::DisabledUser);
        }
        if let Some(until) = person.locked_until {
            if self.now < until {
                return Err(RefusalKind::LockedOut);
            }
            *person = Person::default();
        }
        if !right {
            person.failures += 1;
            if person.failures >= ATTEMPTS {
                person.locked_until = Some(self.now + LOCK_S);
            }
            return Err(RefusalKind::WrongPassword);
        }
        person.failures = 0;
        self.issue(user, None);
        Ok(Outcome::Token)
    }

    fn impersonate(&mut self, token: usize, user: usize) -> Result<Outcome, RefusalKind> {
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

    fn answer(&mut self, user: usize, from: Trust, to: Trust) -> Outcome {
        if self.trusts[user].0 != from {
            return Outcome::NotNow;
        }
        self.trusts[user].0 = to;
        Outcome::Done
    }

    fn get(&mut self, token: usize, place: usize, comment: bool) -> Result<Outcome, RefusalKind> {
        let user = self.reach(token, place)?;
        let (plan, thing) = (&PLANS[place], &mut self.things[place]);
        let holder = thing.held.map(|(holder, _)| holder);
        if holder.is_some_and(|holder| holder != user) {
            return Err(RefusalKind::CheckedOut);
        }
        let said_lately = thing
            .viewed
            .get(&user)
            .is_some_and(|&until| self.now <= until);
        if plan.comment && holder != Some(user) && !said_lately && !comment {
            return Err(RefusalKind::CommentRequired);
        }
        if plan.comment && !said_lately {
            thing.viewed.insert(user, self.now + VIEW_INTERVAL_S);
        }
        if let (Some(span), None) = (plan.check_out_s, thing.held) {
            thing.held = Some((user, self.now + span));
        }
        Ok(Outcome::Password {
            secret: place,
            rotations: thing.rotations,
        })
    }

    fn check_in(&mut self, token: usize, place: usize) -> Result<Outcome, RefusalKind> {
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

    fn release(&mut self, place: usize) {
        let thing = &mut self.things[place];
        thing.held = None;
        thing.viewed.clear();
        thing.rotations += u32::from(PLANS[place].rotates);
    }

    fn user(&self, token: usize) -> Result<usize, RefusalKind> {
        let ticket = self.tickets.iter().rev().nth(token);
        let live = ticket.filter(|one| !one.killed && self.now < one.expires_at);
        let user = live
            .map(|one| one.user)
            .filter(|&user| !self.people[user].disabled);
        user.ok_or(RefusalKind::DeadToken)
    }

    fn issue(&mut self, user: usize, via: Option<usize>) {
        let expires_at = self.now + TOKEN_S;
        self.tickets.push(Ticket {
            user,
            via,
            expires_at,
            killed: false,
        });
    }

    fn kill(&mut self, which: impl Fn(&Ticket) -> bool) {
        for ticket in self.tickets.iter_mut().filter(|ticket| which(ticket)) {
            ticket.killed = true;
        }
    }
}

/// `alice` views the folder and `bob` owns it.
fn may_view(user: usize) -> bool {
    matches!(user, 1 | BOB)
}
