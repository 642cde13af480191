//! The calls that leave nothing behind: one question to the plugin, one answer.

use super::Origin;
use super::calls::Calls;
use crate::clock::Stopwatch;
use crate::error::{PluginError, shortened};
use crate::link::wire::{Answer, Call, CredentialEntry, EndpointEntry};
use crate::plugin::{Capabilities, EndpointType, Plugin, Session};

/// Asks the plugin what `call` asks.
pub(super) async fn ask(calls: &Calls, call: Call, origin: &Origin) -> Result<Answer, PluginError> {
    let name = call.name();
    let question = Box::new((call, Asked::of(name, origin)));
    calls
        .make(name, move |plugin| {
            // Boxed, since it is moved from guard to guard before it is first polled.
            Box::pin(async move {
                let (call, asked) = *question;
                match not_offered(plugin.capabilities(), &call) {
                    Some(answer) => answer,
                    None => ask_plugin(plugin.as_ref(), call, &asked).await,
                }
            })
        })
        .await
}

async fn ask_plugin(plugin: &dyn Plugin, call: Call, asked: &Asked) -> Result<Answer, PluginError> {
    match call {
        Call::FindCredentials { session } => {
            let session = Session::from(session);
            let looked_up = plugin.explain_find(&session).await;
            let vault_user = looked_up.vault_user.as_deref();
            asked.tell(&session, vault_user, &looked_up.result, Vec::len);
            let found = looked_up.result?;
            let credentials = found.into_iter().map(CredentialEntry::from).collect();
            Ok(Answer::Credentials { credentials })
        }
        Call::FindEndpoints {
            session,
            types,
            query,
            most_recently_used_count: count,
        } => {
            let session = Session::from(session);
            // Types of a later version of the link cannot be found here.
            let types = types
                .iter()
                .filter_map(|name| EndpointType::from_name(name));
            let types: Vec<_> = types.collect();
            let found = plugin.find_endpoints(&session, &types, &query, count).await;
            asked.tell(&session, None, &found, Vec::len);
            let endpoints = found?.into_iter().map(EndpointEntry::from).collect();
            Ok(Answer::Endpoints { endpoints })
        }
        Call::StartSession {
            session,
            credential_id,
        } => {
            let session = Session::from(session);
            let started = plugin.start_session(&session, &credential_id).await;
            asked.tell(&session, None, &started, |()| 0);
            started.map(|()| Answer::Done)
        }
        Call::SessionStarted {
            session,
            history_url,
            history_url_expiry_s: expiry_s,
        } => {
            let (session, url) = (Session::from(session), history_url.as_deref());
            let taken = plugin.session_started(&session, url, expiry_s).await;
            asked.tell(&session, None, &taken, |()| 0);
            taken.map(|()| Answer::Done)
        }
        Call::SessionComplete { session } => {
            let session = Session::from(session);
            let taken = plugin.session_complete(&session).await;
            asked.tell(&session, None, &taken, |()| 0);
            taken.map(|()| Answer::Done)
        }
        Call::Health => {
            let health = plugin.health().await?;
            Ok(Answer::Health {
                healthy: health.healthy,
                detail: health.detail,
            })
        }
        Call::GetCredential { .. } | Call::ReleaseCredential { .. } => Err(
            PluginError::unsupported("a question about a credential's whereabouts"),
        ),
    }
}

/// Longest name of a user or an item in a log line.
const NAME_CHARS_MAX: usize = 200;

/// A request as the log tells of it.
pub(super) struct Asked {
    request: &'static str,
    id: String,
    arrived: Stopwatch,
}

impl Asked {
    pub(super) fn of(request: &'static str, origin: &Origin) -> Self {
        Self {
            request,
            id: origin.request_id.clone(),
            arrived: origin.arrived,
        }
    }

    /// One line for each request: who asked as whom for what, and what came of it. The commonest
    /// trouble, "works in the test, not in the console", is seen by comparing it with the test's
    /// input (documented ecm:§7.3).
    pub(super) fn tell<T>(
        &self,
        session: &Session,
        vault_user: Option<&str>,
        outcome: &Result<T, PluginError>,
        count: impl Fn(&T) -> usize,
    ) {
        let Self {
            request,
            id,
            arrived,
        } = self;
        let (user, item) = (&session.user, &session.jump_item);
        let name = |text: &str| shortened(text, NAME_CHARS_MAX);
        let failed = outcome.as_ref().err().map(|error| error.kind.name());
        tracing::info!(
            request,
            id,
            session_id = name(&session.session_id),
            user = name(&user.username),
            distinguished_name = user.distinguished_name.as_deref().map(name),
            jump_item_type = item.item_type.name(),
            jump_item = name(&item.name),
            vault_user = vault_user.map(name),
            results = outcome.as_ref().ok().map(count),
            failed,
            took = ?arrived.elapsed(),
            "served"
        );
    }
}

/// The answer to a call that the plugin does not offer. A notice that it does not want is taken
/// and dropped; a question that it cannot answer is refused.
fn not_offered(offered: Capabilities, call: &Call) -> Option<Result<Answer, PluginError>> {
    match call {
        Call::FindEndpoints { .. } if !offered.endpoint_search => {
            Some(Err(PluginError::unsupported("endpoint search")))
        }
        Call::StartSession { .. } if !offered.start_session => {
            Some(Err(PluginError::unsupported("starting a session")))
        }
        Call::SessionStarted { .. } if !offered.session_started => Some(Ok(Answer::Done)),
        Call::SessionComplete { .. } if !offered.session_complete => Some(Ok(Answer::Done)),
        Call::Health if !offered.health_check => {
            let detail = "the plugin has no health check".to_owned();
            Some(Ok(Answer::Health {
                healthy: true,
                detail,
            }))
        }
        _ => None,
    }
}
