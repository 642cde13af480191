//! A simulated Secret Server inside any Rust program.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use sim_kit::cli::StartError;
use sim_kit::clock::{SimClock, SimTime};
use sim_kit::config::ConfigError;
use sim_kit::control::{ControlPlane, Parts};
use sim_kit::fault::FaultRules;
use sim_kit::host::{HostError, Hosted, Hosting, TlsChoice};
use sim_kit::journal::Journal;
use sim_kit::seeded::Seed;
use sim_kit::serve::{Limits, StatsSnapshot};

use crate::awkward::Awkward;
use crate::config::Protocol;
use crate::control::{Controlled, routes};
use crate::lab::Lab;
use crate::routes::Layout;
use crate::seeded_tokens::SeededTokens;
use crate::service::Service;
use crate::state::{Contents, ContentsError, Operate, OperateError, Operated, Origin, Vault};

/// Name in ready lines, journals and messages.
pub const NAME: &str = "mock-secret-server";

/// A simulated Secret Server that answers. It stops when told, or with the program.
pub struct MockSecretServer {
    hosted: Hosted,
    service: Arc<Service>,
}

/// Why it did not start. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum StartFailure {
    /// What the vault is to hold contradicts itself.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A lab names a secret that is not where it says.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It could not listen.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<StartFailure> for StartError {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::Contents(error) => {
                Self::Config(ConfigError::at("lab", format!("failed to {error}")))
            }
            StartFailure::Config(error) => Self::Config(error),
            StartFailure::Host(error) => Self::Host(error),
        }
    }
}

/// What a simulated Secret Server starts with. Without further words: an empty vault,
/// on-premises, with a certificate made on the spot, on free loopback ports, its clock frozen at
/// [`SimTime::SCENARIO_START`].
pub struct Builder {
    contents: Contents,
    lab: Option<Lab>,
    protocol: Protocol,
    hosting: Hosting,
    clock: SimClock,
    seed: Seed,
}

impl MockSecretServer {
    /// A server to be.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            contents: Contents::default(),
            lab: None,
            protocol: Protocol::default(),
            hosting: Hosting::default(),
            clock: SimClock::frozen(SimTime::SCENARIO_START),
            seed: Seed(1),
        }
    }

    /// Scheme, address and port of the vendor's surface.
    #[must_use]
    pub fn url(&self) -> String {
        self.hosted.url()
    }

    /// The web service's address, by the edition's layout.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!(
            "{}{}",
            self.hosted.url(),
            self.service.layout.service_path()
        )
    }

    /// The socket that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.hosted.local_addr()
    }

    /// The control plane's address.
    #[must_use]
    pub fn control_url(&self) -> String {
        self.hosted.control_url()
    }

    /// The control plane, for calls within the process.
    #[must_use]
    pub fn control(&self) -> &ControlPlane {
        self.hosted.control()
    }

    /// The certificate to trust; none when TLS is off or the certificate came from files.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.hosted.ca_pem()
    }

    /// The calls so far.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.service.journal
    }

    /// The fault rules.
    #[must_use]
    pub fn faults(&self) -> &FaultRules {
        &self.service.faults
    }

    /// The clock that tokens and check-outs expire by.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.service.clock
    }

    /// Connections, handshakes and requests of the vendor port.
    #[must_use]
    pub fn stats(&self) -> StatsSnapshot {
        self.hosted.stats()
    }

    /// Does what people do by other ways than the web service.
    ///
    /// # Errors
    /// When the state does not allow it, or a name leads nowhere.
    pub fn operate(&self, act: Operate) -> Result<Operated, OperateError> {
        let now = self.service.clock.now();
        self.service.vault().operate(act, now)
    }

    /// Looks into the vault, or changes its settings, between two calls.
    pub fn with_vault<T>(&self, look: impl FnOnce(&mut Vault) -> T) -> T {
        look(&mut self.service.vault())
    }

    /// The listeners, for whoever owns the process.
    #[must_use]
    pub fn into_hosted(self) -> Hosted {
        self.hosted
    }

    /// Panics that handlers had; empty in a sound run.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        self.hosted.panics()
    }

    /// Stops: running requests get some seconds to end.
    pub async fn stop(self) {
        self.hosted.stop().await;
    }
}

impl Builder {
    /// What the vault holds, its settings included.
    #[must_use]
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// What a lab says: contents, settings and switches. It replaces both of the other two.
    #[must_use]
    pub fn lab(mut self, lab: Lab) -> Self {
        self.protocol = lab.protocol().clone();
        self.lab = Some(lab);
        self
    }

    /// Switches of the web service itself.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Addresses, TLS and bounds.
    #[must_use]
    pub fn hosting(mut self, hosting: Hosting) -> Self {
        self.hosting = hosting;
        self
    }

    /// How connections are encrypted.
    #[must_use]
    pub fn tls(mut self, tls: TlsChoice) -> Self {
        self.hosting.tls = tls;
        self
    }

    /// The clock, to be shared with other simulators.
    #[must_use]
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// The seed of tokens and ids.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Binds and answers.
    ///
    /// # Errors
    /// When the contents contradict themselves, or an address cannot be bound.
    pub async fn start(self) -> Result<MockSecretServer, StartFailure> {
        let Self {
            contents,
            lab,
            protocol,
            mut hosting,
            clock,
            seed,
        } = self;
        hosting.http2 = protocol.http2;
        // Bounds that a program set for its listener stand.
        if hosting.limits.body_bytes_max == Limits::DEFAULT.body_bytes_max {
            hosting.limits.body_bytes_max = protocol.request_bytes_max();
        }
        let origin = match lab {
            Some(lab) => lab.into_origin(seed, clock.now())?,
            None => Origin::new(contents, clock.now())?,
        };
        for warning in origin.warnings() {
            tracing::warn!("{warning}");
        }
        let layout = Layout::new(origin.settings(), &protocol.virtual_directory);
        // A token of before a reset must not come back as somebody else's: each start has its own.
        let rebuild =
            move |resets| origin.vault(Box::new(SeededTokens::after_resets(seed, resets)));
        let vault = rebuild(0);
        if let Some(seed) = protocol.awkward_seed {
            tracing::info!(seed, "answers are awkward but legal");
        }
        let service = Arc::new(Service {
            layout,
            awkward: protocol.awkward_seed.map(Awkward::new),
            protocol,
            clock,
            faults: FaultRules::default(),
            journal: Journal::default(),
            vault: Mutex::new(vault),
        });
        let parts = Parts {
            name: NAME,
            clock: service.clock.clone(),
            faults: service.faults.clone(),
            journal: service.journal.clone(),
            simulator: Arc::new(Controlled {
                service: Arc::clone(&service),
                rebuild: Box::new(rebuild),
                resets: AtomicU64::new(0),
            }),
        };
        let control = ControlPlane::new(&parts, routes(&service));
        let ports = hosting.bind().await?;
        Ok(MockSecretServer {
            hosted: ports.serve(Arc::clone(&service), control),
            service,
        })
    }
}
