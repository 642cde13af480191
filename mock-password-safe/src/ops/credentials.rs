//! Credentials: reading what was released, setting and changing what is stored. psafe:§2.5.

use super::requests::{CREDENTIAL_TYPE, credential_kind};
use super::systems::workgroup_named;
use super::{Access, Call, Gives, Param, Route, flag, gives, nothing, ok, one_of, text};
use crate::digest;
use crate::ops::accounts::{ACCOUNT_NOT_FOUND, KEY_MAX, SYSTEM_NOT_FOUND};
use crate::secret::Secret;
use crate::state::State;
use crate::state::ids::{AccountId, RequestId, SystemId};
use crate::state::people::{Feature, Level, Role};
use crate::state::refusal::Refusal;
use crate::wire::answer::Answer;
use crate::wire::read::Fields;
use crate::wire::rows::account::{OneTimeCode, TestResult};

const FULL: Access = Access::Feature(Feature::AccountManagement, Level::FullControl);
const DONE: Gives = nothing(204);
const CREDENTIALS: &[Param] = &[
    text("Password").at_most(128),
    text("PublicKey").at_most(KEY_MAX),
    text("PrivateKey").at_most(KEY_MAX),
    text("Passphrase"),
    flag("UpdateSystem"),
];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Credentials/{requestId}",
        summary: "The credential of an approved request of the caller's, a bare JSON string",
        access: Access::SignedIn,
        query: &[CREDENTIAL_TYPE],
        body: &[],
        gives: ok(gives::<String>),
        run: get,
    },
    Route {
        name: "PUT Credentials",
        summary: "Store a credential of an account that is found by names",
        access: FULL,
        query: &[
            text("workgroupName"),
            text("assetName").required(),
            text("accountName").required(),
        ],
        body: CREDENTIALS,
        gives: DONE,
        run: put_by_names,
    },
    Route {
        name: "PUT Workgroups/{workgroup}/Assets/{asset}/ManagedSystems/ManagedAccounts/{account}/Credentials",
        summary: "The same, with the names in the path",
        access: FULL,
        query: &[],
        body: CREDENTIALS,
        gives: DONE,
        run: put_by_path,
    },
    Route {
        name: "PUT ManagedAccounts/{id}/Credentials",
        summary: "Store a credential",
        access: FULL,
        query: &[],
        body: CREDENTIALS,
        gives: DONE,
        run: put,
    },
    Route {
        name: "GET ManagedAccounts/{id}/Credentials",
        summary: "The one-time code of an account that the caller has a release of",
        access: Access::SignedIn,
        query: &[one_of("type", &["totp"])],
        body: &[],
        gives: ok(gives::<OneTimeCode>),
        run: code,
    },
    Route {
        name: "POST ManagedAccounts/{id}/Credentials/Test",
        summary: "Whether the stored credential works; it always does here",
        access: FULL,
        query: &[],
        body: &[],
        gives: ok(gives::<TestResult>),
        run: test,
    },
    Route {
        name: "POST ManagedAccounts/{id}/Credentials/Change",
        summary: "Give an account a new password",
        access: FULL,
        query: &[],
        body: &[
            text("Password").at_most(128),
            flag("UpdateSystem"),
            flag("Queue"),
        ],
        gives: DONE,
        run: change,
    },
    Route {
        name: "POST ManagedSystems/{id}/ManagedAccounts/Credentials/Change",
        summary: "Give every account of a system a new password",
        access: FULL,
        query: &[],
        body: &[flag("Queue")],
        gives: DONE,
        run: change_system,
    },
];

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = RequestId(call.id(0)?);
    let kind = credential_kind(call)?;
    let secret = state.credential(call.user()?, id, kind, call.now)?;
    Ok(Answer::ok(&secret.expose()))
}

/// Who may read the code is assumed: whoever has an approved request, and who has immediate access.
fn code(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let user = call.user()?;
    let account = state.vault.accounts.get(&AccountId(call.id(0)?));
    let account = account.ok_or(ACCOUNT_NOT_FOUND)?;
    let released = state
        .releases
        .live_of(account.id, call.now)
        .any(|release| release.requestor == user && release.is_active(call.now));
    if !released && !state.has_role(user, account, Role::is_isa) {
        return Err(Refusal::NO_PERMISSION);
    }
    let seed = account.rare().totp.as_ref();
    let code = seed.and_then(|seed| digest::totp(seed, call.now));
    let code = code.ok_or(Refusal::NotFound("One-time codes are not enabled"))?;
    Ok(Answer::ok(&OneTimeCode { code }))
}

fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    store(state, call, AccountId(call.id(0)?))
}

fn put_by_names(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let asset = call.query.required_words("assetName")?;
    let account = call.query.required_words("accountName")?;
    let found = match call.query.words("workgroupName")? {
        Some(group) => state.account_in(workgroup_named(state, &group)?, &asset, &account),
        None => state.account_named(&asset, &account),
    };
    let id = found.ok_or(ACCOUNT_NOT_FOUND)?.id;
    store(state, call, id)
}

fn put_by_path(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = workgroup_named(state, call.param(0))?;
    let found = state.account_in(group, call.param(1), call.param(2));
    let id = found.ok_or(ACCOUNT_NOT_FOUND)?.id;
    store(state, call, id)
}

fn store(state: &mut State, call: &Call<'_>, id: AccountId) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let (password, key, passphrase) = (
        secret(fields, "Password")?,
        secret(fields, "PrivateKey")?,
        secret(fields, "Passphrase")?,
    );
    if password.is_none() && key.is_none() {
        return Err(Refusal::malformed("Password or PrivateKey is required"));
    }
    if !state.set_credentials(id, password, key, passphrase, call.now) {
        return Err(ACCOUNT_NOT_FOUND);
    }
    Ok(Answer::no_content())
}

fn secret(fields: &Fields, name: &str) -> Result<Option<Secret>, Refusal> {
    Ok(fields.words(name)?.map(Secret::new))
}

fn test(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    if !state.vault.accounts.contains_key(&AccountId(call.id(0)?)) {
        return Err(ACCOUNT_NOT_FOUND);
    }
    Ok(Answer::ok(&TestResult { success: true }))
}

fn change(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    let password = secret(&call.fields, "Password")?;
    let done = match password {
        Some(password) => state.set_credentials(id, Some(password), None, None, call.now),
        None => state.rotate(id, call.now),
    };
    if done {
        Ok(Answer::no_content())
    } else {
        Err(ACCOUNT_NOT_FOUND)
    }
}

fn change_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = SystemId(call.id(0)?);
    if !state.vault.systems.contains_key(&system) {
        return Err(SYSTEM_NOT_FOUND);
    }
    let ids: Vec<_> = state
        .vault
        .accounts_of(system)
        .map(|account| account.id)
        .collect();
    for id in ids {
        state.rotate(id, call.now);
    }
    Ok(Answer::no_content())
}
