//! The journey of one credential, act by act, told as it happens.

use std::future::Future;

use mock_appliance::SessionId;

use crate::lab::Journey;
use crate::outcome::Hop;
use crate::redact::{MASK, Output};
use crate::report::terminal::{milliseconds, waterfall};
use crate::rig::console::{ConsoleUser, Entry, Refusal};
use crate::rig::control::{Call, ControlError};
use crate::rig::vault::Answer;
use crate::rig::{Rig, RigError};

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
        seen: 0,
        acts: 0,
    };
    stage.introduce().await?;
    pause().await;
    if stage.first_attempt().await? {
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
    /// Calls of the vault's journal that were told already.
    seen: usize,
    /// Acts that were announced already.
    acts: usize,
}

impl Stage<'_> {
    async fn introduce(&mut self) -> Result<(), JourneyError> {
        self.act("The site");
        self.say(&format!("appliance      {}", self.rig.appliance.url));
        self.say(&format!("Secret Server  {}", self.rig.vault.endpoint_url));
        for client in self.rig.appliance.ecm_clients() {
            let line = format!(
                "ECM            {} connected outward as {}, group {}",
                client.hostname, client.connection, client.ecm_group
            );
            self.say(&line);
        }
        self.say("every certificate is verified against the lab's own authority");
        Ok(())
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
        let again = if self.acts > 2 {
            " again"
        } else {
            ", now to pick"
        };
        self.act(&format!(
            "{console_user} opens the list of {jump_item}{again}"
        ));
        let user = ConsoleUser::named(console_user);
        let (session, shown) = self.rig.open_list(&user, jump_item).await?;
        self.tell_calls().await?;
        let list = shown.map_err(|refusal| refused("the second look-up", refusal))?;
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
        self.tell_calls().await?;
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
        self.rig.wait_for_call("CheckIn", "success", 1).await?;
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
    async fn tell_calls(&mut self) -> Result<(), JourneyError> {
        let calls = self.rig.vault.operator.journal().await?;
        for call in calls.iter().skip(self.seen) {
            self.say(&told(call));
        }
        self.seen = calls.len();
        Ok(())
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
    // With the indent of an act this fits in 80 columns.
    format!("vault {operation:25} {who:25} {outcome:7} {time:>8}")
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
