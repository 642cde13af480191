//! The command-line surface of a simulator that runs alone: flags, ready line, signals, exit code.

use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use crate::clock::{SimClock, SimTime};
use crate::config::{ConfigError, SecretRef, environment};
use crate::host::{HostError, Hosted, Hosting, TlsChoice};
use crate::ready::Ready;
use crate::seeded::Seed;
use crate::serve::Limits;

/// Exit code after an orderly end, by signal too.
pub const EXIT_OK: u8 = 0;
/// Exit code for a wrong flag, a wrong configuration, or an address that cannot be bound.
pub const EXIT_USAGE: u8 = 2;
/// Exit code for a fault of our own: a panic in a handler, a run directory that cannot be written.
pub const EXIT_ENGINE: u8 = 5;

/// Flags that every simulator takes.
#[derive(Args, Clone, Debug)]
pub struct ServerArgs {
    /// Address of the vendor port; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Address of the control plane; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub control: SocketAddr,
    /// Bearer token that control calls must carry (env:NAME or file:PATH); needed off loopback
    #[arg(long, value_name = "REFERENCE")]
    pub control_token: Option<String>,
    /// Lab file (TOML); without it the built-in lab of the company ACME
    #[arg(long, value_name = "FILE")]
    pub lab: Option<PathBuf>,
    /// auto: a certificate made on the spot; off: plain HTTP; or CERT,KEY: two PEM files
    #[arg(long, value_name = "auto|off|CERT,KEY", default_value = "auto")]
    pub tls: String,
    /// Seed of everything random: ids, tokens, planted secrets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// real: follow this machine's clock; or an RFC 3339 time at which the clock stands still
    #[arg(long, value_name = "real|TIME", default_value = "real")]
    pub clock: String,
    /// Threads that answer; without it one for each two cores, since whoever asks needs the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=WORKERS_MAX))]
    pub workers: Option<u16>,
}

/// More threads than any machine's cores could keep busy.
const WORKERS_MAX: i64 = 256;

/// What a simulator is started with.
pub struct Start {
    /// Ports and TLS.
    pub hosting: Hosting,
    /// Clock.
    pub clock: SimClock,
    /// Seed.
    pub seed: Seed,
    /// The lab file, when one was given.
    pub lab: Option<PathBuf>,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its configuration was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It could not listen.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// A simulator that answers, with what its operator needs to know.
pub struct Started {
    /// The listeners.
    pub hosted: Hosted,
    /// The planted secrets by name, for the 0600 file that the ready line names.
    pub secrets: Vec<(String, Zeroizing<String>)>,
}

impl ServerArgs {
    /// Reads the flags' values and the files that they name.
    ///
    /// # Errors
    /// When a value is malformed or a file cannot be read.
    pub fn start(&self) -> Result<Start, ConfigError> {
        let hosting = Hosting {
            listen: self.listen,
            control: self.control,
            control_token: self.token()?,
            tls: self.tls()?,
            http2: false,
            limits: Limits::default(),
        };
        Ok(Start {
            hosting,
            clock: self.clock()?,
            seed: Seed(self.seed),
            lab: self.lab.clone(),
        })
    }

    /// How many threads answer.
    fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let usual = || usual_workers(cores());
        self.workers.map_or_else(usual, usize::from)
    }

    fn token(&self) -> Result<Option<Zeroizing<String>>, ConfigError> {
        let Some(reference) = &self.control_token else {
            return Ok(None);
        };
        let refused = || {
            let cure = "a literal token is refused; write env:NAME or file:PATH";
            ConfigError::at("--control-token", cure)
        };
        let token = match SecretRef::parse(reference).ok_or_else(refused)? {
            SecretRef::Generate => return Err(refused()),
            reference => reference.resolve("--control-token", Seed(self.seed))?,
        };
        if token.is_empty() {
            return Err(ConfigError::at("--control-token", "the token is empty"));
        }
        Ok(Some(token))
    }

    fn tls(&self) -> Result<TlsChoice, ConfigError> {
        match self.tls.as_str() {
            "auto" => Ok(TlsChoice::Auto),
            "off" => Ok(TlsChoice::Off),
            files => match files.split_once(',') {
                Some((chain, key)) if !chain.is_empty() && !key.is_empty() => {
                    Ok(TlsChoice::Files {
                        chain: chain.into(),
                        key: key.into(),
                    })
                }
                _ => Err(ConfigError::at(
                    "--tls",
                    "write auto, off, or CERT,KEY (two PEM files)",
                )),
            },
        }
    }

    fn clock(&self) -> Result<SimClock, ConfigError> {
        if self.clock == "real" {
            return Ok(SimClock::following());
        }
        let time = SimTime::from_rfc3339(&self.clock).ok_or_else(|| {
            ConfigError::at(
                "--clock",
                "write real, or a time such as 2026-01-05T09:00:00Z",
            )
        })?;
        Ok(SimClock::frozen(time))
    }
}

/// Threads for so many cores. Two threads on two cores would take turns with each other and with the
/// client, and look at the same state in turns: one answers more.
fn usual_workers(cores: usize) -> usize {
    (cores / 2).max(1)
}

/// Runs a simulator until SIGINT or SIGTERM: logs on standard error, one ready line on standard
/// output, an orderly stop. `start` builds it.
pub fn run<F, Fut>(name: &'static str, args: &ServerArgs, start: F) -> ExitCode
where
    F: FnOnce(Start) -> Fut,
    Fut: Future<Output = Result<Started, StartError>>,
{
    log_to_stderr();
    let begun = match args.start() {
        Ok(begun) => begun,
        Err(error) => return failed(name, EXIT_USAGE, &error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers())
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(name, EXIT_ENGINE, &format!("start the runtime: {error}")),
    };
    let seed = begun.seed;
    runtime.block_on(async {
        // Before the ready line: whoever reads it may stop us at once.
        let stop = match Signals::listen() {
            Ok(stop) => stop,
            Err(error) => {
                return failed(name, EXIT_ENGINE, &format!("listen for signals: {error}"));
            }
        };
        match start(begun).await {
            Ok(started) => serve_until(name, started, seed, stop).await,
            Err(error) => failed(name, EXIT_USAGE, &error.to_string()),
        }
    })
}

async fn serve_until(name: &'static str, started: Started, seed: Seed, stop: Signals) -> ExitCode {
    let directory = match RunDirectory::write(name, &started) {
        Ok(directory) => directory,
        Err(error) => {
            return failed(
                name,
                EXIT_ENGINE,
                &format!(
                    "write the run directory: {error}; set TMPDIR to a directory that can be \
                     written and has room"
                ),
            );
        }
    };
    Ready {
        name: name.to_owned(),
        url: started.hosted.url(),
        control_url: started.hosted.control_url(),
        ca_file: directory.ca_file.clone(),
        secrets_file: directory.secrets_file.clone(),
        seed: seed.0,
    }
    .print();
    stop.wait().await;
    tracing::info!("stopping");
    let panics = started.hosted.panics();
    started.hosted.stop().await;
    drop(directory);
    match panics.first() {
        None => ExitCode::from(EXIT_OK),
        Some(panic) => failed(name, EXIT_ENGINE, &format!("a handler panicked: {panic}")),
    }
}

/// Both signals, listened for from the moment of construction.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn wait(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// A private directory with the files that the ready line names; goes with the run.
struct RunDirectory {
    ca_file: Option<PathBuf>,
    secrets_file: Option<PathBuf>,
    _directory: tempfile::TempDir,
}

impl RunDirectory {
    fn write(name: &str, started: &Started) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir()?;
        let ca_file = match started.hosted.ca_pem() {
            None => None,
            Some(pem) => Some(private_file(directory.path(), "ca.pem", pem.as_bytes())?),
        };
        let secrets_file = if started.secrets.is_empty() {
            None
        } else {
            let mut text = Zeroizing::new(String::from("{"));
            for (index, (key, value)) in started.secrets.iter().enumerate() {
                let (key, value) = (serde_json::json!(key), serde_json::json!(value.as_str()));
                text.push_str(&format!(
                    "{}\n  {key}: {value}",
                    if index == 0 { "" } else { "," }
                ));
            }
            text.push_str("\n}\n");
            Some(private_file(
                directory.path(),
                "secrets.json",
                text.as_bytes(),
            )?)
        };
        Ok(Self {
            ca_file,
            secrets_file,
            _directory: directory,
        })
    }
}

/// Writes a file that only its owner may read.
fn private_file(directory: &Path, name: &str, content: &[u8]) -> io::Result<PathBuf> {
    let path = directory.join(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(&path)?.write_all(content)?;
    Ok(path)
}

fn log_to_stderr() {
    let filter = environment("ECM_LAB_LOG")
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    // A second simulator in the same process finds a subscriber already there.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
}

fn failed(name: &str, code: u8, message: &str) -> ExitCode {
    // Standard error may be closed; the exit code still tells.
    let _ = writeln!(io::stderr(), "{name}: {message}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        server: ServerArgs,
    }

    #[test]
    fn a_simulator_has_as_many_threads_as_it_is_told() {
        let workers = |arguments: &[&str]| {
            let line = ["simulator"].iter().chain(arguments);
            Line::try_parse_from(line).map(|line| line.server.workers())
        };
        assert!(matches!(workers(&["--workers", "3"]), Ok(3)));
        assert!(matches!(workers(&[]), Ok(1..)));
        assert_eq!([1, 2, 3, 8].map(usual_workers), [1, 1, 1, 4]);
        for wrong in ["0", "257", "-1", "many"] {
            assert!(workers(&["--workers", wrong]).is_err(), "{wrong}");
        }
    }
}
