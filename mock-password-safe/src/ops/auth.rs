//! Signing in and out, tokens, version. psafe:§1.4–1.6.

use sim_kit::exchange::StatusCode;

use super::{Access, Call, Route, gives, nothing, ok, one_of, text};
use crate::auth::{Authorization, KeyHeader};
use crate::settings::SessionProof;
use crate::state::State;
use crate::state::refusal::Refusal;
use crate::state::sign_in::{Caller, KeySignIn, caller_of_key};
use crate::wire::answer::Answer;
use crate::wire::rows::auth::{SignedIn, TokenRow, VersionRow};

/// What third parties call instead of signing in.
pub(crate) const PROBE: &str = "GET Auth";

/// The one operation whose refusals are OAuth's.
pub(crate) const TOKEN: &str = "POST Auth/connect/token";

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: TOKEN,
        summary: "Exchange OAuth client credentials for an access token",
        access: Access::Open,
        query: &[],
        body: &[
            one_of("grant_type", &["client_credentials"]).required(),
            text("client_id").required(),
            text("client_secret").required(),
        ],
        gives: ok(gives::<TokenRow>),
        run: token,
    },
    Route {
        name: "POST Auth/SignAppin",
        summary: "Sign in with an API key or an access token",
        access: Access::Open,
        query: &[],
        body: &[],
        gives: ok(gives::<SignedIn>),
        run: sign_in,
    },
    Route {
        name: "POST Auth/Signout",
        summary: "Sign out",
        access: Access::Open,
        query: &[],
        body: &[],
        gives: nothing(200),
        run: sign_out,
    },
    Route {
        name: PROBE,
        summary: "Undocumented probe of third-party clients; answers only when a setting says so",
        access: Access::Open,
        query: &[],
        body: &[],
        gives: ok(gives::<SignedIn>),
        run: probe,
    },
    Route {
        name: "GET Configuration/Version",
        summary: "The version of the product",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<VersionRow>),
        run: version,
    },
];

/// `vendor-client psafe:PYLIB`: a form with the three fields in any order.
fn token(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let grant = fields.text("grant_type")?.unwrap_or_default();
    let (id, secret) = (fields.text("client_id")?, fields.text("client_secret")?);
    let (Some(id), Some(secret), "client_credentials") = (id, secret, grant.as_str()) else {
        return Err(Refusal::InvalidClient);
    };
    let secret = zeroize::Zeroizing::new(secret);
    let State {
        people,
        sign_ins,
        mint,
        ..
    } = state;
    let token = sign_ins.token(
        people,
        &id,
        &secret,
        call.identity.source,
        mint.as_mut(),
        call.now,
    )?;
    Ok(Answer::ok(&TokenRow::of(&token)))
}

fn sign_in(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let signed_in = try_sign_in(state, call);
    signed_in.map_err(|refusal| match refusal {
        Refusal::NotAuthenticated => Refusal::SignInRefused,
        other => other,
    })
}

fn try_sign_in(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let State {
        people,
        sign_ins,
        mint,
        rules,
        ..
    } = &mut *state;
    let (caller, session) = match &call.identity.authorization {
        Some(Authorization::Key(header)) => {
            sign_ins.with_key(people, &ask(header, call), rules, mint.as_mut(), call.now)?
        }
        Some(Authorization::Bearer(token)) => {
            sign_ins.with_token(token, rules, mint.as_mut(), call.now)?
        }
        Some(Authorization::Unknown) | None => return Err(Refusal::NotAuthenticated),
    };
    Ok(signed_in(state, caller)?.with_session(session))
}

fn signed_in(state: &State, caller: Caller) -> Result<Answer, Refusal> {
    let user = state
        .people
        .users
        .get(&caller.user)
        .ok_or(Refusal::NotAuthenticated)?;
    Ok(Answer::ok(&SignedIn::of(user)))
}

fn sign_out(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let session = call.identity.session.as_deref();
    let known = match session {
        Some(session) => state
            .sign_ins
            .session(session, &state.rules, call.now)
            .is_ok(),
        // Without a cookie there is nothing to end; a good Authorization is still no stranger.
        None => authenticate(state, call).is_ok(),
    };
    if let Some(session) = session {
        state.sign_ins.sign_out(session);
    }
    if known {
        Ok(Answer::empty(StatusCode::OK))
    } else {
        Err(Refusal::NotAuthenticated)
    }
}

fn probe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    if !call.settings.auth_probe_answers {
        return Err(Refusal::SwitchedOff);
    }
    let caller = authenticate(state, call)?;
    signed_in(state, caller)
}

fn version(_: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&VersionRow {
        version: call.settings.version.clone(),
    }))
}

/// Who calls, by cookie or by `Authorization` as the settings say. `assumed psafe:§1.4`.
pub(crate) fn authenticate(state: &mut State, call: &Call<'_>) -> Result<Caller, Refusal> {
    let by_cookie = call
        .identity
        .session
        .as_deref()
        .map(|session| state.sign_ins.session(session, &state.rules, call.now));
    match (call.settings.session_proof, by_cookie) {
        (SessionProof::Cookie, found) => found.unwrap_or(Err(Refusal::NotAuthenticated)),
        (SessionProof::Either, Some(Ok(caller))) => Ok(caller),
        (SessionProof::Either, Some(Err(dead))) if call.settings.dead_cookie_is_refused => {
            Err(dead)
        }
        (SessionProof::Either, _) => by_authorization(state, call),
        (SessionProof::Both, Some(Ok(caller))) => {
            let same = by_authorization(state, call)?.user == caller.user;
            if same {
                Ok(caller)
            } else {
                Err(Refusal::NotAuthenticated)
            }
        }
        (SessionProof::Both, _) => Err(Refusal::NotAuthenticated),
    }
}

fn by_authorization(state: &State, call: &Call<'_>) -> Result<Caller, Refusal> {
    match &call.identity.authorization {
        Some(Authorization::Key(header)) => caller_of_key(&state.people, &ask(header, call)),
        Some(Authorization::Bearer(token)) => state.sign_ins.bearer(token, call.now),
        Some(Authorization::Unknown) | None => Err(Refusal::NotAuthenticated),
    }
}

fn ask<'a>(header: &'a KeyHeader, call: &'a Call<'_>) -> KeySignIn<'a> {
    KeySignIn {
        key: &header.key,
        run_as: header.run_as.as_deref(),
        password: header.password.as_ref().map(|password| password.as_str()),
        challenge: header.challenge.as_ref().map(|code| code.as_str()),
        session: call.identity.session.as_deref(),
        source: call.identity.source,
    }
}
