//! A set-up for every symptom of Password Safe in the documentation's table.

use ecm::diagnosis::Symptom;
use ecm::error::PluginError;

/// The failure of the set-up that is broken as `symptom` says.
pub(crate) async fn broken(symptom: Symptom) -> PluginError {
    panic!("no row for {symptom:?}")
}
