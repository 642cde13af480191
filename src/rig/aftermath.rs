//! What a rig leaves behind: the look through everything that was written, and the orderly end.

use zeroize::Zeroizing;

use super::error::file_error;
use super::vault::Vault;
use super::{Rig, RigError};
use crate::leak::{Leak, Planted, Scanner};

/// What the look afterwards found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Planted secrets where they must not be.
    pub leaks: Vec<Leak>,
    /// How much was searched.
    pub scanned_bytes: usize,
    /// Panics of background work.
    pub panics: Vec<String>,
    /// Fault rules that no call has met.
    pub rules_never_met: Vec<String>,
}

/// A secret that the lab planted.
pub struct PlantedSecret {
    /// Where it stands: `web01 Administrator: Password`.
    pub name: String,
    /// The secret.
    pub value: Zeroizing<String>,
}

impl Rig {
    /// A scanner for every secret that the lab planted, and for those that the vault made since.
    #[must_use]
    pub fn scanner(&self) -> Scanner {
        let vaults = std::iter::once(&self.vault).chain(&self.second);
        let made_since: Vec<_> = vaults.flat_map(Vault::secrets_now).collect();
        let planted = self.planted.iter().chain(&made_since);
        Scanner::new(planted.map(|secret| Planted::new(&secret.name, secret.value.clone())))
    }

    /// The password or key that the lab planted in a secret of the vault, by the secret's name.
    #[must_use]
    pub fn planted(&self, secret: &str) -> Option<&PlantedSecret> {
        let mut fitting = self.planted.iter().filter(|planted| {
            planted
                .name
                .strip_prefix(secret)
                .is_some_and(|field| field.starts_with(": "))
        });
        let is_main = |one: &PlantedSecret| !one.name.to_lowercase().ends_with("passphrase");
        fitting.find(|planted| is_main(planted))
    }

    /// What this process logged since the rig was started.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.tape.since(self.tape_from)).into_owned()
    }

    /// Looks through everything that was written so far: log lines, journals, state, files.
    ///
    /// # Errors
    /// When something cannot be read: what was not read is not clean.
    pub async fn scan(&self) -> Result<(Vec<Leak>, usize), RigError> {
        let scanner = self.scanner();
        let log = self.tape.since(self.tape_from);
        let mut leaks = scanner.scan("the log", &log);
        let mut bytes = log.len();
        let mut parties = vec![
            ("the vault", &self.vault.operator),
            ("the appliance", &self.appliance.operator),
        ];
        let second = self.second.iter();
        parties.extend(second.map(|vault| ("the second vault", &vault.operator)));
        for (party, operator) in parties {
            for path in ["/journal", "/state", "/faults"] {
                let text = operator.get(path).await?.to_string();
                leaks.extend(scanner.scan(&format!("{path} of {party}"), text.as_bytes()));
                bytes += text.len();
            }
        }
        let directory = self.directory.path();
        let found = scanner.scan_path(directory, &self.secret_files);
        leaks.extend(found.map_err(file_error(directory))?);
        Ok((leaks, bytes))
    }

    /// Stops everything, ECMs first, and looks at what is left: leaks, panics, rules never met.
    pub async fn finish(mut self) -> Findings {
        for ecm in std::mem::take(&mut self.ecms) {
            ecm.stop().await;
        }
        let mut findings = Findings::default();
        match self.scan().await {
            Ok((leaks, bytes)) => {
                findings.leaks = leaks;
                findings.scanned_bytes = bytes;
            }
            Err(error) => findings.panics.push(error.to_string()),
        }
        let second = self.second.iter().map(|vault| &vault.operator);
        for operator in [&self.vault.operator, &self.appliance.operator]
            .into_iter()
            .chain(second)
        {
            findings
                .rules_never_met
                .extend(operator.faults_never_met().await.unwrap_or_default());
        }
        findings
            .panics
            .extend(self.appliance.server.hosted().panics());
        self.appliance.server.stop().await;
        findings.panics.extend(self.vault.stop().await);
        if let Some(mut second) = self.second.take() {
            findings.panics.extend(second.stop().await);
        }
        findings
    }
}
