//! The signals that ask a command to stop and leave it time to clean up.

use std::io;
use std::time::Duration;

use ecm::clock::Stopwatch;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;

/// Ctrl-C, SIGTERM (a time-out, a shutdown) and SIGHUP (the terminal went away). Who started the
/// command with SIGHUP ignored, as `nohup` does, wants it to outlive the terminal: it stays ignored.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

/// Which of them came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Interrupt,
    Terminate,
    HangUp,
}

impl Stop {
    /// The signal's name, for the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }

    /// How a service ends that it stopped.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate | Self::HangUp => Exit::Success,
        }
    }
}

impl StopSignals {
    /// Takes them over from now on.
    pub(super) fn listen() -> io::Result<Self> {
        // Asked before a handler is there.
        let hang_up = !is_hang_up_ignored();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for one that asks to stop at once, after an earlier one. A shutdown, or a terminal that
    /// goes away, may send several together: they count as one.
    pub(super) async fn again(&mut self) -> Stop {
        let asked = Stopwatch::start();
        loop {
            let stop = self.next().await;
            if counts_again(stop, asked.elapsed()) {
                return stop;
            }
        }
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Stop {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
            _ = hang_up => Stop::HangUp,
        }
    }
}

/// Whether a signal that came so long after the first one is another request.
fn counts_again(stop: Stop, after: Duration) -> bool {
    match stop {
        Stop::Interrupt => true,
        Stop::Terminate => after > TOGETHER_MAX,
        Stop::HangUp => false,
    }
}

/// How far signals may be apart that one event sends.
const TOGETHER_MAX: Duration = Duration::from_secs(1);

/// Whether this process was started with SIGHUP ignored. Where the system does not tell as Linux
/// does, it was not.
fn is_hang_up_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hang_up(&status))
}

/// Bit 0 of `SigIgn` is signal 1 (proc_pid_status(5)).
fn ignores_hang_up(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_event_sends_is_one_request_to_stop() {
        let soon = Duration::from_millis(2);
        let later = Duration::from_secs(2);
        assert!(counts_again(Stop::Interrupt, soon));
        assert!(!counts_again(Stop::Terminate, soon));
        assert!(counts_again(Stop::Terminate, later));
        assert!(!counts_again(Stop::HangUp, soon) && !counts_again(Stop::HangUp, later));
    }

    #[test]
    fn an_ignored_hang_up_is_told_by_its_bit() {
        for (status, ignored) in [
            ("Name:\tecm\nSigIgn:\t0000000000001001\n", true),
            ("SigIgn:\t0000000000001000\nSigCgt:\t1\n", false),
            ("SigIgn:\tx\n", false),
            ("", false),
        ] {
            assert_eq!(ignores_hang_up(status), ignored, "{status}");
        }
    }
}
