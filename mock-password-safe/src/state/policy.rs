//! Access policies: when, how and with whose consent an account is released. psafe:§4.2.

use sim_kit::clock::SimTime;

use super::ids::{PolicyId, ScheduleId};

/// What a release is for. `documented psafe:DOC-req`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AccessType {
    View,
    Rdp,
    Ssh,
    App,
}

impl AccessType {
    /// Every type, in the order in which policies list them.
    pub(crate) const ALL: [Self; 4] = [Self::View, Self::Rdp, Self::Ssh, Self::App];

    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::View => "View",
            Self::Rdp => "RDP",
            Self::Ssh => "SSH",
            Self::App => "App",
        }
    }

    /// Reads the word, in any case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

/// An access policy.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) id: PolicyId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schedules: Vec<Schedule>,
}

/// A ticket system that requests may refer to (`vendor-client psafe:PYLIB`).
#[derive(Clone, Debug)]
pub(crate) struct TicketSystem {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) active: bool,
    pub(crate) default: bool,
}

/// A time window of a policy and what it allows.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) id: ScheduleId,
    pub(crate) window: Window,
    pub(crate) reason_required: bool,
    pub(crate) ticket_required: bool,
    pub(crate) ticket_system: Option<i32>,
    /// *Allow API Rotation Override*: a requestor may ask that check-in does not rotate.
    pub(crate) rotation_override: bool,
    pub(crate) access: Vec<AccessRule>,
}

/// What a schedule says about one access type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessRule {
    pub(crate) access_type: AccessType,
    /// Approvals needed; 0 is auto-approve (`assumed psafe:§2.11`).
    pub(crate) approvers_min: u16,
    /// Other users' releases of this type at a time; 0 is unlimited (assumed).
    pub(crate) concurrent_max: u16,
    pub(crate) record_session: bool,
}

/// Days of the week and minutes of the day, in UTC. The end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Bit 0 is Monday.
    pub(crate) days: u8,
    pub(crate) from_min: u16,
    pub(crate) to_min: u16,
}

const DAY_MIN: u16 = 24 * 60;

impl Window {
    /// Every day, all day.
    pub(crate) const ALWAYS: Self = Self {
        days: 0x7f,
        from_min: 0,
        to_min: DAY_MIN,
    };

    /// Whether the window is open. One that ends before it begins runs over midnight and belongs
    /// to the day on which it began.
    pub(crate) fn contains(self, now: SimTime) -> bool {
        let minutes = now.unix_s().div_euclid(60);
        let day = minutes.div_euclid(i64::from(DAY_MIN));
        let minute = minutes.rem_euclid(i64::from(DAY_MIN));
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        if from <= to {
            return self.has_day(day) && (from..to).contains(&minute);
        }
        (self.has_day(day) && minute >= from) || (self.has_day(day - 1) && minute < to)
    }

    /// Whether the day, counted from 1970-01-01 (a Thursday), is one of the window's.
    fn has_day(self, day: i64) -> bool {
        self.days & (1 << (day + 3).rem_euclid(7)) != 0
    }
}

impl Schedule {
    /// What this schedule says about `access_type`, when it is open.
    pub(crate) fn rule(&self, access_type: AccessType, now: SimTime) -> Option<&AccessRule> {
        if !self.window.contains(now) {
            return None;
        }
        self.access
            .iter()
            .find(|rule| rule.access_type == access_type)
    }
}

impl Policy {
    /// An all-day policy that releases every access type without asking anybody.
    pub(crate) fn auto_approve(id: PolicyId, schedule: ScheduleId, name: &str) -> Self {
        let access = AccessType::ALL.map(|access_type| AccessRule {
            access_type,
            approvers_min: 0,
            concurrent_max: 0,
            record_session: access_type != AccessType::View,
        });
        Self {
            id,
            name: name.to_owned(),
            description: String::new(),
            schedules: vec![Schedule {
                id: schedule,
                window: Window::ALWAYS,
                reason_required: false,
                ticket_required: false,
                ticket_system: None,
                rotation_override: false,
                access: access.to_vec(),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2026-01-05 at this minute of the day.
    fn monday(minute: i64) -> SimTime {
        SimTime(1_767_571_200_000 + minute * 60_000)
    }

    #[test]
    fn a_window_opens_on_its_days_between_its_minutes() {
        let office = Window {
            days: 0b001_1111,
            from_min: 540,
            to_min: 1020,
        };
        for (minute, open) in [(539, false), (540, true), (1019, true), (1020, false)] {
            assert_eq!(office.contains(monday(minute)), open, "minute {minute}");
        }
        assert!(!office.contains(monday(5 * 1440 + 600)), "Saturday");
        assert!(office.contains(monday(7 * 1440 + 600)), "Monday after");
        assert!(Window::ALWAYS.contains(monday(1439)));
    }

    #[test]
    fn a_night_window_belongs_to_the_day_on_which_it_began() {
        let monday_night = Window {
            days: 0b1,
            from_min: 1320,
            to_min: 360,
        };
        assert!(monday_night.contains(monday(1330)));
        assert!(
            monday_night.contains(monday(1440 + 359)),
            "Tuesday before six"
        );
        assert!(!monday_night.contains(monday(100)), "Monday before six");
    }

    #[test]
    fn access_types_are_read_in_any_case() {
        assert_eq!(AccessType::parse("rdp"), Some(AccessType::Rdp));
        assert_eq!(AccessType::parse("VIEW"), Some(AccessType::View));
        assert_eq!(AccessType::parse("telnet"), None);
    }
}
