//! Delegated trust as one state machine per API account and user (soap:§3.3): the first
//! `ImpersonateUser` asks the user by mail, the user answers once, the answer lasts until it is
//! taken back.
//!
//! ```text
//! None ──call──▶ Pending ──approve──▶ Approved ──revoke──▶ Revoked ──call──▶ Pending
//!                   └────deny──▶ Denied ──call (by setting)──▶ Pending
//! ```

use std::time::Duration;

use sim_kit::clock::SimTime;

/// Where the trust of a user in an API account stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Nobody has asked.
    #[default]
    None,
    /// The user has been asked and has not answered.
    Pending,
    /// The user agreed.
    Approved,
    /// The user refused.
    Denied,
    /// The user agreed once and took it back.
    Revoked,
}

impl Trust {
    /// A word for state dumps and pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::None,
            Self::Pending,
            Self::Approved,
            Self::Denied,
            Self::Revoked,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }
}

/// A trust with its open request.
#[derive(Clone, Debug, Default)]
pub(super) enum Bond {
    #[default]
    None,
    Pending(Request),
    Approved,
    Denied,
    Revoked,
}

/// A request that a user has not answered.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// What the address in the mail carries.
    pub(super) id: String,
    mailed_at: SimTime,
}

/// What a call meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A token may be issued.
    Granted,
    /// The user must answer request `id` first; `mail` says whether to send one now.
    Waiting { id: String, mail: bool },
    /// The user has refused.
    Denied,
}

/// The settings that the machine depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) mail_interval: Duration,
    pub(super) denied_asks_again: bool,
}

impl Bond {
    pub(super) fn state(&self) -> Trust {
        match self {
            Self::None => Trust::None,
            Self::Pending(_) => Trust::Pending,
            Self::Approved => Trust::Approved,
            Self::Denied => Trust::Denied,
            Self::Revoked => Trust::Revoked,
        }
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        match self {
            Self::Pending(request) => Some(&request.id),
            _ => None,
        }
    }

    /// `ImpersonateUser` was called. `new_id` names a new request where one is made.
    pub(super) fn called(
        &mut self,
        now: SimTime,
        rules: Rules,
        new_id: impl FnOnce() -> String,
    ) -> Reply {
        match self {
            Self::Approved => Reply::Granted,
            Self::Denied if !rules.denied_asks_again => Reply::Denied,
            Self::Pending(request) => {
                let mail = now.since(request.mailed_at) >= rules.mail_interval;
                if mail {
                    request.mailed_at = now;
                }
                Reply::Waiting {
                    id: request.id.clone(),
                    mail,
                }
            }
            Self::None | Self::Denied | Self::Revoked => {
                let id = new_id();
                *self = Self::Pending(Request {
                    id: id.clone(),
                    mailed_at: now,
                });
                Reply::Waiting { id, mail: true }
            }
        }
    }

    /// The user agreed, asked or in advance.
    pub(super) fn approve(&mut self) {
        *self = Self::Approved;
    }

    /// The user refused. Only an open request can be refused.
    pub(super) fn deny(&mut self) -> bool {
        let open = matches!(self, Self::Pending(_));
        if open {
            *self = Self::Denied;
        }
        open
    }

    /// The user took an approval back. There must be one.
    pub(super) fn revoke(&mut self) -> bool {
        let given = matches!(self, Self::Approved);
        if given {
            *self = Self::Revoked;
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SimTime = SimTime::SCENARIO_START;

    fn rules(denied_asks_again: bool) -> Rules {
        Rules {
            mail_interval: Duration::from_secs(3600),
            denied_asks_again,
        }
    }

    fn call(bond: &mut Bond, after_s: u64, denied_asks_again: bool) -> Reply {
        let now = START.plus(Duration::from_secs(after_s));
        bond.called(now, rules(denied_asks_again), || {
            format!("request-{after_s}")
        })
    }

    fn waiting(id: &str, mail: bool) -> Reply {
        Reply::Waiting {
            id: id.into(),
            mail,
        }
    }

    #[test]
    fn the_first_call_asks_and_later_calls_keep_the_request() {
        let mut bond = Bond::None;
        assert_eq!(call(&mut bond, 0, false), waiting("request-0", true));
        assert_eq!(call(&mut bond, 3599, false), waiting("request-0", false));
        assert_eq!(call(&mut bond, 3600, false), waiting("request-0", true));
        assert_eq!(call(&mut bond, 3601, false), waiting("request-0", false));
    }

    #[test]
    fn one_approval_serves_every_later_call_until_it_is_taken_back() {
        let mut bond = Bond::None;
        let _ = call(&mut bond, 0, false);
        bond.approve();
        assert_eq!(call(&mut bond, 1, false), Reply::Granted);
        assert_eq!(call(&mut bond, 86_400, false), Reply::Granted);
        assert!(bond.revoke());
        assert_eq!(bond.state(), Trust::Revoked);
        assert_eq!(
            call(&mut bond, 86_401, false),
            waiting("request-86401", true)
        );
    }

    #[test]
    fn after_a_denial_the_setting_decides_whether_to_ask_again() {
        for (asks_again, expected) in [(false, Reply::Denied), (true, waiting("request-1", true))] {
            let mut bond = Bond::None;
            let _ = call(&mut bond, 0, asks_again);
            assert!(bond.deny());
            assert_eq!(call(&mut bond, 1, asks_again), expected);
        }
    }

    #[test]
    fn only_an_open_request_is_denied_and_only_an_approval_revoked() {
        for mut bond in [Bond::None, Bond::Approved, Bond::Denied, Bond::Revoked] {
            let before = bond.state();
            assert!(!bond.deny());
            assert_eq!(bond.state(), before);
        }
        for mut bond in [Bond::None, Bond::Denied, Bond::Revoked] {
            assert!(!bond.revoke());
        }
    }
}
