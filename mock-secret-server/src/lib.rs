//! A simulated Delinea Secret Server: the SOAP web service, the vault behind it, and delegated
//! trust.
//!
//! ```text
//! service ── routes ── bindings (SOAP, GET, POST) ── wire ── ops ── state (the vault)
//!    │                      └── pages (help, discovery, errors, trust, approvals)
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
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpStream;
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
//! // Point the client under test at `server.endpoint_url()`. Here a socket stands in for it.
//! let call = async |operation: &str, parameters: &str| {
//!     let body = format!(
//!         "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body>\
//!          <{operation} xmlns='urn:thesecretserver.com'>{parameters}</{operation}>\
//!          </Body></Envelope>"
//!     );
//!     let head = format!(
//!         "POST /SecretServer/webservices/SSWebService.asmx HTTP/1.1\r\nHost: vault\r\n\
//!          Content-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
//!         body.len()
//!     );
//!     let mut socket = TcpStream::connect(server.local_addr()).await?;
//!     socket.write_all((head + &body).as_bytes()).await?;
//!     let mut reply = String::new();
//!     socket.read_to_string(&mut reply).await?;
//!     std::io::Result::Ok(reply)
//! };
//! let token_of = |reply: &str| -> Option<String> {
//!     let (_, rest) = reply.split_once("<Token>")?;
//!     Some(rest.split_once("</Token>")?.0.to_owned())
//! };
//! let log_on = "<username>alice</username><password>pw</password>";
//! let token = token_of(&call("Authenticate", log_on).await?).ok_or("no token")?;
//! let get = |token: &str| format!("<token>{token}</token><secretId>1</secretId>");
//!
//! // The rule kills the token between log-on and fetch, once; a good client logs on again.
//! assert!(call("GetSecret", &get(&token)).await?.contains("expired token"));
//! assert_eq!(guard.met(), 1);
//! let token = token_of(&call("Authenticate", log_on).await?).ok_or("no token")?;
//! assert!(call("GetSecret", &get(&token)).await?.contains("<Value>srv01</Value>"));
//!
//! // What came in, as the vault saw it.
//! let journal = server.journal();
//! assert_eq!(journal.calls_of("Authenticate").by("alice").count(), 2);
//! assert_eq!(journal.calls_of("GetSecret").by("alice").refused().count(), 1);
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
