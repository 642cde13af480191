//! A whole appliance: site, vendor port and control port, started and stopped together.

use std::ops::Deref;
use std::sync::Arc;

use sim_kit::cli::StartError;
use sim_kit::clock::{SimClock, Stopwatch};
use sim_kit::control::{ControlPlane, Parts as ControlParts};
use sim_kit::fault::FaultRules;
use sim_kit::host::{Hosted, Hosting};
use sim_kit::journal::Journal;
use sim_kit::seeded::Seed;
use zeroize::Zeroizing;

use crate::console::Console;
use crate::control;
use crate::lab::Lab;
use crate::routes::VendorPort;
use crate::secret::Secret;
use crate::site::{Parts, Planted, Site};
use crate::state::accounts::ClientId;

/// The name of the simulator, its command's name.
pub const NAME: &str = "mock-appliance";

/// A running appliance. It is used through its [`Console`].
pub struct MockAppliance {
    console: Console,
    hosted: Hosted,
    planted: Vec<Planted>,
}

/// How an appliance is to be.
pub struct Builder {
    hosting: Hosting,
    lab: Option<Lab>,
    seed: Seed,
    clock: SimClock,
    stopwatch: Stopwatch,
    faults: FaultRules,
    journal: Journal,
}

impl MockAppliance {
    /// An appliance on two free loopback ports, with TLS, the built-in lab, and a clock that
    /// follows the machine's, unless told otherwise.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            hosting: Hosting::default(),
            lab: None,
            seed: Seed(1),
            clock: SimClock::following(),
            stopwatch: Stopwatch::start(),
            faults: FaultRules::default(),
            journal: Journal::default(),
        }
    }

    /// The listeners: URLs, certificate authority, counters, panics, control plane.
    #[must_use]
    pub fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    /// The console, to be used apart from the appliance.
    #[must_use]
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Messages of panics, in handlers and in background work. Anything here is a bug of ours.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        let mut panics = self.hosted.panics();
        panics.extend(self.console.site.panics());
        panics
    }

    /// The fault rules.
    #[must_use]
    pub fn faults(&self) -> &FaultRules {
        &self.console.site.faults
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.console.site.journal
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.console.site.clock
    }

    /// Client id and secret that the lab planted for the API account of this name; what a
    /// regenerated account has now is known only to whoever regenerated it.
    #[must_use]
    pub fn api_account(&self, name: &str) -> Option<(&ClientId, &Secret)> {
        let planted = self.planted.iter().find(|planted| planted.name == name)?;
        Some((&planted.client_id, &planted.secret))
    }

    /// Closes the links, stops both ports and all background work.
    pub async fn stop(self) {
        self.console.site.stop().await;
        self.hosted.stop().await;
    }

    /// Gives the listeners away, with the planted secrets by name. Whoever stops the listeners
    /// ends the appliance.
    #[must_use]
    pub fn into_hosted(self) -> (Hosted, Vec<(String, Zeroizing<String>)>) {
        let mut secrets = Vec::new();
        for planted in self.planted {
            let name = format!("api account {}", planted.name);
            secrets.push((
                format!("{name}: client_id"),
                Zeroizing::new(planted.client_id.0),
            ));
            let secret = Zeroizing::new(planted.secret.expose().to_owned());
            secrets.push((format!("{name}: client_secret"), secret));
        }
        (self.hosted, secrets)
    }
}

impl Deref for MockAppliance {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.console
    }
}

impl Builder {
    /// Ports and encryption.
    #[must_use]
    pub fn hosting(mut self, hosting: Hosting) -> Self {
        self.hosting = hosting;
        self
    }

    /// Users, Jump Items, API accounts, settings.
    #[must_use]
    pub fn lab(mut self, lab: Lab) -> Self {
        self.lab = Some(lab);
        self
    }

    /// The seed of tokens, ids and generated secrets.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// The clock, which a rig shares among its simulators.
    #[must_use]
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// What hop times count from, which a rig shares among its simulators.
    #[must_use]
    pub fn stopwatch(mut self, stopwatch: Stopwatch) -> Self {
        self.stopwatch = stopwatch;
        self
    }

    /// Binds both ports and starts to answer.
    ///
    /// # Errors
    /// When a port cannot be bound, a certificate cannot be read, or a secret of the lab cannot be
    /// resolved.
    pub async fn start(self) -> Result<MockAppliance, StartError> {
        let lab = match self.lab {
            Some(lab) => lab,
            None => Lab::acme()?,
        };
        let (site, planted) = Site::new(Parts {
            lab,
            seed: self.seed,
            clock: self.clock,
            faults: self.faults,
            journal: self.journal,
            stopwatch: self.stopwatch,
        })?;
        let ports = self.hosting.bind().await?;
        let console = Console {
            site: Arc::clone(&site),
        };
        let parts = ControlParts {
            name: NAME,
            clock: site.clock.clone(),
            faults: site.faults.clone(),
            journal: site.journal.clone(),
            simulator: Arc::clone(&site) as Arc<dyn sim_kit::control::Simulator>,
        };
        let plane = ControlPlane::new(&parts, control::routes(&console));
        let hosted = ports.serve(Arc::new(VendorPort { site }), plane);
        Ok(MockAppliance {
            console,
            hosted,
            planted,
        })
    }
}
