//! One ECM with a scripted plugin, connected to a scripted appliance.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ecm::config::Config;
use ecm::link::{Bounds, LinkState, Reconnect};
use ecm::service::{Parts, Service, ServiceError};
use ecm::state_dir::StateDir;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::appliance::{Appliance, PATIENCE};
use super::plugin::ScriptedPlugin;

/// A running ECM; its state directory goes when it does.
pub(super) struct Ecm {
    pub(super) plugin: Arc<ScriptedPlugin>,
    pub(super) shutdown: CancellationToken,
    pub(super) state: tokio::sync::watch::Receiver<LinkState>,
    pub(super) run: JoinHandle<Result<(), ServiceError>>,
    pub(super) directory: TempDir,
}

impl Ecm {
    pub(super) fn start(appliance: &Appliance) -> Self {
        Self::start_with(
            appliance,
            Bounds::default(),
            "",
            tempfile::tempdir().unwrap(),
        )
    }

    /// With a plugin that says it never blocks.
    pub(super) fn start_polled(appliance: &Appliance) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_as(appliance, Bounds::default(), "", directory, false)
    }

    pub(super) fn start_with(
        appliance: &Appliance,
        bounds: Bounds,
        more: &str,
        directory: TempDir,
    ) -> Self {
        Self::start_as(appliance, bounds, more, directory, true)
    }

    fn start_as(
        appliance: &Appliance,
        bounds: Bounds,
        more: &str,
        directory: TempDir,
        may_block: bool,
    ) -> Self {
        let config = config(directory.path(), &appliance.url, more);
        let state_dir = StateDir::lock(&config.local.state.dir).unwrap();
        let plugin = Arc::new(ScriptedPlugin::new(state_dir.outbox(), may_block));
        let service = Service::assemble(Parts {
            appliance: &config.appliance,
            client_secret: "s3cret".into(),
            check_in: config.local.check_in,
            monitor: config.local.monitor,
            state_dir,
            plugin: Arc::clone(&plugin) as Arc<dyn ecm::plugin::Plugin>,
            reconnect: Reconnect {
                first: Duration::from_millis(20),
                longest: Duration::from_millis(50),
                ..Reconnect::default()
            },
            bounds,
        });
        let service = service.unwrap();
        let shutdown = CancellationToken::new();
        let state = service.state();
        let run = tokio::spawn(service.run(shutdown.clone()));
        Self {
            plugin,
            shutdown,
            state,
            run,
            directory,
        }
    }

    /// Waits until the plugin was called so that `wanted` holds.
    pub(super) async fn until(&self, wanted: impl Fn(&[String]) -> bool) {
        let met = async {
            while !wanted(&self.plugin.calls()) {
                tokio::task::yield_now().await;
            }
        };
        let met = tokio::time::timeout(PATIENCE, met).await;
        assert!(met.is_ok(), "calls so far: {:?}", self.plugin.calls());
    }

    /// Waits until the outbox has `credential_id` down as delivered. A release that comes earlier
    /// is taken down and made a moment later, which is right but answers differently.
    pub(super) async fn until_delivered(&self, credential_id: &str) {
        let outbox = self.directory.path().join("state/check-ins.log");
        let record =
            format!(r#"{{"op":"delivered","session_id":"s-1","credential_id":"{credential_id}"}}"#);
        let written = async {
            while !std::fs::read_to_string(&outbox).unwrap().contains(&record) {
                tokio::task::yield_now().await;
            }
        };
        let written = tokio::time::timeout(PATIENCE, written).await;
        assert!(written.is_ok(), "{credential_id} is not delivered");
    }

    /// Stops the ECM and gives back its directory.
    pub(super) async fn stop(self) -> (Result<(), ServiceError>, TempDir) {
        self.shutdown.cancel();
        self.ended().await
    }

    /// Waits for the ECM to stop by itself.
    pub(super) async fn ended(self) -> (Result<(), ServiceError>, TempDir) {
        let ended = tokio::time::timeout(PATIENCE, self.run).await;
        (ended.expect("the ECM to stop").unwrap(), self.directory)
    }
}

pub(super) fn config(directory: &Path, site_url: &str, more: &str) -> Config {
    let text = format!(
        r#"
[appliance]
site_url = "{site_url}"
client_id = "ecm-client"
client_secret = "env:UNUSED"
{more}
[state]
dir = "state"
[vault.secret-server]
endpoint_url = "https://vault.invalid/webservices/SSWebService.asmx"
api_user = "unused"
api_password = "env:UNUSED"
"#
    );
    let file = directory.join("ecm.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(&file).unwrap()
}

pub(super) fn session(username: &str) -> Value {
    json!({
        "session_id": "s-1", "product": "pra",
        "user": {"username": username, "provider_type": null},
        "jump_item": {"type": "remote_rdp", "name": "web01", "hostname": "web01.acme.example",
            "port": 3389, "additional_ips": [], "jump_group": "Servers"}
    })
}

pub(super) fn find(id: &str, username: &str) -> Value {
    json!({"type": "find_credentials", "id": id, "deadline_ms": 10_000, "session": session(username)})
}

/// A usable public key: the base point of the curve.
pub(super) const RECIPIENT_KEY: &str = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

pub(super) fn get(id: &str, credential_id: &str) -> Value {
    json!({"type": "get_credential", "id": id, "deadline_ms": 10_000, "session": session("joe"),
        "credential_id": credential_id, "recipient_key": RECIPIENT_KEY})
}

pub(super) fn release(id: &str, credential_id: &str) -> Value {
    json!({"type": "release_credential", "id": id, "deadline_ms": 10_000, "session": session("joe"),
        "credential_id": credential_id, "session_ended_at": 1_767_225_600})
}
