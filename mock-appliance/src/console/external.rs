//! External Jump Items: endpoints that the ECM finds in the vault (documented sra:§7).

use super::{Console, ConsoleError, unexpected};
use crate::link::LinkError;
use crate::link::request::Ask;
use crate::state::directory::{DEFAULT_ECM_GROUP, JumpItem, JumpItemType};
use crate::state::sessions::SessionId;
use crate::state::username_format::UsernameFormat;
use crate::wire::{Answer, Endpoint, FindEndpoints, InSession, SessionFrame, ToEcm};

/// An External Jump Item as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalJumpItem {
    /// What the ECM found.
    pub endpoint: Endpoint,
    /// The Jump Item that it becomes when it is picked.
    pub jump_item: JumpItem,
    /// What stands in the column "Comments".
    pub comments: String,
}

impl Console {
    /// A user searches for External Jump Items (documented sra:§7). RDP and shell only.
    ///
    /// # Errors
    /// When the search is off, there is no such user, or the ECM cannot be asked or refuses.
    pub async fn find_endpoints(
        &self,
        username: &str,
        query: &str,
        most_recently_used_count: Option<u32>,
    ) -> Result<Vec<ExternalJumpItem>, ConsoleError> {
        let site = &self.site;
        if !site.settings.external_search {
            return Err(ConsoleError::ExternalSearchOff);
        }
        let (user, product) = {
            let state = site.state();
            (
                state.directory.user(username)?.clone(),
                state.directory.product,
            )
        };
        let group = DEFAULT_ECM_GROUP;
        let able = site.state().ecms.route(group).is_none_or(|ecm| {
            ecm.announced
                .as_ref()
                .is_some_and(|ecm| ecm.capabilities.endpoint_search)
        });
        if !able {
            return Err(LinkError::Unsupported {
                request: "find_endpoints",
            }
            .into());
        }
        let placeholder = external_item(&site.settings.external_group_name, None, None);
        let frame = SessionFrame::search(product, &user, &placeholder);
        let deadline_ms = site.settings.request_timeout_ms.find_endpoints;
        let ask = Ask {
            request: "find_endpoints",
            group,
            session: None,
            user: Some(&user.username),
            deadline_ms,
            prefer: None,
            again: true,
            hands_out: None,
        };
        let served = site.ask(&ask, |id| {
            let more = FindEndpoints {
                types: &["rdp", "shell"],
                query,
                most_recently_used_count,
            };
            ToEcm::FindEndpoints(InSession {
                id,
                deadline_ms,
                session: &frame,
                more,
            })
            .text()
        });
        match served.await?.answer {
            Answer::Endpoints(endpoints) => Ok(endpoints
                .into_iter()
                .filter_map(|endpoint| self.external(endpoint))
                .collect()),
            other => Err(unexpected("find_endpoints", &other)),
        }
    }

    /// One row of the external group; nothing for a type that the console cannot jump to.
    fn external(&self, endpoint: Endpoint) -> Option<ExternalJumpItem> {
        let kind = match endpoint.r#type.as_str() {
            "rdp" => JumpItemType::ExternalRdp,
            "shell" => JumpItemType::ExternalShell,
            _ => return None,
        };
        let settings = &self.site.settings;
        let jump_item = external_item(&settings.external_group_name, Some(kind), Some(&endpoint));
        let comments = match settings.external_jumpoint {
            true => endpoint.comments.clone().unwrap_or_default(),
            false => "Jumpoint for External Jump Items not configured".to_owned(),
        };
        Some(ExternalJumpItem {
            endpoint,
            jump_item,
            comments,
        })
    }

    /// A user picks an External Jump Item from a list that [`Console::find_endpoints`] gave.
    ///
    /// # Errors
    /// When there is no such user, or too many sessions run.
    pub async fn begin_external_session(
        &self,
        username: &str,
        picked: &ExternalJumpItem,
    ) -> Result<SessionId, ConsoleError> {
        let user = self.site.state().directory.user(username)?.clone();
        self.begin(user, picked.jump_item.clone())
    }
}

/// An External Jump Item, or what stands for one while it is searched for.
fn external_item(group: &str, kind: Option<JumpItemType>, found: Option<&Endpoint>) -> JumpItem {
    JumpItem {
        kind: kind.unwrap_or(JumpItemType::ExternalRdp),
        name: found.map_or_else(|| group.to_owned(), |endpoint| endpoint.name.clone()),
        hostname: found.map(|endpoint| endpoint.hostname.clone()),
        port: found.and_then(|endpoint| endpoint.port),
        url: None,
        additional_ips: Vec::new(),
        application_name: None,
        jump_group: Some(group.to_owned()),
        tag: None,
        username_format: UsernameFormat::Default,
    }
}
