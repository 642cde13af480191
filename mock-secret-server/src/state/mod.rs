//! The vault as a pure state machine: a command, a time and an address in, an answer or a refusal
//! out. No sockets, no XML, no clock and no randomness of its own.
//!
//! [`Contents`] says what a vault starts with, [`Vault::apply`] carries out one call of the web
//! service, [`Vault::operate`] what people do by other ways, and the views of [`Vault`] show what
//! may be seen.

mod answer;
mod approval;
mod audit;
mod built_in;
mod candidates;
mod catalogue;
mod check_out;
mod command;
mod contents;
mod directory;
mod dispatch;
mod fold;
mod hurdles;
mod impersonation;
mod index;
mod load;
mod log_on;
mod mailbox;
mod model;
mod operate;
mod origin;
mod permission;
mod reading;
mod refusal;
mod role;
mod search;
mod secrets;
mod sessions;
mod text;
mod texts;
mod trust;
mod views;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sim_kit::clock::SimTime;

pub use answer::*;
pub use command::{CodeResponse, Command};
pub use contents::*;
pub use load::ContentsError;
pub(crate) use load::{Incoming, IncomingRules, Shape, identified};
pub use log_on::SignIn;
pub use mailbox::{Mail, MailKind};
pub(crate) use model::{File, Planter, Value};
pub use operate::{Operate, OperateError, Operated};
pub use origin::Origin;
pub use refusal::{Refusal, RefusalKind, SecretError};
pub use role::RolePermission;
pub use sessions::TokenSource;
pub use text::{ItemValue, SecretBytes, SecretText};
pub use trust::Trust;
pub use views::{AccessRequestView, AccessView, CheckOutView, TrustView, UserView};

use crate::settings::{IpRestriction, Settings};
use approval::AccessRequest;
use audit::Audit;
use directory::Directory;
use index::Index;
use mailbox::Mailbox;
use model::{FolderRecord, FolderSlot, SecretRecord, SecretSlot, Template, TemplateSlot, UserSlot};
use secrets::Secrets;
use sessions::{Purpose, Sessions};
use trust::Bond;

/// Users, folders, secrets and everything that happens to them.
#[derive(Debug)]
pub struct Vault {
    settings: Settings,
    source: Box<dyn TokenSource>,
    directory: Directory,
    folders: Arc<[FolderRecord]>,
    templates: Arc<[Template]>,
    secrets: Secrets,
    index: Arc<Index>,
    ticket_systems: Vec<TicketSystem>,
    sessions: Sessions,
    /// By API account and user.
    bonds: BTreeMap<(UserSlot, UserSlot), Bond>,
    mailbox: Mailbox,
    audit: Audit,
    requests: Vec<AccessRequest>,
    /// Launcher sessions by their keys.
    launches: BTreeMap<SecretText, (SecretSlot, UserSlot)>,
}

/// Who calls, from where, and when.
#[derive(Clone, Copy, Debug)]
struct Caller {
    user: UserSlot,
    /// The API account that acts as the user.
    via: Option<UserSlot>,
    from: IpAddr,
    now: SimTime,
}

impl Vault {
    /// How the vault behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how the vault behaves from now on: what an administrator does on the pages.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The user whom a call concerns, for fault rules and the journal: who logs on, or else who is
    /// behind the token. Named as [`Operate`] names users; a log-on that names nobody known gives
    /// the name as it came.
    #[must_use]
    pub fn acting_user(&self, command: &Command, now: SimTime) -> Option<Arc<str>> {
        match command {
            Command::Authenticate {
                username, domain, ..
            }
            | Command::AuthenticateRADIUS {
                username, domain, ..
            } => {
                let name = username.as_deref()?;
                let known = self.directory.by_log_on(name, domain.as_deref());
                Some(known.map_or_else(|| name.into(), |slot| self.directory.known_as(slot)))
            }
            _ => {
                let session = self.sessions.peek(command.token()?.expose(), now)?;
                (session.purpose != Purpose::Pages).then(|| self.directory.known_as(session.user))
            }
        }
    }

    /// Whoever is behind a live token.
    fn caller(
        &mut self,
        token: Option<&SecretText>,
        now: SimTime,
        from: IpAddr,
    ) -> Result<Caller, Refusal> {
        let lifetime = self.token_lifetime();
        let kind = self.settings.token_lifetime;
        let caller = token
            .and_then(|token| self.sessions.used(token.expose(), now, lifetime, kind))
            .filter(|session| self.directory.user(session.user).enabled)
            .and_then(|session| match session.purpose {
                Purpose::WebService { via } => Some(Caller {
                    user: session.user,
                    via,
                    from,
                    now,
                }),
                Purpose::Pages => None,
            })
            .ok_or_else(|| {
                let text = self.settings.dead_token_text.clone();
                Refusal::new(RefusalKind::DeadToken, text)
            })?;
        // Who logged on is who calls: with impersonation the API account.
        let account = caller.via.unwrap_or(caller.user);
        if self.settings.ip_restriction == IpRestriction::EveryCall && !self.allows(account, from) {
            return Err(self.ip_not_allowed());
        }
        Ok(caller)
    }

    fn secret(&self, slot: SecretSlot) -> &SecretRecord {
        self.secrets.get(slot)
    }

    fn secret_mut(&mut self, slot: SecretSlot) -> &mut SecretRecord {
        self.secrets.get_mut(slot)
    }

    fn slot_of(&self, id: i32) -> Option<SecretSlot> {
        self.secrets.slot_of(id)
    }

    fn template(&self, slot: TemplateSlot) -> &Template {
        &self.templates[usize::from(slot.0)]
    }

    /// The vendor's id of a folder; -1 is the root (documented soap:§3.4).
    fn folder_id(&self, folder: Option<FolderSlot>) -> i32 {
        folder.map_or(-1, |slot| self.folders[slot.0 as usize].id)
    }
}
