//! A second vault beside the first, with an ECM of its own. An ECM has one vault (documented ecm:S001:
//! the plug-in is one), so a site with two has an ECM group for each, and the Jump Groups choose.

use super::vault::Vault;
use super::{PATIENCE, Rig, RigError, ecm};

impl Rig {
    /// The second vault.
    ///
    /// # Errors
    /// When the rig has only one.
    pub fn second_vault(&self) -> Result<&Vault, RigError> {
        let missing = || RigError::Unknown("second vault in this rig".to_owned());
        self.second.as_ref().ok_or_else(missing)
    }

    /// Starts an ECM for the second vault, in the ECM group of the API account
    /// `second_api_account`, and waits until the appliance has welcomed it.
    ///
    /// # Errors
    /// When there is no second vault or account, its configuration is refused, or it does not
    /// connect in time.
    pub async fn start_second_ecm(&mut self, name: &str) -> Result<(), RigError> {
        let account = self.plan.second_api_account.clone();
        let account = account.ok_or_else(|| {
            RigError::Unknown("second_api_account in table [ecm] of the lab".to_owned())
        })?;
        let written = self.write_config(name, &account, self.second_vault()?)?;
        let file = self.remember(written);
        let running = ecm::start(name, &file, PATIENCE).await?;
        self.ecms.push(running);
        Ok(())
    }
}
