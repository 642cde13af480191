//! The vault against the model, over random runs.

use std::collections::BTreeMap;

use mock_secret_server::settings::LiveTokens;
use mock_secret_server::state::{
    Answer, CheckOutRule, CodeResponse, Command, Contents, FieldKind, Level, NewField, NewRadius,
    NewSecret, NewTemplate, NewUser, Operate, OperateError, Refusal, SecretText, TwoFactor,
};
use proptest::prelude::*;

use crate::fixture::{Bench, account, contents, impersonate, log_on, response, value};
use crate::model::{Choices, Code, Model, Outcome, PLANS, ROSE, Said, Step, USERS};

/// The real vault with the tokens that it has issued and the passwords that it has shown.
struct Real {
    bench: Bench,
    tokens: Vec<SecretText>,
    shown: BTreeMap<(usize, u32), String>,
}

fn real(choices: Choices) -> Real {
    let mut rose = NewUser::local("rose").password("pw").email("rose@x");
    rose.two_factor = TwoFactor::Both;
    rose.radius = Some(NewRadius {
        code: "code".into(),
        challenge_answer: choices.radius_challenges.then(|| "answer".into()),
    });
    let mut contents: Contents = contents().with_user(rose);
    let folder = contents.folders.remove(0);
    contents.folders.push(folder.grant("rose", Level::View));
    contents.templates.push(with_a_file());
    contents.secrets = PLANS
        .iter()
        .map(|plan| {
            let mut secret = account(&format!("secret {}", plan.id), "m").id(plan.id);
            secret.template = "With a file".into();
            secret.rules.comment = plan.comment;
            secret.rules.ticket = plan.ticket;
            secret.rules.double_lock = plan.double_lock.then(|| "second".into());
            if plan.approval {
                secret = secret.approval(&["bob"]);
            }
            if plan.file {
                secret = secret.file("Key", "key", file_of(plan.id).as_bytes());
            }
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

/// The template of a Windows account with a place for a file.
fn with_a_file() -> NewTemplate {
    let field = |name: &str, kind| NewField {
        name: name.into(),
        display_name: None,
        kind,
        exposed: false,
    };
    NewTemplate {
        id: None,
        name: "With a file".into(),
        fields: vec![
            field("Machine", FieldKind::Text),
            field("Username", FieldKind::Text),
            field("Password", FieldKind::Password),
            field("Key", FieldKind::File),
        ],
    }
}

fn file_of(secret: i32) -> String {
    format!("key of secret {secret}")
}

/// What is said, beside something that answers nothing.
fn responses(said: Said) -> Vec<CodeResponse> {
    let mut responses = vec![response("COMMENT", "", None)];
    if said.comment || said.ticket {
        let comment = if said.comment { "why" } else { "" };
        responses.push(response("COMMENT", comment, said.ticket.then_some("INC1")));
    }
    if let Some(right) = said.lock {
        let password = if right { "second" } else { "guess" };
        responses.push(response("DOUBLELOCK", password, None));
    }
    responses
}

impl Real {
    fn token(&self, place: usize) -> Option<SecretText> {
        self.tokens.iter().rev().nth(place).cloned()
    }

    /// The id of a request, or one that nobody has.
    fn request(&self, place: usize) -> String {
        let ids = self.bench.vault.access_requests();
        let id = ids.iter().rev().nth(place);
        id.map_or_else(|| "nobody's".to_owned(), |one| one.approval_id.clone())
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
                said,
            } => self.bench.call(Command::GetSecret {
                token: self.token(token),
                secret_id: PLANS[secret].id,
                load_settings_and_permissions: None,
                code_responses: responses(said),
            }),
            Step::Download { token, secret } => self.bench.call(Command::DownloadFileAttachment {
                token: self.token(token),
                secret_id: PLANS[secret].id,
            }),
            Step::LogOnWithCode { user, right, code } => {
                let password = if right { "pw" } else { "no" };
                let code = match code {
                    Code::Right => "code",
                    Code::Answer => "answer",
                    Code::Wrong => "wrong",
                };
                self.bench.call(Command::AuthenticateRADIUS {
                    username: Some(USERS[user].into()),
                    password: Some(password.into()),
                    organization: None,
                    domain: None,
                    radius_password: Some(code.into()),
                })
            }
            Step::Answer {
                request,
                hours,
                user_override,
            } => {
                let approval_id = Some(self.request(request));
                self.bench.call(match hours {
                    Some(hours) => Command::ApproveSecretAccessRequest {
                        approval_id,
                        hours: Some(hours.to_string()),
                        user_override,
                    },
                    None => Command::DenySecretAccessRequest {
                        approval_id,
                        user_override,
                    },
                })
            }
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
            Step::File { user, secret } => Operate::FileAccessRequest {
                secret_id: PLANS[secret].id,
                user: name(user),
                reason: String::new(),
            },
            Step::Cancel { request } => Operate::CancelAccessRequest {
                approval_id: self.request(request),
            },
            _ => unreachable!("{step:?} is a call"),
        };
        match self.bench.vault.operate(act, self.bench.now) {
            Ok(_) => prop_assert_eq!(expected, &Outcome::Done),
            Err(
                OperateError::WrongTrust { .. }
                | OperateError::NoRequest(_)
                | OperateError::ClosedRequest(..),
            ) => prop_assert_eq!(expected, &Outcome::NotNow),
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
            (Ok(Answer::FileDownload(file)), &Outcome::File(place)) => {
                let content = file_of(PLANS[place].id);
                prop_assert_eq!(file.file_attachment.expose(), content.as_bytes());
            }
            (Ok(Answer::RequestApproval(info)), _) => {
                prop_assert_eq!(&Outcome::Stands(info.status), expected);
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
    let code = Code::Right;
    let right = true;
    let logged_on = (0..USERS.len()).map(move |user| Step::LogOnWithCode { user, right, code });
    let first: Vec<Step> = logged_on.collect();
    let parts = prop_oneof![12 => step().prop_map(|step| vec![step]), 1 => story()];
    prop::collection::vec(parts, 40..100)
        .prop_map(move |parts| [first.clone(), parts.concat()].concat())
}

/// What single steps seldom come to: a request that is filed, answered, used, and runs out.
fn story() -> impl Strategy<Value = Vec<Step>> {
    let approvals = PLANS.iter().enumerate().filter(|(_, plan)| plan.approval);
    let places: Vec<usize> = approvals.map(|(place, _)| place).collect();
    let waits = prop::sample::select(vec![1_u64, 3_300, 3_599, 3_600]);
    let details = (1..3_usize, prop::sample::select(places), waits, said());
    details.prop_map(|(user, secret, seconds, said)| {
        let log_on = Step::LogOn { user, right: true };
        let get = Step::Get {
            token: 0,
            secret,
            said,
        };
        let approve = Step::Answer {
            request: 0,
            hours: Some(1),
            user_override: false,
        };
        let wait = |seconds| Step::Wait { seconds };
        vec![
            Step::File { user, secret },
            approve,
            wait(seconds),
            log_on.clone(),
            get.clone(),
            wait(300),
            log_on,
            get,
        ]
    })
}

fn said() -> impl Strategy<Value = Said> {
    let lock = prop::option::weighted(0.4, prop::bool::weighted(0.8));
    (any::<bool>(), any::<bool>(), lock).prop_map(|(comment, ticket, lock)| Said {
        comment,
        ticket,
        lock,
    })
}

fn code() -> impl Strategy<Value = Code> {
    prop::sample::select(vec![
        Code::Right,
        Code::Right,
        Code::Answer,
        Code::Answer,
        Code::Wrong,
    ])
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 0..USERS.len();
    let target = || 1..3_usize;
    let token = || 0..6_usize;
    let secret = || 0..PLANS.len();
    let request = || 0..4_usize;
    let hours = prop::option::weighted(0.7, 1..3_u64);
    let right = prop::bool::weighted(0.75);
    let enabled = prop::bool::weighted(0.8);
    let spans = prop::sample::select(vec![
        1_u64, 59, 60, 239, 240, 299, 300, 301, 600, 1200, 3599, 3600,
    ]);
    prop_oneof![
        5 => (user(), right).prop_map(|(user, right)| Step::LogOn { user, right }),
        6 => (token(), target()).prop_map(|(token, user)| Step::Impersonate { token, user }),
        2 => target().prop_map(|user| Step::Approve { user }),
        2 => target().prop_map(|user| Step::Deny { user }),
        2 => target().prop_map(|user| Step::Revoke { user }),
        2 => (token(), any::<bool>())
            .prop_map(|(token, restricted)| Step::Search { token, restricted }),
        16 => (token(), secret(), said())
            .prop_map(|(token, secret, said)| Step::Get { token, secret, said }),
        4 => (token(), secret()).prop_map(|(token, secret)| Step::Download { token, secret }),
        5 => (prop::bool::weighted(0.9), code()).prop_map(|(right, code)| Step::LogOnWithCode {
            user: ROSE,
            right,
            code,
        }),
        4 => (target(), secret()).prop_map(|(user, secret)| Step::File { user, secret }),
        4 => (request(), hours, any::<bool>()).prop_map(|(request, hours, user_override)| {
            Step::Answer { request, hours, user_override }
        }),
        1 => request().prop_map(|request| Step::Cancel { request }),
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
        radius_challenges: bool,
    ) {
        let choices = Choices { denied_asks_again, revoke_ends_tokens, radius_challenges };
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
