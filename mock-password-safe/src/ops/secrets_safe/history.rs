//! Versions, shares and one-time codes of secrets.

use super::values::bytes_of;
use super::{Call, secret, secret_mut};
use crate::digest;
use crate::state::State;
use crate::state::refusal::Refusal;
use crate::state::secrets_safe::Content;
use crate::wire::answer::Answer;
use crate::wire::rows::secrets_safe::{ShareRow, TotpRow, VersionsRow};

const VERSION_NOT_FOUND: Refusal = Refusal::NotFound("Version not found");

pub(super) fn versions(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&VersionsRow::of(secret(state, call)?, state)))
}

/// A value as `GET Credentials` gives one, a bare JSON string; a file as its bytes (assumed).
pub(super) fn version(state: &mut State, call: &Call<'_>, kind: &str) -> Result<Answer, Refusal> {
    let wanted = call.param(1);
    let mut versions = secret(state, call)?.versions.iter();
    let found = versions.find(|version| version.id.eq_ignore_ascii_case(wanted));
    let content = &found.ok_or(VERSION_NOT_FOUND)?.content;
    if content.word() != kind {
        return Err(VERSION_NOT_FOUND);
    }
    match content {
        Content::File { .. } => bytes_of(content),
        _ => Ok(Answer::ok(&content.value().expose())),
    }
}

pub(super) fn roll_back(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let version = call.param(1).to_ascii_lowercase();
    let user = call.user()?;
    if secret_mut(state, call)?.roll_back(&version, user, call.now) {
        Ok(Answer::no_content())
    } else {
        Err(VERSION_NOT_FOUND)
    }
}

pub(super) fn shares(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let secret = secret(state, call)?;
    let rows = secret.shares.iter();
    let rows = rows.map(|folder| ShareRow::of(secret, folder, state));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

pub(super) fn share(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let folder = call.param(1).to_ascii_lowercase();
    if !state.secrets_safe.folders.contains_key(&folder) {
        return Err(Refusal::NotFound("Folder not found"));
    }
    let found = secret_mut(state, call)?;
    if found.folder == folder {
        return Err(Refusal::malformed("The secret is in this folder"));
    }
    found.shares.insert(folder.clone());
    let found = secret(state, call)?;
    Ok(Answer::created(&ShareRow::of(found, &folder, state)))
}

pub(super) fn remove_share(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let folder = call.param(1).to_ascii_lowercase();
    if secret_mut(state, call)?.shares.remove(&folder) {
        Ok(Answer::no_content())
    } else {
        Err(Refusal::NotFound("Share not found"))
    }
}

pub(super) fn remove_shares(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    secret_mut(state, call)?.shares.clear();
    Ok(Answer::no_content())
}

/// `vendor-client psafe:PYLIB`: 400 for what is no credential, 404 for one without a seed.
pub(super) fn totp(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let secret = secret(state, call)?;
    if secret.content.word() != "Credential" {
        return Err(Refusal::malformed("The secret is not a credential"));
    }
    let code = secret
        .totp
        .as_ref()
        .and_then(|seed| digest::totp(seed, call.now));
    let code = code.ok_or(Refusal::NotFound("One-time codes are not enabled"))?;
    Ok(Answer::ok(&TotpRow::of(code, call.now)))
}
