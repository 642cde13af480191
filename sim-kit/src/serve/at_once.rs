//! A future that wakes itself is polled again at once, instead of by way of the scheduler.
//!
//! The HTTP library passes the body of a request from the half of a connection that reads to the
//! half that answers, in one task, and each body wakes that task from within. A task that was woken
//! while it ran is put back into the queue, and another thread is woken to look at it: with short
//! requests that is the dearest part of an exchange.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Not polled now: a wake goes to the task.
const RESTING: u8 = 0;
/// Polled now.
const POLLED: u8 = 1;
/// Polled now, and woken since that began.
const WOKEN: u8 = 2;

/// Polls in a row, before others get their turn.
const POLLS_MAX: usize = 16;

/// Runs `future` to its end.
pub(super) async fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let own = Arc::new(Own::default());
    let waker = Waker::from(Arc::clone(&own));
    poll_fn(move |context| {
        own.task.register(context.waker());
        for _ in 0..POLLS_MAX {
            own.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            if own.moved(POLLED, RESTING).is_ok() {
                return Poll::Pending;
            }
        }
        own.state.store(RESTING, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[derive(Default)]
struct Own {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Own {
    fn moved(&self, from: u8, to: u8) -> Result<u8, u8> {
        let (moved, read) = (Ordering::AcqRel, Ordering::Acquire);
        self.state.compare_exchange(from, to, moved, read)
    }
}

impl Wake for Own {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.moved(POLLED, WOKEN) == Err(RESTING) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls once, and counts how often the task was woken.
    fn polled_once(future: impl Future<Output = ()>) -> (bool, usize) {
        let task = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut future = pin!(at_once(future));
        let ready = future.as_mut().poll(&mut Context::from_waker(&waker));
        (ready.is_ready(), task.0.load(Ordering::Relaxed))
    }

    /// Wakes itself so many times before it is done.
    fn restless(mut times: usize) -> impl Future<Output = ()> {
        poll_fn(move |context| {
            if times == 0 {
                return Poll::Ready(());
            }
            times -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn what_wakes_itself_goes_on_without_its_task() {
        assert_eq!(polled_once(restless(POLLS_MAX - 1)), (true, 0));
    }

    #[test]
    fn what_never_rests_lets_others_have_their_turn() {
        assert_eq!(polled_once(restless(POLLS_MAX)), (false, 1));
    }

    #[test]
    fn a_wake_from_another_thread_while_it_is_polled_is_not_lost() {
        let mut asked = false;
        let woken_meanwhile = poll_fn(move |context| {
            if asked {
                return Poll::Ready(());
            }
            asked = true;
            let waker = context.waker().clone();
            std::thread::spawn(move || waker.wake())
                .join()
                .expect("no panic");
            Poll::Pending
        });
        assert_eq!(polled_once(woken_meanwhile), (true, 0));
    }

    #[test]
    fn a_wake_while_it_rests_goes_to_its_task() {
        let mut kept = None;
        let resting = poll_fn(|context| {
            kept = Some(context.waker().clone());
            Poll::<()>::Pending
        });
        let task = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut future = Box::pin(at_once(resting));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(future);
        assert_eq!(task.0.load(Ordering::Relaxed), 0);
        kept.expect("it was polled").wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
    }
}
