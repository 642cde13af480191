//! Aliases. psafe:§2.7.

use super::requests::{ALIAS_ORDER, CREDENTIAL_TYPE, answer_of, credential_kind, order};
use super::{Access, Call, Route, created, gives, numbers, ok, text};
use crate::state::State;
use crate::state::credential::CredentialKind;
use crate::state::ids::{AliasId, RequestId};
use crate::state::refusal::Refusal;
use crate::state::vault::Alias;
use crate::wire::answer::Answer;
use crate::wire::rows::request::{AliasCredential, AliasRow};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Aliases",
        summary: "The aliases; mapped and highly available ones unless a state is given",
        access: Access::SignedIn,
        query: &[numbers("state"), text("name")],
        body: &[],
        gives: ok(gives::<Vec<AliasRow>>),
        run: list,
    },
    Route {
        name: "GET Aliases/{id}",
        summary: "One alias",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<AliasRow>),
        run: get,
    },
    Route {
        name: "POST Aliases/{aliasId}/Requests",
        summary: "Ask for a release of whatever account the alias stands for",
        access: Access::SignedIn,
        query: &[],
        body: ALIAS_ORDER,
        gives: created(gives::<i32>),
        run: request,
    },
    Route {
        name: "GET Aliases/{aliasId}/Credentials/{requestId}",
        summary: "The credential of an approved request through an alias",
        access: Access::SignedIn,
        query: &[CREDENTIAL_TYPE],
        body: &[],
        gives: ok(gives::<AliasCredential>),
        run: credential,
    },
];

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let states = call.query.numbers("state")?;
    let states = states.unwrap_or_else(|| vec![1, 2]);
    let name = call.query.words("name")?;
    let rows = state
        .vault
        .aliases
        .values()
        .filter(|alias| states.contains(&state.vault.state_of(alias)))
        .filter(|alias| {
            name.as_ref()
                .is_none_or(|name| alias.name.eq_ignore_ascii_case(name))
        })
        .map(|alias| AliasRow::of(alias, state));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&AliasRow::of(alias(state, call)?, state)))
}

fn request(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = alias(state, call)?.clone();
    let mut order = order(&call.fields, found.system, found.account, Some(found.id))?;
    if call.fields.value("DurationMinutes").is_none() {
        let account = state.vault.account_of(&found);
        let account = account.ok_or(Refusal::NO_PERMISSION)?;
        if !call.settings.alias_duration_may_be_absent {
            return Err(Refusal::malformed("DurationMinutes is required"));
        }
        order.duration_min = i64::from(account.release_min);
    }
    answer_of(state.order(call.user()?, &order, call.now)?)
}

fn credential(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = alias(state, call)?.clone();
    let kind = credential_kind(call)?;
    let id = RequestId(call.id(1)?);
    if state
        .releases
        .get(id)
        .is_some_and(|release| release.alias != Some(found.id))
    {
        return Err(Refusal::NO_PERMISSION);
    }
    let secret = state.credential(call.user()?, id, kind, call.now)?;
    let shown = |wanted| (kind == wanted).then(|| secret.expose().to_owned());
    let system = state.vault.systems.get(&found.system);
    let account = state.vault.accounts.get(&found.account);
    Ok(Answer::ok(&AliasCredential {
        alias_id: found.id.0,
        alias_name: found.name.clone(),
        system_id: found.system.0,
        system_name: system.map(|system| system.name.clone()).unwrap_or_default(),
        account_id: found.account.0,
        account_name: account
            .map(|account| account.name.to_string())
            .unwrap_or_default(),
        domain_name: account.and_then(|account| account.domain.as_deref().map(str::to_owned)),
        password: shown(CredentialKind::Password),
        private_key: shown(CredentialKind::Key),
        passphrase: shown(CredentialKind::Passphrase),
    }))
}

fn alias<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a Alias, Refusal> {
    let found = state.vault.aliases.get(&AliasId(call.id(0)?));
    found.ok_or(Refusal::NotFound("Alias not found"))
}
