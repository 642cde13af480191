//! The connection to the appliance: outward only, kept alive, opened anew when it breaks.

pub mod backoff;
mod connection;
mod dial;
mod dispatch;
mod session_frame;
pub(crate) mod trouble;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::clock::{Stopwatch, sleep};
use crate::entropy;
use crate::oauth::TokenSource;
use backoff::Backoff;
use wire::Hello;

pub use connection::Ended;
pub use dial::{ConnectError, Site};
pub use dispatch::Bounds;
pub use trouble::{Obstacle, Redirect, TlsFault};

/// First and longest pause between two connects, and how long a connection must have lasted for
/// the pauses to start anew (assumed ecm:§4.1).
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// A connection that lasted so long was a good one.
    pub reset_after: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            reset_after: Duration::from_secs(60),
        }
    }
}

/// What the link is doing, for whoever watches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected, for the first time or between two attempts.
    #[default]
    Down,
    /// The appliance said `welcome`.
    Up {
        /// The appliance's name for the connection.
        connection_id: String,
        /// The group that the ECM serves.
        ecm_group: String,
    },
}

/// The link to one appliance.
pub struct Link {
    /// Where to dial.
    pub site: Site,
    /// Where tokens come from.
    pub tokens: TokenSource,
    /// How the ECM introduces itself.
    pub hello: Hello,
    /// Who serves the requests.
    pub broker: Arc<Broker>,
    /// Pauses between connects.
    pub reconnect: Reconnect,
    /// Limits of one connection.
    pub bounds: Bounds,
    /// Told about every change.
    pub state: watch::Sender<LinkState>,
}

impl Link {
    /// Keeps the link open until `shutdown`, then lets running requests finish and closes it.
    ///
    /// # Errors
    /// The appliance and this ECM have no common version: trying again is pointless.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ConnectError> {
        let mut backoff = Backoff::new(self.reconnect.first, self.reconnect.longest);
        loop {
            let attempt = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                attempt = self.connect() => attempt,
            };
            let pause = match attempt {
                Ok((socket, welcome)) => {
                    let lasted = Stopwatch::start();
                    let ended = self.serve(socket, welcome, &shutdown).await;
                    if ended == Ended::Drained {
                        return Ok(());
                    }
                    if let Ended::Closed {
                        code: CLOSED_FOR_VERSION,
                        ..
                    } = &ended
                    {
                        return Err(version_mismatch(&ended));
                    }
                    if lasted.elapsed() >= self.reconnect.reset_after {
                        backoff.reset();
                    }
                    let pause = backoff.pause(entropy::fraction());
                    let site = self.site.name();
                    tracing::warn!(%site, reason = %ended, retry_in = ?pause, "the link to the appliance was lost");
                    pause
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    let pause = backoff.pause(entropy::fraction());
                    let next_action = error.next_action();
                    self.broker.metrics().connect_failed();
                    let site = self.site.name();
                    tracing::error!(%site, %error, next_action, retry_in = ?pause, "failed to connect to the appliance");
                    pause
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = sleep(pause) => {}
            }
        }
    }

    /// Opens the link up to `welcome`. A refused token is fetched anew once.
    async fn connect(&self) -> Result<(dial::Socket, wire::Welcome), ConnectError> {
        let mut socket = self.dial().await;
        if socket.as_ref().is_err_and(ConnectError::is_token_refused) {
            tracing::info!("the appliance refused the access token; fetching another");
            socket = self.dial().await;
        }
        let mut socket = socket?;
        let welcome = connection::open(&mut socket, &self.hello).await?;
        Ok((socket, welcome))
    }

    async fn dial(&self) -> Result<dial::Socket, ConnectError> {
        let token = self.tokens.fetch().await?;
        self.site.dial(&token).await
    }

    async fn serve(
        &self,
        socket: dial::Socket,
        welcome: wire::Welcome,
        shutdown: &CancellationToken,
    ) -> Ended {
        let (connection_id, ecm_group) = (welcome.connection_id.clone(), welcome.ecm_group.clone());
        let site = self.site.name();
        tracing::info!(%site, %connection_id, %ecm_group, "connected to the appliance");
        self.broker.metrics().connected();
        self.state.send_replace(LinkState::Up {
            connection_id,
            ecm_group,
        });
        let broker = Arc::clone(&self.broker);
        let ended = connection::serve(socket, welcome, broker, self.bounds, shutdown).await;
        self.broker.metrics().disconnected();
        self.state.send_replace(LinkState::Down);
        ended
    }
}

/// The appliance's close code for a version that it does not speak.
const CLOSED_FOR_VERSION: u16 = 4426;

fn version_mismatch(ended: &Ended) -> ConnectError {
    ConnectError::Refused {
        status: 426,
        code: "version_mismatch".to_owned(),
        message: ended.to_string(),
    }
}
