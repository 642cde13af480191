//! Every behaviour that the vendor has not published, as a named setting with the default of
//! soap:§3.3 and soap:§7.

/// Settings of one vault.
#[derive(Clone, Debug, Default)]
pub struct Settings {}
