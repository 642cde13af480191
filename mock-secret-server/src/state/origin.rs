//! What a vault starts from, and starts from again at a reset.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::Vault;
use super::answer::TicketSystem;
use super::audit::Audit;
use super::contents::TwoFactor;
use super::directory::Directory;
use super::index::Index;
use super::mailbox::Mailbox;
use super::model::{FolderRecord, SecretRecord, Template, UserSlot};
use super::secrets::Secrets;
use super::sessions::{Sessions, TokenSource};
use super::trust::{Bond, Rules, Trust};
use crate::settings::Settings;

/// Contents whose names have all been resolved: any number of vaults start from it. They share its
/// secrets and the index with it; a vault that changes a secret gets a copy of that one.
#[derive(Debug)]
pub struct Origin {
    pub(super) settings: Settings,
    pub(super) directory: Directory,
    pub(super) folders: Arc<[FolderRecord]>,
    pub(super) templates: Arc<[Template]>,
    /// In the order of their ids.
    pub(super) secrets: Arc<Vec<SecretRecord>>,
    pub(super) index: Arc<Index>,
    pub(super) ticket_systems: Vec<TicketSystem>,
    /// Caller, user, and what the user has answered.
    pub(super) trusts: Vec<(UserSlot, UserSlot, Trust)>,
    /// When everything came to be.
    pub(super) made_at: SimTime,
}

impl Origin {
    /// How its vaults behave at first.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the product allows and a lab hardly means: one sentence each, with the cure.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let users = self.directory.slots();
        users
            .filter(|(_, user)| user.radius.is_none())
            .filter_map(|(slot, user)| {
                let doors = match user.two_factor {
                    TwoFactor::Never => return None,
                    TwoFactor::Web => "the pages",
                    TwoFactor::WebService => "the web service",
                    TwoFactor::Both => "the web service and the pages",
                };
                Some(format!(
                    "user `{}` needs a second factor and has none, so that {doors} will refuse \
                     every log-on; give it radius = {{ code = \"generate\" }}, or take two_factor \
                     away",
                    self.directory.known_as(slot)
                ))
            })
            .collect()
    }

    /// A vault at its start.
    #[must_use]
    pub fn vault(&self, source: Box<dyn TokenSource>) -> Vault {
        let mut vault = Vault {
            settings: self.settings.clone(),
            source,
            directory: self.directory.clone(),
            folders: Arc::clone(&self.folders),
            templates: Arc::clone(&self.templates),
            secrets: Secrets::new(Arc::clone(&self.secrets)),
            index: Arc::clone(&self.index),
            ticket_systems: self.ticket_systems.clone(),
            sessions: Sessions::default(),
            bonds: BTreeMap::new(),
            mailbox: Mailbox::default(),
            audit: Audit::default(),
            requests: Vec::new(),
            launches: BTreeMap::new(),
        };
        for &(caller, user, state) in &self.trusts {
            vault.begin_trust(caller, user, state, self.made_at);
        }
        vault
    }
}

impl Vault {
    /// Brings a fresh trust into a state by the steps that lead there, mail included.
    fn begin_trust(&mut self, caller: UserSlot, user: UserSlot, state: Trust, now: SimTime) {
        let mut bond = Bond::None;
        if matches!(state, Trust::Pending | Trust::Denied) {
            let id = self.source.guid();
            let rules = Rules {
                mail_interval: Duration::ZERO,
                denied_asks_again: false,
            };
            bond.called(now, rules, || id.clone());
            self.mail_trust_request(caller, user, &id, now);
        }
        match state {
            Trust::None | Trust::Pending => {}
            Trust::Approved => bond.approve(),
            Trust::Denied => {
                bond.deny();
            }
            Trust::Revoked => {
                bond.approve();
                bond.revoke();
            }
        }
        self.bonds.insert((caller, user), bond);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ptr;

    use super::super::contents::{Contents, NewSecret, NewUser};
    use super::super::operate::Operate;
    use super::super::text::SecretText;
    use super::*;

    const NOW: SimTime = SimTime::SCENARIO_START;

    #[derive(Debug)]
    struct Counted(u32);

    impl TokenSource for Counted {
        fn token(&mut self) -> SecretText {
            self.guid().into()
        }

        fn guid(&mut self) -> String {
            self.0 += 1;
            self.0.to_string()
        }

        fn password(&mut self) -> SecretText {
            self.guid().into()
        }
    }

    fn origin() -> Origin {
        let secret = |id| {
            NewSecret::new(&format!("srv{id}"), "Windows Account")
                .id(id)
                .password("Password", "planted")
        };
        let contents = Contents::default()
            .with_user(NewUser::local("api"))
            .with_user(NewUser::local("alice").email("alice@acme.example"))
            .with_trust("api", "alice", Trust::Pending);
        let contents = (1..=3).fold(contents, |all, id| all.with_secret(secret(id)));
        Origin::new(contents, NOW).unwrap()
    }

    fn shared(origin: &Origin, vault: &Vault) -> Vec<bool> {
        let pairs = origin.secrets.iter().zip(vault.secrets.iter());
        pairs.map(|(one, other)| ptr::eq(one, other)).collect()
    }

    #[test]
    fn a_vault_shares_every_secret_until_it_changes_one() {
        let origin = origin();
        let mut vault = origin.vault(Box::new(Counted(0)));
        assert_eq!(shared(&origin, &vault), [true; 3]);
        assert!(Arc::ptr_eq(&origin.index, &vault.index));
        let rotate = Operate::RotatePassword { secret_id: 2 };
        vault.operate(rotate, NOW).unwrap();
        assert_eq!(shared(&origin, &vault), [true, false, true]);
    }

    #[test]
    fn the_next_vault_has_nothing_of_what_the_last_one_did() {
        let origin = origin();
        let shown = |vault: &Vault| format!("{vault:?}");
        let mut vault = origin.vault(Box::new(Counted(0)));
        let at_start = shown(&vault);
        for act in [
            Operate::RotatePassword { secret_id: 2 },
            Operate::SetSecretActive {
                secret_id: 3,
                active: false,
            },
            Operate::SetUserEnabled {
                user: "alice".into(),
                enabled: false,
            },
        ] {
            vault.operate(act, NOW).unwrap();
        }
        vault.settings_mut().authorize_path = "/elsewhere".into();
        let fresh = origin.vault(Box::new(Counted(0)));
        assert_ne!(shown(&vault), at_start);
        assert_eq!(shown(&fresh), at_start);
        let password = fresh.sim_value("srv2", "Password").unwrap();
        assert_eq!(password.expose(), "planted");
    }

    #[test]
    fn each_vault_asks_its_own_source_for_what_must_not_be_guessed() {
        let origin = origin();
        let id = |drawn| {
            let vault = origin.vault(Box::new(Counted(drawn)));
            let mail = vault.mailbox().next().unwrap();
            format!("{mail:?}")
        };
        assert_ne!(id(0), id(7));
    }
}
