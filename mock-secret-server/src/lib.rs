//! A simulated Delinea Secret Server: the SOAP web service, the vault behind it, and delegated
//! trust.

pub mod lab;
pub mod settings;
pub mod state;
