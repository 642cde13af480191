//! The running ECM: configuration, plugin, outbox and link put together, started and stopped in
//! order.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::clock::{Clock, SystemClock, keep_time, within};
use crate::config::{ApplianceConfig, CheckInConfig, Config, Finding, MonitorConfig};
use crate::env::{Environment, hostname};
use crate::link::wire::{CapabilityFlags, Hello, PROTOCOL_VERSION, PluginIdentity};
use crate::link::{Bounds, ConnectError, Link, LinkState, Reconnect, Site};
use crate::metrics::Metrics;
use crate::monitor;
use crate::oauth::TokenSource;
use crate::outbox::{Found, Outbox};
use crate::plugin::Plugin;
use crate::secret::Secret;
use crate::state_dir::{StateDir, StateDirError};
use crate::tls::{self, TlsSetupError};
use crate::token_cache::TokenCache;
use crate::vault::{self, VaultError};

/// How long a stopping ECM waits for calls to the vault that are still running.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// Why the ECM does not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A value of the configuration cannot be used.
    #[error(transparent)]
    Config(#[from] Finding),
    /// The vault's plugin cannot be made.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The outbox cannot be used.
    #[error(
        "failed to open the outbox {path}: {reason}; see that the ECM may write there, or name \
         another place in state.dir"
    )]
    Outbox {
        /// The file.
        path: String,
        /// The system's words.
        reason: io::Error,
    },
    /// There is nothing to trust the appliance by.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// The site's address has no host.
    #[error("failed to use appliance.site_url: it names no host")]
    Site,
    /// The monitor's address is taken.
    #[error("failed to listen on {address} for the monitor: {reason}; change monitor.listen")]
    Monitor {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        reason: io::Error,
    },
    /// The HTTP client cannot be built.
    #[error("failed to set up HTTP: {0}")]
    Http(String),
    /// The plugin panicked before anything was asked of it.
    #[error("failed to start the plugin: it broke down while saying what it is; see the log")]
    Plugin,
    /// The appliance and this ECM share no version of the link.
    #[error("failed to connect: {0}; {action}", action = .0.next_action())]
    Connect(ConnectError),
}

/// What a service is made of.
pub struct Parts<'c> {
    /// The appliance.
    pub appliance: &'c ApplianceConfig,
    /// The secret that the appliance's configuration refers to.
    pub client_secret: Secret,
    /// How check-ins are treated.
    pub check_in: CheckInConfig,
    /// Where to listen for probes, and what to tell them.
    pub monitor: Option<MonitorConfig>,
    /// The locked state directory.
    pub state_dir: StateDir,
    /// The vault.
    pub plugin: Arc<dyn Plugin>,
    /// Pauses between connects.
    pub reconnect: Reconnect,
    /// Limits of one connection.
    pub bounds: Bounds,
}

/// An ECM that is ready to run.
pub struct Service {
    link: Link,
    broker: Arc<Broker>,
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    monitor: Option<(TcpListener, MonitorConfig)>,
    tokens: Option<TokenCache>,
    _state_dir: StateDir,
}

impl Service {
    /// Puts together the ECM that `config` describes. Nothing is connected yet.
    ///
    /// # Errors
    /// Whatever of the configuration cannot be used.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn from_config(config: &Config, environment: &Environment) -> Result<Self, ServiceError> {
        let state_dir = StateDir::lock(&config.local.state.dir)?;
        let client_secret = config.appliance.client_secret.resolve(environment)?;
        let tokens = vault::service_tokens(&config.local, environment)?;
        let plugin = vault::plugin_with(&config.local, environment, tokens.clone())?;
        let mut service = Self::assemble(Parts {
            appliance: &config.appliance,
            client_secret,
            check_in: config.local.check_in,
            monitor: config.local.monitor,
            state_dir,
            plugin,
            reconnect: Reconnect::default(),
            bounds: Bounds::default(),
        })?;
        service.metrics.watch_tokens(tokens.clone());
        service.tokens = Some(tokens);
        Ok(service)
    }

    /// Puts an ECM together from its parts. Nothing is connected yet.
    ///
    /// # Errors
    /// Whatever of the parts cannot be used.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn assemble(parts: Parts<'_>) -> Result<Self, ServiceError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let outbox = open_outbox(&parts.state_dir, parts.check_in, clock.as_ref())?;
        let metrics = Arc::new(Metrics::default());
        let ecm_id = parts.state_dir.ecm_id()?;
        let introduced = AssertUnwindSafe(|| hello(ecm_id, parts.plugin.as_ref()));
        let hello = catch_unwind(introduced).map_err(|_| ServiceError::Plugin)?;
        announce(parts.appliance, &hello);
        metrics.started_with(&hello.plugin.name, &hello.plugin.version);
        let plugin = Arc::clone(&parts.plugin);
        let broker = Broker::new(plugin, Arc::clone(&outbox), clock, Arc::clone(&metrics));
        let broker = Arc::new(broker);
        let (site, tokens) = reach(parts.appliance, parts.client_secret)?;
        let link = Link {
            site,
            tokens,
            hello,
            broker: Arc::clone(&broker),
            reconnect: parts.reconnect,
            bounds: parts.bounds,
            state: watch::Sender::default(),
        };
        let monitor = parts
            .monitor
            .map(|monitor| Ok::<_, ServiceError>((listen(monitor.listen)?, monitor)))
            .transpose()?;
        Ok(Self {
            link,
            broker,
            outbox,
            metrics,
            monitor,
            tokens: None,
            _state_dir: parts.state_dir,
        })
    }

    /// What the link is doing; a change wakes the receiver.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.link.state.subscribe()
    }

    /// Where the monitor listens, if it does.
    pub fn monitor_address(&self) -> Option<SocketAddr> {
        self.monitor
            .as_ref()
            .and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Runs until `shutdown`: requests that are running are answered first, then the link is
    /// closed, then calls to the vault may end. What is still owed stays in the outbox.
    ///
    /// # Errors
    /// There is no common version of the link.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServiceError> {
        // Helpers outlive the link, since its last requests still need them.
        let stop_background = CancellationToken::new();
        if let Some((listener, monitor)) = self.monitor {
            let (metrics, outbox) = (Arc::clone(&self.metrics), Arc::clone(&self.outbox));
            tokio::spawn(monitor::serve(
                listener,
                metrics,
                outbox,
                stop_background.clone(),
            ));
            let (broker, every) = (Arc::clone(&self.broker), monitor.vault_check_every);
            if !every.is_zero() {
                tokio::spawn(monitor::watch_vault(broker, every, stop_background.clone()));
            }
        }
        tokio::spawn(keep_time(stop_background.clone()));
        let payer = {
            let (broker, stop) = (Arc::clone(&self.broker), stop_background.clone());
            tokio::spawn(async move { broker.pay_debts(stop).await })
        };
        let ended = self.link.run(shutdown).await;
        self.broker.settle(SETTLE_LIMIT).await;
        stop_background.cancel();
        if !matches!(within(SETTLE_LIMIT, payer).await, Some(Ok(()))) {
            tracing::warn!("shut down during a check-in; what was owed is still on disk");
        }
        self.broker.stop_calls();
        if let Some(tokens) = self.tokens {
            // What is lost here costs a log-on after the next start.
            within(SETTLE_LIMIT, tokens.written()).await;
        }
        tracing::info!(check_ins_owed = self.outbox.owed(), "stopped");
        ended.map_err(ServiceError::Connect)
    }
}

/// What a service runs on: one thread, since a request is mostly waiting, and what takes long (a long
/// answer, the outbox, a plugin that may block) has threads of its own. So a list does not change
/// threads. Lines of the log are written where they arise.
///
/// # Errors
/// The system gives no thread or no event queue.
pub fn runtime() -> io::Result<Runtime> {
    let next = AtomicUsize::new(1);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name_fn(move || format!("worker-{}", next.fetch_add(1, Ordering::Relaxed)))
        .build()
}

/// The first thing to look at when this ECM does not do what it should: what it was started as.
fn announce(appliance: &ApplianceConfig, hello: &Hello) {
    let PluginIdentity { name, version, .. } = &hello.plugin;
    tracing::info!(
        version = hello.ecm_version,
        site = %appliance.site_url,
        client_id = appliance.client_id,
        ecm_id = hello.ecm_id,
        plugin = name,
        plugin_version = version,
        "starting"
    );
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServiceError> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    bound.map_err(|reason| ServiceError::Monitor { address, reason })
}

/// The ways to the appliance: where to dial, and where tokens come from.
fn reach(
    appliance: &ApplianceConfig,
    client_secret: Secret,
) -> Result<(Site, TokenSource), ServiceError> {
    let site_url = &appliance.site_url;
    let tls = tls::client_config(appliance.ca_file.as_deref())?;
    let limit = appliance.connect_timeout;
    let client_id = appliance.client_id.clone();
    let tokens = TokenSource::new(site_url, client_id, client_secret, tls.clone(), limit)
        .map_err(|error| ServiceError::Http(error.to_string()))?;
    let encrypted = (site_url.scheme() == "https").then(|| Arc::new(tls));
    let site = Site::new(site_url, encrypted, limit).ok_or(ServiceError::Site)?;
    Ok((site, tokens))
}

fn hello(ecm_id: String, plugin: &dyn Plugin) -> Hello {
    Hello {
        protocol_versions: vec![PROTOCOL_VERSION],
        ecm_version: env!("CARGO_PKG_VERSION").to_owned(),
        ecm_id,
        hostname: hostname(),
        os: std::env::consts::OS.to_owned(),
        plugin: PluginIdentity {
            name: plugin.name().to_owned(),
            version: plugin.version().to_owned(),
            description: plugin.description().to_owned(),
        },
        capabilities: CapabilityFlags::from(plugin.capabilities()),
    }
}

fn open_outbox(
    state_dir: &StateDir,
    check_in: CheckInConfig,
    clock: &dyn Clock,
) -> Result<Arc<Outbox>, ServiceError> {
    let path = state_dir.outbox();
    let opened = Outbox::open(&path, check_in, clock.now().as_second());
    let path = path.display().to_string();
    let (outbox, found) = opened.map_err(|reason| ServiceError::Outbox { path, reason })?;
    report(&found);
    Ok(Arc::new(outbox))
}

fn report(found: &Found) {
    if found.owed > 0 {
        tracing::info!(
            check_ins_owed = found.owed,
            "taken over from an earlier run"
        );
    }
    if found.torn {
        tracing::warn!("the outbox ended in a torn line, as a crash leaves it; the line was cut");
    }
    if let Some(copy) = &found.damaged_copy {
        tracing::error!(
            lines = ?found.damaged_lines,
            copy = %copy.display(),
            "the outbox was damaged: a check-in may have been lost; compare the copy with the vault"
        );
    }
}
