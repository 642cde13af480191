//! A simulator's two listeners, vendor and control, bound together and stopped in order.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::control::{ControlPlane, PREFIX};
use crate::pki::{Authority, PkiError, ServerIdentity};
use crate::serve::{
    BindError, BoundListener, Handler, Limits, Running, StatsSnapshot, Tls, bind, serve,
};

/// Bounds of the control port: its bodies are rules and small commands.
const CONTROL_LIMITS: Limits = Limits {
    body_bytes_max: 256 * 1024,
    ..Limits::DEFAULT
};

/// Where and how a simulator listens.
#[derive(Clone)]
pub struct Hosting {
    /// Vendor port; port 0 takes any.
    pub listen: SocketAddr,
    /// Control port; port 0 takes any.
    pub control: SocketAddr,
    /// What control calls must present. Without it the control address must be loopback.
    pub control_token: Option<Zeroizing<String>>,
    /// Encryption of the vendor port. The control port is plain HTTP.
    pub tls: TlsChoice,
    /// Whether clients may choose HTTP/2 on an encrypted vendor port.
    pub http2: bool,
    /// Bounds of the vendor port.
    pub limits: Limits,
}

impl Default for Hosting {
    /// Any two loopback ports, TLS with a certificate made on the spot.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            control: SocketAddr::from(([127, 0, 0, 1], 0)),
            control_token: None,
            tls: TlsChoice::Auto,
            http2: false,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting")
            .field("listen", &self.listen)
            .field("control", &self.control)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Encryption of the vendor port.
#[derive(Clone)]
pub enum TlsChoice {
    /// Plain HTTP.
    Off,
    /// A certificate for `localhost` and the address, signed by an authority made on the spot.
    Auto,
    /// The same, signed by this authority: a rig whose parties share one.
    SignedBy(Arc<Authority>),
    /// PEM files.
    Files {
        /// Certificate chain, server's first.
        chain: PathBuf,
        /// Private key.
        key: PathBuf,
    },
}

impl fmt::Debug for TlsChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Auto => "auto",
            Self::SignedBy(_) => "signed by the run's authority",
            Self::Files { .. } => "files",
        })
    }
}

/// Why a simulator could not listen.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// An address could not be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate could not be made or read.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The control plane would be reachable by strangers.
    #[error(
        "control address {0} is not loopback; use 127.0.0.1, or set a token with --control-token"
    )]
    ControlExposed(SocketAddr),
}

/// Both ports, bound but not answering: the base URL is known before the simulator is built.
pub struct Ports {
    vendor: BoundListener,
    control: BoundListener,
    control_token: Option<Zeroizing<String>>,
    tls: Tls,
    ca_pem: Option<String>,
    limits: Limits,
}

impl Hosting {
    /// Binds both ports and makes or reads the certificate.
    ///
    /// # Errors
    /// When an address cannot be bound, the certificate cannot be used, or the control port would
    /// be exposed.
    pub async fn bind(self) -> Result<Ports, HostError> {
        if self.control_token.is_none() && !self.control.ip().is_loopback() {
            return Err(HostError::ControlExposed(self.control));
        }
        let vendor = bind(self.listen).await?;
        let control = bind(self.control).await?;
        let address = vendor.local_addr().ip().to_string();
        let names = ["localhost", "127.0.0.1", "::1", address.as_str()];
        let (identity, ca_pem) = match self.tls {
            TlsChoice::Off => (None, None),
            TlsChoice::Auto => signed_by(&Authority::generate("ECM Lab")?, &names)?,
            TlsChoice::SignedBy(authority) => signed_by(&authority, &names)?,
            TlsChoice::Files { chain, key } => {
                (Some(ServerIdentity::from_pem_files(&chain, &key)?), None)
            }
        };
        let http2 = self.http2;
        let tls = identity.map_or(Tls::Off, |identity| Tls::Server { identity, http2 });
        Ok(Ports {
            vendor,
            control,
            control_token: self.control_token,
            tls,
            ca_pem,
            limits: self.limits,
        })
    }
}

fn signed_by(
    authority: &Authority,
    names: &[&str],
) -> Result<(Option<ServerIdentity>, Option<String>), PkiError> {
    Ok((
        Some(authority.issue(names)?),
        Some(authority.ca_pem().to_owned()),
    ))
}

impl Ports {
    /// Base URL of the vendor port, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        let scheme = if matches!(self.tls, Tls::Off) {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://{}", self.vendor.local_addr())
    }

    /// Starts answering on both ports.
    #[must_use]
    pub fn serve<H: Handler>(self, vendor: Arc<H>, control: ControlPlane) -> Hosted {
        let control = match self.control_token {
            Some(token) => control.with_token(token),
            None => control,
        };
        let vendor = serve(self.vendor, &self.tls, vendor, self.limits);
        control.watch(vendor.counters());
        Hosted {
            vendor,
            control: serve(
                self.control,
                &Tls::Off,
                Arc::new(control.clone()),
                CONTROL_LIMITS,
            ),
            plane: control,
            ca_pem: self.ca_pem,
        }
    }
}

/// A simulator that answers. Dropping it stops at once; [`Hosted::stop`] drains.
pub struct Hosted {
    vendor: Running,
    control: Running,
    plane: ControlPlane,
    ca_pem: Option<String>,
}

impl Hosted {
    /// Base URL of the vendor port, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.vendor.base_url()
    }

    /// Address of the vendor port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.vendor.local_addr()
    }

    /// Base URL of the control plane, with its prefix.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("{}{PREFIX}", self.control.base_url())
    }

    /// The control plane, to be called without a socket.
    #[must_use]
    pub fn control(&self) -> &ControlPlane {
        &self.plane
    }

    /// The authority to trust, when the certificate was made here.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Counters of the vendor port.
    #[must_use]
    pub fn stats(&self) -> StatsSnapshot {
        self.vendor.stats()
    }

    /// Messages of panics in the handlers of both ports. Anything here is a bug of ours.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        let mut panics = self.vendor.panics();
        panics.extend(self.control.panics());
        panics
    }

    /// Stops the vendor port, then the control port.
    pub async fn stop(self) {
        self.vendor.stop().await;
        self.control.stop().await;
    }
}
