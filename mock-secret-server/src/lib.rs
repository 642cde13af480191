//! A simulated Delinea Secret Server: the SOAP web service, the vault behind it, and delegated
//! trust.
//!
//! ```text
//! service ── routes ── bindings (SOAP, GET, POST) ── wire ── ops ── state (the vault)
//!    │                      └── pages (help, discovery, errors, Manage Applications)
//!    └── fault rules, journal, control routes
//! ```
//!
//! The schema of the web service is data (`schema/sswebservice.txt`); the WSDL, the request reader,
//! refusals and the help pages are drawn from it. What the vendor has not published is a setting
//! ([`settings::Settings`] for the vault, [`config::Protocol`] for the web service).
//!
//! In a test:
//!
//! ```
//! use mock_secret_server::MockSecretServer;
//! use mock_secret_server::state::{Contents, Level, NewSecret, NewUser};
//! use sim_kit::fault::{Matcher, Rule, Verdict};
//! use sim_kit::host::TlsChoice;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let contents = Contents::default()
//!     .with_user(NewUser::local("alice").password("pw"))
//!     .with_secret(
//!         NewSecret::new("srv01", "Windows Account")
//!             .grant("alice", Level::View)
//!             .item("Machine", "srv01"),
//!     );
//! let server =
//!     MockSecretServer::builder().contents(contents).tls(TlsChoice::Off).start().await?;
//! let matcher = Matcher { operation: Some("GetSecret".into()), ..Matcher::default() };
//! let rule = Rule { id: None, matcher, verdict: Verdict::ExpireToken, times: 1 };
//! let guard = server.faults().add(rule)?;
//!
//! // Point the client under test at this address, then ask what came in.
//! assert!(server.endpoint_url().ends_with("/SecretServer/webservices/SSWebService.asmx"));
//! assert_eq!(server.journal().calls_of("Authenticate").by("alice").refused().count(), 0);
//! assert_eq!(guard.met(), 0);
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod awkward;
mod bindings;
mod cli;
pub mod config;
mod control;
mod fault_codes;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod lab;
mod ops;
mod pages;
mod reshape;
mod routes;
pub mod schema;
pub mod seeded_tokens;
mod server;
mod service;
pub mod settings;
pub mod state;
mod wire;
pub mod wsdl;

pub use cli::main;
pub use server::{Builder, MockSecretServer, NAME, StartFailure};
