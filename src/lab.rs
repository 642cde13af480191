//! The lab file: one TOML document for all parties. Each simulator reads its own table; this
//! module reads `[ecm]` and `[journey]`, and edits a lab before it is played on.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sim_kit::config::{ConfigError, read_section, read_text};
use toml::{Table, Value};

/// The built-in lab, the company ACME: each simulator's own table, and what the lab adds.
const ACME: [&str; 4] = [
    mock_appliance::lab::ACME,
    mock_secret_server::lab::ACME,
    mock_password_safe::lab::ACME,
    include_str!("../labs/acme.toml"),
];

/// A vault that a rig can have. A lab may describe both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum VaultKind {
    /// Delinea Secret Server, over SOAP
    #[default]
    SecretServer,
    /// BeyondTrust Password Safe, over its REST API
    PasswordSafe,
}

impl VaultKind {
    /// The product's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretServer => "Secret Server",
            Self::PasswordSafe => "Password Safe",
        }
    }

    /// The operation that gives a credential back, as the journal names it.
    #[must_use]
    pub fn check_in_operation(self) -> &'static str {
        match self {
            Self::SecretServer => "CheckIn",
            Self::PasswordSafe => "PUT Requests/{id}/Checkin",
        }
    }
}

/// A lab file.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// Its text. Holds no secret: secrets are references.
    pub text: String,
}

/// The table `[ecm]`: how the ECM of the rig is set up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EcmPlan {
    /// Name of the appliance's API account that the ECM signs in with.
    pub api_account: String,
    /// Name of the API account of the ECM of a second vault; it is in an ECM group of its own.
    pub second_api_account: Option<String>,
    /// How Password Safe is connected by its own form instead of by the plug-in's settings.
    pub bundled: Option<BundledPlan>,
    /// The user of Secret Server that the plugin authenticates as.
    pub api_user: String,
    /// The registration of Password Safe whose key the plugin has.
    pub api_registration: Option<String>,
    /// Path of the Endpoint URL; where the vault's edition has its service when absent.
    pub endpoint_path: Option<String>,
    /// Further keys of `[vault.secret-server]` in the ECM's own configuration.
    #[serde(default, rename = "secret-server")]
    pub secret_server: Table,
    /// Further keys of `[vault.password-safe]` in the ECM's own configuration.
    #[serde(default, rename = "password-safe")]
    pub password_safe: Table,
}

/// The table `[ecm.bundled]`: Password Safe is connected by its form *Connect to Secure Remote Access*,
/// which makes policy, registration and group, and configures the ECM that it brings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledPlan {
    /// Who is put into the group *Secure Remote Access Requesters*.
    pub requesters: Vec<String>,
}

/// The tables `[journey]` and `[journey.password-safe]`: what `ecm-lab demo` plays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// Who sits at the console, as the appliance knows them.
    pub console_user: String,
    /// What they open.
    pub jump_item: String,
    /// A part of the name of the credential that they pick; the first of the list when absent.
    pub credential: Option<String>,
    /// Who approves, as the vault knows them: for Secret Server the same person, for Password Safe
    /// the Global Approver.
    pub vault_user: String,
    #[serde(rename = "password-safe")]
    password_safe: Option<Box<Journey>>,
}

impl Lab {
    /// The built-in lab.
    #[must_use]
    pub fn acme() -> Self {
        Self {
            path: PathBuf::from("the built-in lab"),
            text: ACME.concat(),
        }
    }

    /// Reads a lab file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Ok(Self {
            path: path.to_owned(),
            text: read_text(path)?,
        })
    }

    /// The table `[ecm]`.
    ///
    /// # Errors
    /// When it lacks a key, has an unknown one, or one of the wrong type.
    pub fn ecm(&self) -> Result<EcmPlan, ConfigError> {
        read_section(&self.path, &self.text, "ecm")
    }

    /// The table `[journey]`, or `[journey.password-safe]`.
    ///
    /// # Errors
    /// As [`Lab::ecm`].
    pub fn journey(&self, vault: VaultKind) -> Result<Journey, ConfigError> {
        let journey: Journey = read_section(&self.path, &self.text, "journey")?;
        if vault == VaultKind::SecretServer {
            return Ok(journey);
        }
        let missing = || {
            let cure = "the table [journey.password-safe] is missing; `ecm-lab lab` has one";
            ConfigError::at(self.path.display().to_string(), cure)
        };
        journey
            .password_safe
            .map(|other| *other)
            .ok_or_else(missing)
    }

    /// Sets one value, making the tables on the way to it.
    ///
    /// # Errors
    /// When the lab is not TOML, or something on the way is not a table.
    pub fn set(&mut self, keys: &[&str], value: impl Into<Value>) -> Result<(), ConfigError> {
        self.edit(keys, |slot| *slot = value.into())
    }

    /// Appends `entry` to a list of tables, such as `[[appliance.console_users]]`.
    ///
    /// # Errors
    /// As [`Lab::set`].
    pub fn push(&mut self, keys: &[&str], entry: Table) -> Result<(), ConfigError> {
        self.edit(keys, |slot| match slot {
            Value::Array(list) => list.push(Value::Table(entry)),
            other => *other = Value::Array(vec![Value::Table(entry)]),
        })
    }

    /// Changes the entries of a list of tables.
    ///
    /// # Errors
    /// As [`Lab::set`].
    pub fn each(
        &mut self,
        keys: &[&str],
        mut change: impl FnMut(&mut Table),
    ) -> Result<(), ConfigError> {
        self.edit(keys, |slot| {
            let entries = slot.as_array_mut().into_iter().flatten();
            entries
                .filter_map(Value::as_table_mut)
                .for_each(&mut change);
        })
    }

    /// Sets what a user of the vault has answered to its API accounts; the user is named without a
    /// domain.
    ///
    /// # Errors
    /// As [`Lab::set`], or when there is no such user.
    pub fn trust(&mut self, user: &str, state: &str) -> Result<(), ConfigError> {
        let mut found = false;
        self.each(&["secret-server", "users"], |entry| {
            if entry.get("name").and_then(Value::as_str) == Some(user) {
                entry.insert("trust".to_owned(), state.into());
                found = true;
            }
        })?;
        let place = self.path.display().to_string();
        let missing =
            || ConfigError::at(place, format!("no user {user:?} among the vault's users"));
        found.then_some(()).ok_or_else(missing)
    }

    fn edit(&mut self, keys: &[&str], change: impl FnOnce(&mut Value)) -> Result<(), ConfigError> {
        let refused = |message: &str| ConfigError::at(self.path.display().to_string(), message);
        let mut root: Value = self
            .text
            .parse::<Table>()
            .map(Value::Table)
            .map_err(|_| refused("the lab is not TOML"))?;
        let mut slot = &mut root;
        for key in keys {
            let table = slot
                .as_table_mut()
                .ok_or_else(|| refused("not a table on the way"))?;
            slot = table
                .entry(*key)
                .or_insert_with(|| Value::Table(Table::new()));
        }
        change(slot);
        // A table prints itself as a document, a value as one inline table.
        self.text = root.as_table().map(Table::to_string).unwrap_or_default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lab(text: &str) -> Lab {
        Lab {
            path: "lab.toml".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_value_is_set_in_tables_that_need_not_exist() {
        let mut lab = lab("[ecm]\napi_account = 'a'\n");
        lab.set(&["secret-server", "settings", "token_lifetime_minutes"], 5)
            .unwrap();
        let table: Table = lab.text.parse().unwrap();
        assert_eq!(
            table["secret-server"]["settings"]["token_lifetime_minutes"],
            5.into()
        );
        assert_eq!(table["ecm"]["api_account"], "a".into());
        assert!(lab.set(&["ecm", "api_account", "deeper"], 1).is_err());
    }

    #[test]
    fn lists_of_tables_grow_and_change() {
        let mut lab = lab("");
        for name in ["a", "b"] {
            let entry = Table::from_iter([("name".to_owned(), name.into())]);
            lab.push(&["list"], entry).unwrap();
        }
        lab.each(&["list"], |entry| {
            entry.insert("seen".to_owned(), true.into());
        })
        .unwrap();
        let table: Table = lab.text.parse().unwrap();
        let list = table["list"].as_array().unwrap();
        assert_eq!(
            (list.len(), &list[1]["name"], &list[1]["seen"]),
            (2, &"b".into(), &true.into())
        );
    }

    #[test]
    fn a_lab_without_a_journey_names_the_table_that_is_missing() {
        let error = lab("[ecm]\napi_account = 'a'\n")
            .journey(VaultKind::SecretServer)
            .unwrap_err();
        let told = error.to_string();
        assert!(told.contains("there is no table [journey]"), "{told}");
    }

    #[test]
    fn an_unknown_key_of_the_journey_is_named_with_its_line() {
        let error = lab("[journey]\nconsole_usr = 'x'\n")
            .journey(VaultKind::SecretServer)
            .unwrap_err();
        assert!(
            error.to_string().starts_with("lab.toml:2: unknown key"),
            "{error}"
        );
        assert!(
            error.to_string().contains("did you mean \"console_user\""),
            "{error}"
        );
    }
}
