//! What came out of a run: one plain value, from which reports are rendered and the exit code is
//! read. Nothing in here knows how a run is made or shown.

use std::time::Duration;

/// The verdict on one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Everything that was expected happened.
    Pass,
    /// Passed, and something worth a look turned up.
    PassWithWarning,
    /// The target behaved otherwise than required.
    Fail,
    /// The operator's file or the target's settings are wrong.
    Config,
    /// A person must judge.
    Review,
    /// The target lacks what the scenario needs.
    Skip,
    /// The operator chose not to run it.
    Disabled,
    /// Failed, and somebody gave a reason and an end date for living with it.
    Waived,
    /// Could not be judged.
    Inconclusive,
    /// The lab itself went wrong.
    Engine,
}

impl Outcome {
    /// The word that reports print.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::PassWithWarning => "PASS-WITH-WARNING",
            Self::Fail => "FAIL",
            Self::Config => "CONFIG",
            Self::Review => "REVIEW",
            Self::Skip => "SKIP",
            Self::Disabled => "DISABLED",
            Self::Waived => "WAIVED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Engine => "ENGINE",
        }
    }

    /// The exit code of a run in which nothing but this happened.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::PassWithWarning | Self::Skip | Self::Disabled | Self::Waived => {
                exit::PASS
            }
            Self::Fail => exit::FAILURE,
            Self::Config => exit::CONFIGURATION,
            Self::Review | Self::Inconclusive => exit::UNDECIDED,
            Self::Engine => exit::ENGINE,
        }
    }
}

/// Exit codes of every command of the lab.
pub mod exit {
    /// Everything passed or was waived.
    pub const PASS: u8 = 0;
    /// The target behaved otherwise than required.
    pub const FAILURE: u8 = 1;
    /// Wrong usage, or a configuration that cannot be used.
    pub const CONFIGURATION: u8 = 2;
    /// The target did not answer at all.
    pub const UNREACHABLE: u8 = 3;
    /// Only verdicts that a person must settle remain.
    pub const UNDECIDED: u8 = 4;
    /// The lab itself went wrong.
    pub const ENGINE: u8 = 5;
    /// Stopped for safety: a planted secret turned up where it must not.
    pub const SAFETY: u8 = 6;
    /// Interrupted; what was started has been stopped.
    pub const INTERRUPTED: u8 = 130;

    /// Codes from the one that wins to the one that loses when several hold.
    pub const PRECEDENCE: [u8; 7] = [
        SAFETY,
        ENGINE,
        CONFIGURATION,
        UNREACHABLE,
        FAILURE,
        UNDECIDED,
        PASS,
    ];
}

/// Why a run ended before, or in spite of, its verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A planted secret was found in something that the run wrote.
    Leak,
    /// The target did not answer at all.
    Unreachable,
    /// The operator interrupted.
    Interrupted,
}

/// What a report says about one thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For anybody: "Nobody approved the request in time".
    pub plain: String,
    /// For the expert: expected and actual.
    pub detail: String,
    /// What to do next, and whose task it is.
    pub next: String,
}

/// One scenario of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The feature it belongs to.
    pub feature: String,
    /// Its name.
    pub name: String,
    /// Requirement ids that it proves.
    pub requirements: Vec<String>,
    /// The verdict.
    pub outcome: Outcome,
    /// Real time that it took.
    pub elapsed: Duration,
    /// Why it did not simply pass.
    pub findings: Vec<Finding>,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunResult {
    /// What was run.
    pub title: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Its scenarios, in the order of the files.
    pub cases: Vec<Case>,
    /// Why it ended early, if it did.
    pub stop: Option<Stop>,
}

impl RunResult {
    /// The exit code: the strongest reason wins, see [`exit::PRECEDENCE`]. A run without a single
    /// scenario judged nothing, which is a usage error and not a success.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let stop = match self.stop {
            Some(Stop::Interrupted) => return exit::INTERRUPTED,
            Some(Stop::Leak) => exit::SAFETY,
            Some(Stop::Unreachable) => exit::UNREACHABLE,
            None if self.cases.is_empty() => exit::CONFIGURATION,
            None => exit::PASS,
        };
        let codes: Vec<u8> = self
            .cases
            .iter()
            .map(|case| case.outcome.exit_code())
            .chain([stop])
            .collect();
        exit::PRECEDENCE
            .into_iter()
            .find(|code| codes.contains(code))
            .unwrap_or(exit::ENGINE)
    }

    /// Number of scenarios that passed, with a warning or without.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.cases
            .iter()
            .filter(|case| matches!(case.outcome, Outcome::Pass | Outcome::PassWithWarning))
            .count()
    }

    /// Number of scenarios with a verdict that makes the run fail.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases
            .iter()
            .filter(|case| case.outcome.exit_code() != exit::PASS)
            .count()
    }
}

/// One hop of a journey: who worked on it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Who: `console`, `link`, `vault`.
    pub party: String,
    /// What: the request's or the vendor operation's name.
    pub label: String,
    /// Start, in microseconds since the journey began.
    pub start_us: u64,
    /// How long, in microseconds.
    pub elapsed_us: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcomes: &[Outcome], stop: Option<Stop>) -> RunResult {
        let cases = outcomes
            .iter()
            .map(|&outcome| Case {
                feature: "f".into(),
                name: "n".into(),
                requirements: Vec::new(),
                outcome,
                elapsed: Duration::ZERO,
                findings: Vec::new(),
            })
            .collect();
        RunResult {
            title: "t".into(),
            seed: 1,
            cases,
            stop,
        }
    }

    #[test]
    fn the_strongest_reason_gives_the_exit_code() {
        use Outcome::{Config, Disabled, Engine, Fail, Inconclusive, Pass, Review, Skip, Waived};
        let table: &[(&[Outcome], Option<Stop>, u8)] = &[
            (&[Pass, Waived, Skip, Disabled], None, 0),
            (&[Pass, Fail, Review], None, 1),
            (&[Fail, Config], None, 2),
            (&[Fail], Some(Stop::Unreachable), 3),
            (&[Config], Some(Stop::Unreachable), 2),
            (&[Pass, Inconclusive], None, 4),
            (&[Config, Engine], None, 5),
            (&[Engine], Some(Stop::Leak), 6),
            (&[Pass], Some(Stop::Interrupted), 130),
            (&[], None, 2),
        ];
        for (outcomes, stop, expected) in table {
            assert_eq!(
                run(outcomes, *stop).exit_code(),
                *expected,
                "{outcomes:?} {stop:?}"
            );
        }
    }

    #[test]
    fn a_waived_scenario_counts_neither_as_passed_nor_as_failed() {
        let result = run(&[Outcome::Pass, Outcome::Waived, Outcome::Fail], None);
        assert_eq!((result.passed(), result.failed()), (1, 1));
    }
}
