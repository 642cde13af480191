//! `ecm clear-token-cache`: the button *Clear Token Cache* of the classic Configurator.

use clap::Args;
use ecm::config::LocalConfig;
use ecm::env::Environment;
use ecm::vault::token_cache;

use super::{ConfigFile, Exit, complain, say};

/// Forget the vault tokens that are kept on disk.
///
/// Works while the service runs: it notices and asks the vault for new tokens. Tokens of a
/// configuration without state.token_cache_key live in the service's memory only and go when it
/// is restarted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ecm clear-token-cache\n  \
                        ecm clear-token-cache --user 'ACME\\joe.user'")]
pub(super) struct ClearTokenCache {
    #[command(flatten)]
    file: ConfigFile,
    /// Only the tokens of this vault user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl ClearTokenCache {
    pub(super) fn run(self) -> Exit {
        let local = match LocalConfig::load(&self.file.config, &[]) {
            Ok(local) => local,
            Err(error) => {
                complain(error);
                return Exit::Usage;
            }
        };
        let cache = match token_cache(&local, &Environment::of_process()) {
            Ok(Some(cache)) => cache,
            Ok(None) => {
                say("no token cache on disk: state.token_cache_key is not set");
                return Exit::Success;
            }
            Err(error) => {
                complain(error);
                return Exit::Usage;
            }
        };
        match cache.clear(self.user.as_deref()) {
            Ok(count) => {
                say(format_args!("{count} tokens forgotten"));
                Exit::Success
            }
            Err(error) => {
                complain(error);
                Exit::Usage
            }
        }
    }
}
