//! The vault against the model, over random runs.

use std::collections::BTreeMap;

use mock_secret_server::settings::LiveTokens;
use mock_secret_server::state::{
    Answer, CheckOutRule, Command, Contents, NewSecret, Operate, OperateError, Refusal, SecretText,
};
use proptest::prelude::*;

use crate::fixture::{Bench, account, contents, impersonate, log_on, response, value};
use crate::model::{Choices, Model, Outcome, PLANS, Step, USERS};

/// The real vault with the tokens that it has issued and the passwords that it has shown.
struct Real {
    bench: Bench,
    tokens: Vec<SecretText>,
    shown: BTreeMap<(usize, u32), String>,
}

fn real(choices: Choices) -> Real {
    let mut contents: Contents = contents();
    contents.secrets = PLANS
        .iter()
        .map(|plan| {
            let mut secret = account(&format!("secret {}", plan.id), "m").id(plan.id);
            secret.rules.comment = plan.comment;
            secret.rules.check_out = plan.check_out_s.map(|seconds| CheckOutRule {
                minutes: u32::try_from(seconds / 60).ok(),
                change_password: plan.rotates,
            });
            NewSecret {
                active: !plan.deleted,
                ..secret
            }
        })
        .collect();
    let settings = &mut contents.settings;
    settings.lock_out_attempts = 3;
    settings.lock_out_minutes = 1;
    settings.trust_mail_interval_minutes = 5;
    settings.trust_denied_asks_again = choices.denied_asks_again;
    settings.live_tokens_on_revoke = if choices.revoke_ends_tokens {
        LiveTokens::End
    } else {
        LiveTokens::Keep
    };
    Real {
        bench: Bench::of(contents),
        tokens: Vec::new(),
        shown: BTreeMap::new(),
    }
}

impl Real {
    fn token(&self, place: usize) -> Option<SecretText> {
        self.tokens.iter().rev().nth(place).cloned()
    }

    /// Carries a step out, and says whether it came to what the model expects.
    fn comes_to(&mut self, step: &Step, expected: &Outcome) -> Result<(), TestCaseError> {
        let answer = match *step {
            Step::LogOn { user, right } => {
                let password = if right { "pw" } else { "no" };
                self.bench.call(log_on(USERS[user], password, None))
            }
            Step::Impersonate { token, user } => {
                self.bench
                    .call(impersonate(&self.token(token), USERS[user], None))
            }
            Step::Search { token, restricted } => {
                self.bench.call(Command::SearchSecretsByFieldValue {
                    token: self.token(token),
                    field_name: Some("Machine".into()),
                    search_term: Some("M".into()),
                    show_deleted: false,
                    show_restricted: restricted,
                })
            }
            Step::Get {
                token,
                secret,
                comment,
            } => self.bench.call(Command::GetSecret {
                token: self.token(token),
                secret_id: PLANS[secret].id,
                load_settings_and_permissions: None,
                code_responses: comment
                    .then(|| response("COMMENT", "why", None))
                    .into_iter()
                    .collect(),
            }),
            Step::CheckIn { token, secret } => {
                self.bench.check_in(&self.token(token), PLANS[secret].id)
            }
            Step::Wait { seconds } => {
                self.bench.wait(seconds);
                Ok(Answer::WebService)
            }
            _ => return self.operates(step, expected),
        };
        self.is(answer, expected)
    }

    fn operates(&mut self, step: &Step, expected: &Outcome) -> Result<(), TestCaseError> {
        let name = |user: usize| USERS[user].to_owned();
        let caller = USERS[0].to_owned();
        let act = match *step {
            Step::Approve { user } => Operate::ApproveImpersonation {
                caller,
                user: name(user),
            },
            Step::Deny { user } => Operate::DenyImpersonation {
                caller,
                user: name(user),
            },
            Step::Revoke { user } => Operate::RevokeImpersonation {
                caller,
                user: name(user),
            },
            Step::Enable { user, enabled } => Operate::SetUserEnabled {
                user: name(user),
                enabled,
            },
            Step::ExpireTokensOf { user } => Operate::ExpireTokensOf { user: name(user) },
            _ => unreachable!("{step:?} is a call"),
        };
        match self.bench.vault.operate(act, self.bench.now) {
            Ok(_) => prop_assert_eq!(expected, &Outcome::Done),
            Err(OperateError::WrongTrust { .. }) => prop_assert_eq!(expected, &Outcome::NotNow),
            Err(other) => prop_assert!(false, "{}", other),
        }
        Ok(())
    }

    fn is(
        &mut self,
        answer: Result<Answer, Refusal>,
        expected: &Outcome,
    ) -> Result<(), TestCaseError> {
        match (answer, expected) {
            (Err(refusal), _) => prop_assert_eq!(&Outcome::Refused(refusal.kind), expected),
            (Ok(Answer::WebService), _) => prop_assert_eq!(&Outcome::Done, expected),
            (Ok(Answer::SearchSecrets(found)), _) => {
                let found = found.iter().map(|one| one.secret_id).collect();
                prop_assert_eq!(&Outcome::Found(found), expected);
            }
            (Ok(Answer::Authenticate(token)), Outcome::Token) => self.tokens.push(token),
            (Ok(Answer::Impersonate(result)), Outcome::Token) => {
                self.tokens.push(result.token.expect("a token"));
            }
            (
                Ok(Answer::GetSecret(secret)),
                &Outcome::Password {
                    secret: place,
                    rotations,
                },
            ) => {
                let password = value(&secret, "Password").to_owned();
                let known = self
                    .shown
                    .entry((place, rotations))
                    .or_insert(password.clone());
                prop_assert_eq!(&*known, &password, "the password changed by itself");
                let same = self.shown.iter().any(|(&(other, count), shown)| {
                    other == place && count != rotations && *shown == password
                });
                prop_assert!(!same, "a rotation brought an old password back");
            }
            (Ok(other), _) => prop_assert!(false, "{:?} instead of {:?}", other, expected),
        }
        Ok(())
    }
}

/// A run begins with everybody logged on, so that most steps meet a live token.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let logged_on = (0..USERS.len()).map(|user| Step::LogOn { user, right: true });
    let first: Vec<Step> = logged_on.collect();
    prop::collection::vec(step(), 40..120).prop_map(move |steps| [first.clone(), steps].concat())
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 0..USERS.len();
    let target = || 1..3_usize;
    let token = || 0..6_usize;
    let secret = || 0..PLANS.len();
    let right = prop::bool::weighted(0.75);
    let enabled = prop::bool::weighted(0.8);
    let spans = prop::sample::select(vec![1_u64, 59, 60, 239, 240, 299, 300, 301, 600, 1200]);
    prop_oneof![
        5 => (user(), right).prop_map(|(user, right)| Step::LogOn { user, right }),
        6 => (token(), target()).prop_map(|(token, user)| Step::Impersonate { token, user }),
        2 => target().prop_map(|user| Step::Approve { user }),
        2 => target().prop_map(|user| Step::Deny { user }),
        2 => target().prop_map(|user| Step::Revoke { user }),
        2 => (token(), any::<bool>())
            .prop_map(|(token, restricted)| Step::Search { token, restricted }),
        12 => (token(), secret(), prop::bool::weighted(0.3))
            .prop_map(|(token, secret, comment)| Step::Get { token, secret, comment }),
        4 => (token(), secret()).prop_map(|(token, secret)| Step::CheckIn { token, secret }),
        1 => (user(), enabled).prop_map(|(user, enabled)| Step::Enable { user, enabled }),
        1 => user().prop_map(|user| Step::ExpireTokensOf { user }),
        3 => spans.prop_map(|seconds| Step::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_vault_does_what_the_model_says(
        steps in steps(),
        denied_asks_again: bool,
        revoke_ends_tokens: bool,
    ) {
        let choices = Choices { denied_asks_again, revoke_ends_tokens };
        let (mut model, mut real) = (Model::new(choices), real(choices));
        for step in &steps {
            let expected = model.step(step);
            real.comes_to(step, &expected)?;
            let held: Vec<_> = real.bench.vault.check_outs(real.bench.now).iter()
                .map(|one| (one.secret_id, USERS.iter().position(|user| **user == *one.holder)))
                .collect();
            let in_the_model: Vec<_> =
                model.held().into_iter().map(|(id, user)| (id, Some(user))).collect();
            prop_assert_eq!(held, in_the_model);
            prop_assert_eq!(real.bench.vault.mailbox().count(), model.mails);
            for (place, user) in USERS.iter().enumerate() {
                prop_assert_eq!(real.bench.trust(user), model.trust(place));
            }
        }
    }
}
