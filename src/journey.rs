//! The journey of one credential, act by act, told as it happens.

use std::future::Future;

use mock_appliance::SessionId;

use crate::lab::{Journey, VaultKind};
use crate::outcome::Hop;
use crate::redact::{MASK, Output};
use crate::report::terminal::{milliseconds, waterfall};
use crate::rig::console::{ConsoleUser, Entry, Refusal};
use crate::rig::control::{Call, ControlError};
use crate::rig::vault::Answer;
use crate::rig::{Rig, RigError};

/// The operation by which Password Safe is told of an approval.
const APPROVE: &str = "PUT Requests/{id}/Approve";

/// Why a journey did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    /// Something of the rig did not do its part.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// A control plane refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The console showed an error where there should be none.
    #[error("{act}: the console shows {category}: {message}")]
    Refused {
        /// What was tried.
        act: &'static str,
        /// The error's category.
        category: String,
        /// Its message.
        message: String,
    },
    /// Something else was expected.
    #[error("{0}")]
    Unexpected(String),
}

/// Plays the journey. `pause` is awaited between acts.
///
/// # Errors
/// When an act does not end as it should.
pub async fn play<P: Future<Output = ()>>(
    rig: &mut Rig,
    journey: &Journey,
    output: &Output,
    pause: impl Fn() -> P,
) -> Result<(), JourneyError> {
    let mut stage = Stage {
        rig,
        journey,
        output,
        acts: 0,
        seen: 0,
    };
    stage.introduce();
    pause().await;
    // Secret Server asks the user, once and before anything else; Password Safe asks an approver,
    // for each request, and the plug-in answers for them.
    let asks_first = stage.rig.vault.kind == VaultKind::SecretServer;
    if asks_first && stage.first_attempt().await? {
        pause().await;
        stage.approval().await?;
        pause().await;
    }
    let (session, entry) = stage.list().await?;
    pause().await;
    stage.pick(&session, &entry).await?;
    pause().await;
    stage.end(&session).await?;
    stage.where_the_time_went(&session).await
}

struct Stage<'a> {
    rig: &'a mut Rig,
    journey: &'a Journey,
    output: &'a Output,
    /// Acts that were told already.
    acts: u8,
    /// Calls of the vault's journal that were told already.
    seen: usize,
}

impl Stage<'_> {
    fn introduce(&mut self) {
        self.act("The site");
        self.say(&format!("appliance      {}", self.rig.appliance.url));
        let vault = &self.rig.vault;
        self.say(&format!("{}  {}", vault.kind.name(), vault.endpoint_url));
        for client in self.rig.appliance.ecm_clients() {
            let line = format!(
                "ECM            {} connected outward as {}, group {}",
                client.hostname, client.connection, client.ecm_group
            );
            self.say(&line);
        }
        self.say("every certificate is verified against the lab's own authority");
    }

    /// The first look-up. True when it met a pending approval.
    async fn first_attempt(&mut self) -> Result<bool, JourneyError> {
        let Journey {
            console_user,
            jump_item,
            ..
        } = self.journey;
        self.act(&format!(
            "{console_user} opens the credential list of {jump_item}"
        ));
        let user = ConsoleUser::named(console_user);
        let (session, shown) = self.rig.open_list(&user, jump_item).await?;
        self.tell_calls().await?;
        self.rig
            .appliance
            .end(&session)
            .await
            .map_err(RigError::from)?;
        match shown {
            Err(refusal) if refusal.category == "pending_approval" => {
                self.say(&format!("the console shows: {}", refusal.message));
                if let Some(url) = refusal.action_url {
                    self.say(&format!("approve at {url}"));
                }
                Ok(true)
            }
            Err(refusal) => Err(refused("the first look-up", refusal)),
            Ok(_) => {
                self.say("the vault's user has approved the API account before");
                Ok(false)
            }
        }
    }

    async fn approval(&mut self) -> Result<(), JourneyError> {
        let user = &self.journey.vault_user;
        self.act(&format!("Secret Server mails {user}, who approves"));
        let mails = self.rig.vault.mails_to(user).await?;
        let mail = mails.last();
        let mail = mail.ok_or_else(|| {
            unexpected(format!(
                "no mail reached {user}; is vault_user in [journey] the vault's name of {}?",
                self.journey.console_user
            ))
        })?;
        self.say(&format!("mail to {}: {}", mail.to, mail.subject));
        self.rig.vault.answer_trust(user, Answer::Approve).await?;
        self.say(&format!(
            "{user} approves; the API account may act for this user from now on"
        ));
        Ok(())
    }

    async fn list(&mut self) -> Result<(SessionId, Entry), JourneyError> {
        let Journey {
            console_user,
            jump_item,
            credential,
            ..
        } = self.journey;
        self.act(&match self.acts {
            1 => format!("{console_user} opens the credential list of {jump_item}"),
            _ => format!("{console_user} opens the list of {jump_item} again"),
        });
        let user = ConsoleUser::named(console_user);
        let (session, shown) = self.rig.open_list(&user, jump_item).await?;
        self.tell_calls().await?;
        let list = shown.map_err(|refusal| refused("the look-up", refusal))?;
        for entry in &list {
            self.say(&format!("  in the list: {}", entry.display_value));
        }
        let wanted = credential.as_deref().unwrap_or_default();
        let entry = list
            .into_iter()
            .find(|entry| entry.display_value.contains(wanted));
        let entry = entry.ok_or_else(|| {
            unexpected(match credential {
                None => format!("the list is empty; has the user a secret for {jump_item}?"),
                Some(wanted) => format!(
                    "nothing in the list is called {wanted:?}; correct credential in [journey]"
                ),
            })
        })?;
        Ok((session, entry))
    }

    async fn pick(&mut self, session: &SessionId, entry: &Entry) -> Result<(), JourneyError> {
        self.act(&format!("The user picks {}", entry.display_value));
        let picked = self
            .rig
            .appliance
            .inject(session, &entry.credential_id)
            .await;
        let calls = self.tell_calls().await?;
        if calls.iter().any(|call| call.operation == APPROVE) {
            let approver = &self.journey.vault_user;
            self.say(&format!(
                "the account's policy wants an approval: the ECM gave it as the Global Approver, \
                 {approver}"
            ));
        }
        let injected = picked.map_err(|refusal| refused("the retrieval", refusal))?;
        self.say("the ECM sealed it to a key that the appliance made for this session (HPKE)");
        let what = if injected.kind() == "ssh_key" {
            "private key"
        } else {
            "password"
        };
        self.say(&format!(
            "injected: user {}, {what} {MASK}, fingerprint {}",
            injected.masked_username(),
            injected.fingerprint()
        ));
        Ok(())
    }

    async fn end(&mut self, session: &SessionId) -> Result<(), JourneyError> {
        self.act("The session ends");
        self.rig
            .appliance
            .end(session)
            .await
            .map_err(RigError::from)?;
        self.rig.wait_for_check_ins(1).await?;
        // The vault knows of the check-in before the appliance does.
        self.rig.wait_for_hop(session, "release_credential").await?;
        self.tell_calls().await?;
        self.say("the vault confirmed the check-in: the secret is free for others");
        Ok(())
    }

    async fn where_the_time_went(&self, session: &SessionId) -> Result<(), JourneyError> {
        self.output
            .say("\nWhere the time went, from the look-up on");
        let hops: Vec<Hop> = self.rig.hops(session).await?;
        self.output.say(&waterfall(&hops));
        self.output.say("");
        Ok(())
    }

    /// The vault's calls since the last act.
    async fn tell_calls(&mut self) -> Result<Vec<Call>, JourneyError> {
        let mut calls = self.rig.vault.operator.journal().await?;
        let new = calls.split_off(self.seen.min(calls.len()));
        for call in &new {
            self.say(&told(call));
        }
        self.seen += new.len();
        Ok(new)
    }

    fn act(&mut self, title: &str) {
        self.acts += 1;
        self.output.say(&format!("\n{}. {title}", self.acts));
    }

    fn say(&self, line: &str) {
        self.output.tell(&format!("   {line}"));
    }
}

fn told(call: &Call) -> String {
    let Call {
        operation,
        outcome,
        elapsed_us,
        ..
    } = call;
    let user = call.user.as_deref().unwrap_or_default();
    let who = match call.detail("impersonated") {
        "" => user.to_owned(),
        other => format!("{user} for {other}"),
    };
    let time = milliseconds(*elapsed_us);
    // The number with which Password Safe says why.
    let outcome = match call.detail("code") {
        "" => outcome.clone(),
        code => format!("{outcome} {code}"),
    };
    // With the indent of an act this fits in 80 columns; a long outcome takes them from the caller.
    let caller = 32_usize.saturating_sub(outcome.len().max(7));
    format!("vault {operation:25} {who:caller$} {outcome:7} {time:>8}")
}

fn refused(act: &'static str, refusal: Refusal) -> JourneyError {
    let Refusal {
        category, message, ..
    } = refusal;
    JourneyError::Refused {
        act,
        category,
        message,
    }
}

fn unexpected(text: String) -> JourneyError {
    JourneyError::Unexpected(text)
}
