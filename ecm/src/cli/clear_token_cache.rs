//! `ecm clear-token-cache`: the button *Clear Token Cache* of the classic Configurator.

use clap::Args;
use ecm::config::{LocalConfig, VaultConfig};
use ecm::env::Environment;
use ecm::token_cache::{Cleared, TokenCache};
use ecm::vault::token_cache_key;

use super::hyphens::filled_hyphen_text;
use super::{ConfigFile, Exit, complain, say};

/// Forget the vault tokens, those on disk and those in the memory of a running service, and the
/// sessions that it keeps at Password Safe.
///
/// Works while the service runs: before its next request it forgets them too, and a log-on that is
/// under way does not bring one back. Nothing is made: no directory, no key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ecm clear-token-cache\n  \
                        ecm clear-token-cache --user 'ACME\\joe.user'")]
pub(super) struct ClearTokenCache {
    #[command(flatten)]
    file: ConfigFile,
    /// Only the tokens of this vault user: joe.user in any domain, or ACME\joe.user. The API account
    /// goes by its own name.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true,
          value_parser = filled_hyphen_text())]
    user: Option<String>,
}

/// A name that was mistyped looks like a user without a token.
const NO_SUCH_USER: &str = "; no token of this user is on disk: the names are those that \
                            `ecm test-settings` shows as Vault user, or the API account's";

impl ClearTokenCache {
    pub(super) fn run(self) -> Exit {
        let local = match LocalConfig::load(&self.file.config, &[]) {
            Ok(local) => local,
            Err(error) => {
                complain(error);
                return Exit::Usage;
            }
        };
        let cleared = token_cache_key(&local, &Environment::of_process()).and_then(|key| {
            let user = self.user.as_deref();
            let cleared = TokenCache::clear_directory(&local.state.dir, key.as_ref(), user)?;
            Ok((cleared, key.is_some()))
        });
        match cleared {
            Ok(_) if matches!(local.vault, VaultConfig::PasswordSafe { .. }) => say(
                "a running ECM forgets its sessions at the vault before its next request; none are \
                 kept on disk",
            ),
            Ok((
                Cleared {
                    on_disk: Some(count),
                },
                _,
            )) => {
                let noun = if count == 1 { "token" } else { "tokens" };
                let hint = match (count, &self.user) {
                    (0, Some(_)) => NO_SUCH_USER,
                    _ => "",
                };
                say(format_args!("{count} {noun} forgotten{hint}"))
            }
            Ok((_, true)) => say("the tokens were removed unread: their key cannot be used"),
            Ok((_, false)) => say(
                "no token cache on disk: state.token_cache_key is not set; a running ECM forgets \
                 the tokens in its memory before its next request",
            ),
            Err(error) => {
                complain(error);
                Exit::Usage
            }
        }
    }
}
