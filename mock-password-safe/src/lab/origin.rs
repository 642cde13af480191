//! What a vault starts from, and is reset to.

use sim_kit::clock::SimTime;
use sim_kit::config::ConfigError;
use sim_kit::seeded::Seed;

use super::Lab;
use crate::state::State;
use crate::state::vault::Vault;

/// What a vault is reset to. The systems of the lab are in it once, as the vault has them.
pub(crate) struct Origin {
    lab: Lab,
    seed: Seed,
    estate: Estate,
}

/// Everything that is managed, and how many workgroups came with it.
struct Estate {
    vault: Vault,
    workgroups: usize,
}

impl Origin {
    /// The vault as it was at the start, made at `now`.
    ///
    /// # Errors
    /// When a secret can no longer be read.
    pub(crate) fn state(&self, now: SimTime) -> Result<State, ConfigError> {
        let (state, ()) = self.lab.populated(self.seed, now, |state, _| {
            state.vault = self.estate.vault.clone();
            // The next id is drawn as it was the first time.
            for _ in 0..self.estate.workgroups {
                state.mint.guid();
            }
            Ok(())
        })?;
        Ok(state)
    }
}

impl Lab {
    /// The vault that this lab describes, and what it is reset to.
    ///
    /// # Errors
    /// When a name is not defined, a value is malformed, or a secret cannot be read.
    pub(crate) fn populate(
        mut self,
        seed: Seed,
        now: SimTime,
    ) -> Result<(State, Origin), ConfigError> {
        let systems = std::mem::take(&mut self.systems);
        let (state, estate) = self.populated(seed, now, |state, names| {
            let before = state.vault.workgroups.len();
            self.add_estate(state, names, systems)?;
            Ok(Estate {
                vault: state.vault.clone(),
                workgroups: state.vault.workgroups.len() - before,
            })
        })?;
        let lab = self;
        Ok((state, Origin { lab, seed, estate }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::state::ids::AccountId;

    #[test]
    fn a_reset_vault_is_the_one_that_the_lab_describes() {
        let text = "\
            [[password-safe.systems]]\nname = 'web01'\nplatform = 'Linux'\nworkgroup = 'New'\n\
            [[password-safe.systems.accounts]]\nname = 'root'\nsmart-groups = ['Servers']\n\
            [[password-safe.systems.accounts]]\nname = 'app'\nrelease-min = 5\n\
            [[password-safe.secrets]]\npath = 'Team/Web'\ntitle = 'key'\n";
        let lab = Lab::read(Path::new("lab.toml"), text).unwrap();
        let now = SimTime::SCENARIO_START;
        let shown = |state: &State| {
            let secrets: Vec<_> = state.secrets_safe.secrets.keys().collect();
            format!("{secrets:?} {:?}", state.vault)
        };
        let (mut state, origin) = lab.populate(Seed(1), now).unwrap();
        let at_start = shown(&state);
        assert!(state.rotate(AccountId(1), now));
        state.remove_account(AccountId(2), now);
        assert_ne!(shown(&state), at_start);
        assert_eq!(shown(&origin.state(now).unwrap()), at_start);
    }
}
