//! Whether a token is dead, asked once for all the calls that were refused with it together: a list
//! has up to 28 searches under way, and each of them is refused when their token dies.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

use crate::error::PluginError;
use crate::secret::Secret;

/// The questions that are under way.
#[derive(Debug, Default)]
pub(super) struct Validity {
    asked: Mutex<Vec<Weak<Question>>>,
}

/// One question about one token; it lasts as long as somebody waits for its answer.
#[derive(Debug)]
struct Question {
    token: Secret,
    answer: OnceCell<Result<bool, PluginError>>,
}

impl Validity {
    /// What `ask` answers about `token`, or what a question that is under way answers. When the
    /// caller that asks is dropped, one of those who wait asks anew.
    ///
    /// # Errors
    /// The error of the call, for all who shared it.
    pub(super) async fn of<F>(
        &self,
        token: &Secret,
        ask: impl FnOnce() -> F,
    ) -> Result<bool, PluginError>
    where
        F: Future<Output = Result<bool, PluginError>>,
    {
        let question = self.question(token);
        question.answer.get_or_init(ask).await.clone()
    }

    fn question(&self, token: &Secret) -> Arc<Question> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|question| question.strong_count() > 0);
        let mut known = asked.iter().filter_map(Weak::upgrade);
        // Of answers only that a token is dead lasts.
        let usable = |question: &Question| {
            question.token == *token && matches!(question.answer.get(), None | Some(Ok(false)))
        };
        if let Some(question) = known.find(|question| usable(question)) {
            return question;
        }
        let question = Arc::new(Question {
            token: token.clone(),
            answer: OnceCell::new(),
        });
        asked.push(Arc::downgrade(&question));
        question
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::diagnosis::Symptom;
    use crate::error::Hop;

    /// A vault that answers each question when the test lets it.
    struct Vault {
        asked: AtomicUsize,
        answers: Semaphore,
    }

    impl Vault {
        fn silent() -> Self {
            Self {
                asked: AtomicUsize::new(0),
                answers: Semaphore::new(0),
            }
        }

        async fn asked(&self, answer: Result<bool, PluginError>) -> Result<bool, PluginError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answers.acquire().await.unwrap().forget();
            answer
        }

        fn count(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn calls_that_are_refused_together_share_one_question_and_its_answer() {
        let failed = Symptom::NoUserName.at(Hop::Ecm, "");
        for answer in [Ok(true), Ok(false), Err(failed)] {
            let (vault, validity) = (Vault::silent(), Validity::default());
            let (token, other) = (Secret::from("token"), Secret::from("other"));
            let of = |token| validity.of(token, || vault.asked(answer.clone()));
            let mut all = pin!(join_all((0..28).map(|_| of(&token))));
            assert!(all.as_mut().now_or_never().is_none());
            let mut one = pin!(of(&other));
            assert!(one.as_mut().now_or_never().is_none());
            assert_eq!(vault.count(), 2, "one for each token");
            vault.answers.add_permits(2);
            let answers = all.now_or_never().unwrap();
            assert!(answers.iter().all(|one| *one == answer), "{answers:?}");
            assert_eq!(one.now_or_never().unwrap(), answer);
            assert_eq!(vault.count(), 2);
        }
    }

    #[test]
    fn a_later_refusal_asks_anew_and_nothing_is_kept_meanwhile() {
        let (vault, validity) = (Vault::silent(), Validity::default());
        let token = Secret::from("token");
        vault.answers.add_permits(2);
        for asked in 1..=2 {
            let of = validity.of(&token, || vault.asked(Ok(true)));
            assert_eq!(of.now_or_never().unwrap(), Ok(true));
            assert_eq!(vault.count(), asked);
        }
        let asked = validity.asked.lock().unwrap();
        assert!(asked.iter().all(|question| question.upgrade().is_none()));
        assert!(asked.len() <= 1);
    }

    #[test]
    fn who_waits_asks_when_the_one_that_asked_is_dropped() {
        let (vault, validity) = (Vault::silent(), Validity::default());
        let token = Secret::from("token");
        let of = || validity.of(&token, || vault.asked(Ok(false)));
        let mut first = Box::pin(of());
        let mut second = pin!(of());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(vault.count(), 2);
        vault.answers.add_permits(1);
        assert_eq!(second.now_or_never().unwrap(), Ok(false));
    }
}
