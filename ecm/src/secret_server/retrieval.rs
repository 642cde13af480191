//! From an entry of the list to a credential: GetSecret, the comment where one is required, and the
//! attachments together. Getting is checking out (documented soap:§3.7), also when a later step
//! fails or the answer is lost on the way; whoever asked owes the check-in.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::client::CallError;
use super::conversation::{Conversation, Errand};
use super::package::{Attachment, package};
use super::refusals;
use super::settings::Settings;
use super::wire::{CodeResponse, SecretError, SecretItem, SecretRecord, SecretReply};
use crate::clock::{Stopwatch, sleep};
use crate::diagnosis::Symptom;
use crate::error::{Hop, PluginError};
use crate::plugin::{CredentialPackage, Product, Session};
use crate::secret::Secret;
use crate::wiped::Wiped;

/// Most attachments of one secret that are fetched; key templates have up to three.
const ATTACHMENTS_MAX: usize = 8;

/// Fetches a secret on behalf of `errand`'s user. It may be checked out afterwards, even when this
/// fails.
pub(super) async fn get(
    conversation: &Arc<Conversation>,
    errand: &Errand,
    session: &Session,
    credential_id: &str,
) -> Result<CredentialPackage, PluginError> {
    let secret_id = secret_id(credential_id)?;
    let secret = checked_out(conversation, errand, session, secret_id).await?;
    let attachments = attachments(conversation, errand, &secret).await?;
    package(&secret, &attachments, &conversation.settings.domain_field)
}

/// Most often that a secret which somebody else has is asked for.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Fetches the secret, and while somebody else has it checked out asks again for as long as the
/// settings allow. A refusal checks nothing out.
async fn checked_out(
    conversation: &Arc<Conversation>,
    errand: &Errand,
    session: &Session,
    secret_id: i32,
) -> Result<SecretRecord, PluginError> {
    let limit = conversation.settings.checked_out_wait;
    let waited = Stopwatch::start();
    loop {
        let answer = conversation
            .as_user(errand, |token| {
                get_secret(conversation, session, token, secret_id)
            })
            .await;
        let Err(error) = &answer else {
            return answer;
        };
        if error.symptom != Some(Symptom::SecretCheckedOut) || limit.is_zero() {
            return answer;
        }
        let left = limit.saturating_sub(waited.elapsed());
        if left.is_zero() {
            let words = error.vault_said.as_deref().unwrap_or_default();
            let detail = format!("still after {} s", limit.as_secs());
            return Err(Symptom::SecretCheckedOut
                .at(error.hop, &detail)
                .with_vault_words(words));
        }
        tracing::info!(secret_id, left_s = left.as_secs(), "waiting for a check-in");
        sleep(left.min(ASKED_AGAIN_AFTER)).await;
    }
}

/// Checks a secret in.
pub(super) async fn release(
    conversation: &Arc<Conversation>,
    errand: &Errand,
    credential_id: &str,
) -> Result<(), PluginError> {
    let secret_id = secret_id(credential_id)?;
    conversation
        .as_user(errand, |token| async move {
            conversation.client.check_in(&token, secret_id).await
        })
        .await
}

fn secret_id(credential_id: &str) -> Result<i32, PluginError> {
    credential_id
        .parse()
        .map_err(|_| Symptom::SecretNotFound.at(Hop::Ecm, "the entry's id is not one of a secret"))
}

async fn get_secret(
    conversation: &Conversation,
    session: &Session,
    token: Secret,
    secret_id: i32,
) -> Result<SecretRecord, CallError> {
    let client = &conversation.client;
    let reply = client.get_secret(&token, secret_id, &[]).await?;
    let answer = match &reply {
        SecretReply {
            secret: None,
            hurdle: Some(hurdle),
            ..
        } => code_response(&conversation.settings, session, hurdle)?,
        _ => None,
    };
    let reply = match answer {
        Some(response) => client.get_secret(&token, secret_id, &[response]).await?,
        None => reply,
    };
    accepted(reply, secret_id).map_err(CallError::Failed)
}

fn accepted(reply: SecretReply, secret_id: i32) -> Result<SecretRecord, PluginError> {
    const OPERATION: &str = "GetSecret";
    match reply {
        SecretReply {
            secret: Some(secret),
            errors,
            ..
        } if errors.is_empty() => {
            if secret.id == secret_id {
                Ok(secret)
            } else {
                Err(Symptom::AnswerNotUnderstood
                    .at(Hop::Vault(OPERATION), "it answers with another secret"))
            }
        }
        SecretReply {
            mut errors, hurdle, ..
        } => {
            if errors.is_empty() {
                // Whether Errors has the text as well is not public (assumed soap:§7 item 4).
                errors.extend(hurdle.map(|hurdle| hurdle.message));
            }
            if errors.iter().all(String::is_empty) {
                let detail = "neither a secret nor an error";
                return Err(Symptom::AnswerNotUnderstood.at(Hop::Vault(OPERATION), detail));
            }
            Err(refusals::refusal(OPERATION, &errors))
        }
    }
}

/// The answer to a hurdle: only `COMMENT` is public, every other code stays a refusal (assumed
/// soap:§7 item 3).
fn code_response(
    settings: &Settings,
    session: &Session,
    hurdle: &SecretError,
) -> Result<Option<CodeResponse>, PluginError> {
    if hurdle.code != "COMMENT" || !hurdle.allows_response || settings.comment.is_empty() {
        return Ok(None);
    }
    let asks_ticket = !hurdle.additional_comment_title.is_empty();
    if asks_ticket && settings.ticket.is_none() {
        let detail = format!(
            "it asks for {:?} and no ticket is set",
            hurdle.additional_comment_title
        );
        return Err(Symptom::SecretNeedsComment.at(Hop::Vault("GetSecret"), &detail));
    }
    Ok(Some(CodeResponse {
        error_code: hurdle.code.clone(),
        comment: comment(&settings.comment, session),
        additional_comment: settings.ticket.clone().filter(|_| asks_ticket),
    }))
}

fn comment(template: &str, session: &Session) -> String {
    const COMMENT_CHARS_MAX: usize = 500;
    let product = match session.product {
        Product::Pra => "Privileged Remote Access",
        Product::Rs => "Remote Support",
    };
    let filled = template
        .replace("{product}", product)
        .replace("{session_id}", &session.session_id)
        .replace("{username}", &session.user.username);
    crate::error::shortened(&filled, COMMENT_CHARS_MAX)
}

async fn attachments(
    conversation: &Arc<Conversation>,
    errand: &Errand,
    secret: &SecretRecord,
) -> Result<Vec<Attachment>, PluginError> {
    let files: Vec<_> = secret
        .items
        .iter()
        .filter(|item| item.is_file && item.id > 0)
        .collect();
    if files.len() > ATTACHMENTS_MAX {
        let detail = format!("it has more than {ATTACHMENTS_MAX} of them");
        return Err(Symptom::AttachmentUnreadable.at(Hop::Vault("GetSecret"), &detail));
    }
    let fetched = try_join_all(
        files
            .iter()
            .map(|item| attachment(conversation, errand, secret.id, item)),
    );
    Ok(fetched.await?.into_iter().flatten().collect())
}

async fn attachment(
    conversation: &Arc<Conversation>,
    errand: &Errand,
    secret_id: i32,
    item: &SecretItem,
) -> Result<Option<Attachment>, PluginError> {
    let file: Option<(Wiped<Vec<u8>>, String)> = conversation
        .as_user(errand, |token| async move {
            let client = &conversation.client;
            client
                .download_file_attachment_by_item_id(&token, secret_id, item.id)
                .await
        })
        .await?;
    Ok(file.map(|(content, extension)| Attachment {
        field: item.field_name.clone(),
        display_name: item.display_name.clone(),
        extension,
        content,
    }))
}
