//! `ecm run`: the service.

use std::fmt::Display;

use clap::Args;
use ecm::config::{Config, LogConfig};
use ecm::env::Environment;
use ecm::link::LinkState;
use ecm::service::{Service, ServiceError, runtime};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::stop::StopSignals;
use super::{ConfigFile, Exit, complain, say};

/// Connect to the appliance and serve its requests until stopped.
///
/// When the appliance has accepted the connection for the first time, one line `READY {json}` is
/// printed on standard output. SIGTERM, SIGHUP and Ctrl-C let running requests finish; Ctrl-C once
/// more, or SIGTERM later than a second after, stops at once. The configuration is not read anew;
/// under `nohup`, SIGHUP stays ignored. Why it does not start is on standard error and, where
/// log.file is set, in the log.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ecm run --config /etc/ecm/ecm.toml")]
pub(super) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(super) fn run(self) -> Exit {
        let config = match Config::load(&self.file.config) {
            Ok(config) => config,
            Err(error) => {
                let log = LogConfig::glimpse(&self.file.config);
                // That there is no log either must not hide what comes first.
                if log.file.is_some() && ecm::log::start(&log).is_ok() {
                    record(&error);
                }
                complain(error);
                return Exit::Usage;
            }
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
            Err(error) => not_started(&config, error, Exit::Engine),
        }
    }
}

async fn serve(config: &Config) -> Exit {
    let mut stop = match StopSignals::listen() {
        Ok(stop) => stop,
        Err(error) => return not_started(config, error, Exit::Engine),
    };
    let service = match Service::from_config(config, &Environment::of_process()) {
        Ok(service) => service,
        Err(error) => {
            let exit = exit_of(&error);
            return not_started(config, error, exit);
        }
    };
    tokio::spawn(announce(service.state(), ready(config, &service)));
    let shutdown = CancellationToken::new();
    let mut running = tokio::spawn(service.run(shutdown.clone()));
    let signal = tokio::select! {
        ended = &mut running => return outcome(ended, Exit::Success),
        signal = stop.next() => signal,
    };
    tracing::info!(target: "ecm", signal = signal.name(), "asked to stop");
    shutdown.cancel();
    tokio::select! {
        ended = &mut running => outcome(ended, signal.exit()),
        again = stop.again() => {
            tracing::warn!(target: "ecm", signal = again.name(), "asked to stop at once");
            signal.exit()
        }
    }
}

/// Says why there is no service, to the log too: whoever comes later has only that.
fn not_started(config: &Config, error: impl Into<anyhow::Error>, exit: Exit) -> Exit {
    let error = error.into();
    // A log on standard error would say it twice there.
    if config.local.log.file.is_some() {
        record(format_args!("{error:#}"));
    }
    complain(error);
    exit
}

fn record(problem: impl Display) {
    tracing::error!(target: "ecm", "not started: {problem}");
}

fn outcome(ended: Result<Result<(), ServiceError>, JoinError>, asked_for: Exit) -> Exit {
    match ended {
        Ok(Ok(())) => asked_for,
        Ok(Err(error)) => {
            tracing::error!(target: "ecm", %error, "stopped");
            let exit = exit_of(&error);
            complain(error);
            exit
        }
        Err(_) => {
            complain(anyhow::anyhow!(
                "failed to go on: the service broke down, see the log"
            ));
            Exit::Engine
        }
    }
}

/// The operator's matter, unless the plugin broke down.
fn exit_of(error: &ServiceError) -> Exit {
    match error {
        ServiceError::Plugin => Exit::Engine,
        _ => Exit::Usage,
    }
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
