//! `ecm run`: the service.

use clap::Args;
use ecm::config::Config;
use ecm::env::Environment;
use ecm::link::LinkState;
use ecm::service::{Service, ServiceError, runtime};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::{ConfigFile, Exit, complain, say};

/// Connect to the appliance and serve its requests until stopped.
///
/// When the appliance has accepted the connection for the first time, one line `READY {json}` is
/// printed on standard output. SIGTERM and Ctrl-C let running requests finish; a second one stops
/// at once.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ecm run --config /etc/ecm/ecm.toml")]
pub(super) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(super) fn run(self) -> Exit {
        let config = match self.file.load() {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        if let Err(error) = ecm::log::start(&config.local.log) {
            complain(error);
            return Exit::Usage;
        }
        match runtime() {
            Ok(runtime) => {
                let exit = runtime.block_on(serve(&config));
                // A call that ignores its limit must not keep the process.
                runtime.shutdown_background();
                exit
            }
            Err(error) => {
                complain(error);
                Exit::Engine
            }
        }
    }
}

async fn serve(config: &Config) -> Exit {
    let signals = signal(SignalKind::interrupt())
        .and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    let (mut interrupt, mut terminate) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            complain(error);
            return Exit::Engine;
        }
    };
    let service = match Service::from_config(config, &Environment::of_process()) {
        Ok(service) => service,
        Err(error) => return refused(error),
    };
    tokio::spawn(announce(service.state(), ready(config, &service)));
    let shutdown = CancellationToken::new();
    let mut running = tokio::spawn(service.run(shutdown.clone()));
    let exit = tokio::select! {
        ended = &mut running => return outcome(ended, Exit::Success),
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Success,
    };
    shutdown.cancel();
    tokio::select! {
        ended = &mut running => outcome(ended, exit),
        _ = interrupt.recv() => exit,
        _ = terminate.recv() => exit,
    }
}

fn outcome(ended: Result<Result<(), ServiceError>, JoinError>, asked_for: Exit) -> Exit {
    match ended {
        Ok(Ok(())) => asked_for,
        Ok(Err(error)) => {
            tracing::error!(target: "ecm", %error, "stopped");
            refused(error)
        }
        Err(_) => {
            complain(anyhow::anyhow!(
                "failed to go on: the service broke down, see the log"
            ));
            Exit::Engine
        }
    }
}

/// Says why there is no service: the operator's matter, unless the plugin broke down.
fn refused(error: ServiceError) -> Exit {
    let exit = match error {
        ServiceError::Plugin => Exit::Engine,
        _ => Exit::Usage,
    };
    complain(error);
    exit
}

/// What is known before the link is up.
fn ready(config: &Config, service: &Service) -> Value {
    let monitor_url = service
        .monitor_address()
        .map(|address| format!("http://{address}/"));
    json!({
        "name": "ecm",
        "site_url": config.appliance.site_url.as_str(),
        "monitor_url": monitor_url,
    })
}

/// Prints the ready line once the link is up.
async fn announce(mut state: watch::Receiver<LinkState>, mut ready: Value) {
    let up = state
        .wait_for(|state| matches!(state, LinkState::Up { .. }))
        .await;
    if let Ok(LinkState::Up {
        connection_id,
        ecm_group,
    }) = up.as_deref()
    {
        ready["connection_id"] = json!(connection_id);
        ready["ecm_group"] = json!(ecm_group);
        // Whoever waits for the line is told; the service goes on.
        let _ = say(format_args!("READY {ready}"));
    }
}
