//! A second vault, as small as it can be: it knows five users and ten secrets, keeps everything in
//! plain lists, and says of each step what the real one must answer.

mod people;
mod things;

use std::collections::BTreeMap;

use mock_secret_server::state::{RefusalKind, SecretAccessRequestStatus, Trust};

pub(crate) const SVC: usize = 0;
/// The one with Force Check In.
pub(crate) const BOB: usize = 2;
/// The one with a second factor.
pub(crate) const ROSE: usize = 4;
pub(crate) const USERS: [&str; 5] = ["svc", "alice", "bob", "eve", "rose"];

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
        said: Said,
    },
    Download {
        token: usize,
        secret: usize,
    },
    LogOnWithCode {
        user: usize,
        right: bool,
        code: Code,
    },
    File {
        user: usize,
        secret: usize,
    },
    /// Requests are counted back from the one filed last, as tokens are.
    Answer {
        request: usize,
        hours: Option<u64>,
        user_override: bool,
    },
    Cancel {
        request: usize,
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

/// What a caller says with `GetSecret`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    pub(crate) comment: bool,
    pub(crate) ticket: bool,
    /// A DoubleLock password, and whether it is the right one.
    pub(crate) lock: Option<bool>,
}

/// What stands in for the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Right,
    Answer,
    Wrong,
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
    /// The file of a secret.
    File(usize),
    /// A request for access stands so from now on.
    Stands(SecretAccessRequestStatus),
    Refused(RefusalKind),
    /// An act of an operator that comes at the wrong time.
    NotNow,
}

/// What differs between runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    pub(crate) denied_asks_again: bool,
    pub(crate) revoke_ends_tokens: bool,
    pub(crate) radius_challenges: bool,
}

/// A secret's fixed part.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) id: i32,
    pub(crate) comment: bool,
    pub(crate) ticket: bool,
    pub(crate) double_lock: bool,
    pub(crate) approval: bool,
    pub(crate) check_out_s: Option<u64>,
    pub(crate) rotates: bool,
    pub(crate) file: bool,
    pub(crate) deleted: bool,
}

const PLAIN: Plan = Plan {
    id: 1,
    comment: false,
    ticket: false,
    double_lock: false,
    approval: false,
    check_out_s: None,
    rotates: false,
    file: false,
    deleted: false,
};

pub(crate) const PLANS: [Plan; 10] = [
    PLAIN,
    Plan {
        id: 2,
        comment: true,
        ..PLAIN
    },
    Plan {
        id: 3,
        check_out_s: Some(600),
        rotates: true,
        ..PLAIN
    },
    Plan {
        id: 4,
        comment: true,
        check_out_s: Some(240),
        ..PLAIN
    },
    Plan {
        id: 5,
        deleted: true,
        ..PLAIN
    },
    Plan {
        id: 6,
        comment: true,
        ticket: true,
        ..PLAIN
    },
    Plan {
        id: 7,
        double_lock: true,
        ticket: true,
        ..PLAIN
    },
    Plan {
        id: 8,
        approval: true,
        check_out_s: Some(600),
        ..PLAIN
    },
    Plan {
        id: 9,
        approval: true,
        file: true,
        comment: true,
        ..PLAIN
    },
    Plan {
        id: 10,
        file: true,
        check_out_s: Some(240),
        ..PLAIN
    },
];

impl Plan {
    /// Whether the caller is asked for something that they can say.
    fn asks(&self) -> bool {
        self.comment || self.ticket || self.double_lock
    }

    fn restricted(&self) -> bool {
        self.asks() || self.approval || self.check_out_s.is_some()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Person {
    disabled: bool,
    failures: u32,
    locked_until: Option<u64>,
    challenged: bool,
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

#[derive(Clone, Copy, Debug)]
struct Request {
    user: usize,
    place: usize,
    status: SecretAccessRequestStatus,
    until: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    choices: Choices,
    now: u64,
    people: [Person; USERS.len()],
    tickets: Vec<Ticket>,
    trusts: [(Trust, u64); USERS.len()],
    things: [Thing; PLANS.len()],
    requests: Vec<Request>,
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
            requests: Vec::new(),
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
            Step::LogOn { user, right } => self.log_on(user, right, None),
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
                let seen = |plan: &&Plan| {
                    may_view(user) && !plan.deleted && (restricted || !plan.restricted())
                };
                Ok(Outcome::Found(
                    PLANS.iter().filter(seen).map(|plan| plan.id).collect(),
                ))
            }
            Step::Get {
                token,
                secret,
                said,
            } => self.get(token, secret, said),
            Step::Download { token, secret } => self.download(token, secret),
            Step::LogOnWithCode { user, right, code } => self.log_on(user, right, Some(code)),
            Step::File { user, secret } => {
                self.file(user, secret);
                Ok(Outcome::Done)
            }
            Step::Answer {
                request,
                hours,
                user_override,
            } => self.answer_request(request, hours, user_override),
            Step::Cancel { request } => Ok(self.cancel(request)),
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
                    let held = self.things[place].held;
                    if held.is_some_and(|(_, until)| self.now >= until) {
                        self.release(place);
                    }
                }
                Ok(Outcome::Done)
            }
        }
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

/// `alice` and `rose` view the folder and `bob` owns it.
fn may_view(user: usize) -> bool {
    matches!(user, 1 | BOB | ROSE)
}
