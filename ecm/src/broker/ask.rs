//! The calls that leave nothing behind: one question to the plugin, one answer.

use super::guarded;
use crate::error::PluginError;
use crate::link::wire::{Answer, Call, CredentialEntry, EndpointEntry};
use crate::plugin::{Capabilities, EndpointType, Plugin, Session};

/// Asks `plugin` what `call` asks.
pub(super) async fn ask(plugin: &dyn Plugin, call: Call) -> Result<Answer, PluginError> {
    if let Some(answer) = not_offered(plugin.capabilities(), &call) {
        return answer;
    }
    match call {
        Call::FindCredentials { session } => {
            let session = Session::from(session);
            let found = guarded(plugin.find_credentials(&session)).await?;
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
            let found = guarded(plugin.find_endpoints(&session, &types, &query, count)).await?;
            let endpoints = found.into_iter().map(EndpointEntry::from).collect();
            Ok(Answer::Endpoints { endpoints })
        }
        Call::StartSession {
            session,
            credential_id,
        } => {
            let session = Session::from(session);
            guarded(plugin.start_session(&session, &credential_id)).await?;
            Ok(Answer::Done)
        }
        Call::SessionStarted {
            session,
            history_url,
            history_url_expiry_s: expiry_s,
        } => {
            let (session, url) = (Session::from(session), history_url.as_deref());
            guarded(plugin.session_started(&session, url, expiry_s)).await?;
            Ok(Answer::Done)
        }
        Call::SessionComplete { session } => {
            let session = Session::from(session);
            guarded(plugin.session_complete(&session)).await?;
            Ok(Answer::Done)
        }
        Call::Health => {
            let health = guarded(plugin.health()).await?;
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
