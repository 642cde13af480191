//! The time limit for request heads, on one timer for each connection.
//!
//! The HTTP library asks for a new sleep with every request and drops it when the head is there.
//! Timers of the runtime are kept in one list for all connections, behind a lock, and a new one may
//! wake another thread. Here a connection has one timer, which is moved on when it has gone off too
//! early: once in a time limit instead of twice in a request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::clock::pause;

/// The timer of one connection, which has one sleep at a time.
pub(super) struct OneAlarm(Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>);

impl OneAlarm {
    /// `first` is how long the first sleep will be.
    pub(super) fn new(first: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(pause(first)))))
    }
}

impl Timer for OneAlarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until {
            deadline,
            alarm: Arc::clone(&self.0),
        })
    }
}

struct Until {
    deadline: Instant,
    alarm: Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let set_for = alarm.deadline().into_std();
            if alarm.as_mut().poll(context).is_ready() {
                if set_for >= self.deadline {
                    return Poll::Ready(());
                }
            } else if set_for <= self.deadline {
                // Goes off in time, or too early, and is looked at again then.
                return Poll::Pending;
            }
            alarm.as_mut().reset(self.deadline.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_sleep_ends_at_its_own_time_whatever_the_timer_was_set_for_before() {
        let timer = OneAlarm::new(SHORT);
        let passed = timer.sleep(SHORT);
        let deadline = timer.now() + SHORT * 3;
        let longer = timer.sleep_until(deadline);
        passed.await;
        longer.await;
        assert!(timer.now() >= deadline, "it went off too early");
        timer.sleep(SHORT).await;
    }

    #[tokio::test]
    async fn a_shorter_sleep_moves_the_timer_forward_and_a_longer_one_back() {
        let timer = OneAlarm::new(LONG);
        let shorter = timeout(LONG / 60, timer.sleep(SHORT));
        shorter.await.expect("it waited for the first deadline");
        let longer = timeout(SHORT, timer.sleep(LONG));
        longer.await.expect_err("it ended with the deadline before");
    }
}
