//! Makes the plugin that the configuration names, with its token cache.

use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::{Finding, LocalConfig, LogOnConfig, SecretReference, VaultConfig};
use crate::env::Environment;
use crate::error::PluginError;
use crate::password_safe::PasswordSafe;
use crate::plugin::Plugin;
use crate::secret_server::SecretServer;
use crate::token_cache::{CacheError, KeySource, TokenCache};

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A secret cannot be fetched.
    #[error(transparent)]
    Secret(#[from] Finding),
    /// A setting cannot be used. The text says it all, so there is no source to repeat it.
    #[error("failed to set up the plugin: {refusal}; {action}", action = .refusal.next_action)]
    Settings {
        /// What the plugin found.
        refusal: Box<PluginError>,
    },
    /// The token cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The key of the token cache is a credential, and there are no credentials.
    #[error(
        "failed to open the token cache: $CREDENTIALS_DIRECTORY is not set; start the ECM with \
         systemd's LoadCredential, or set state.token_cache_key to file:PATH"
    )]
    NoCredentials,
}

impl From<PluginError> for VaultError {
    fn from(refusal: PluginError) -> Self {
        Self::Settings {
            refusal: Box::new(refusal),
        }
    }
}

/// The plugin with the token cache of `local`; nothing is sent yet.
///
/// # Errors
/// A secret, a setting or the token cache cannot be used.
pub fn plugin(
    local: &LocalConfig,
    environment: &Environment,
) -> Result<Arc<dyn Plugin>, VaultError> {
    plugin_with(local, environment, service_tokens(local, environment)?)
}

/// The token cache of a service: on disk or in memory, heeding orders to forget tokens, and careful
/// with refused log-ons.
///
/// # Errors
/// The token cache cannot be used.
pub fn service_tokens(
    local: &LocalConfig,
    environment: &Environment,
) -> Result<TokenCache, VaultError> {
    let cache = token_cache(local, environment)?
        .unwrap_or_else(|| TokenCache::in_memory_beside(&local.state.dir));
    let LogOnConfig {
        refused_pause,
        refused_pause_max,
    } = local.log_on;
    Ok(cache.pausing_after_refusals(refused_pause, refused_pause_max))
}

/// The plugin with a token cache of its own.
///
/// # Errors
/// A secret or a setting cannot be used.
pub fn plugin_with(
    local: &LocalConfig,
    environment: &Environment,
    cache: TokenCache,
) -> Result<Arc<dyn Plugin>, VaultError> {
    let clock = Arc::new(SystemClock);
    match &local.vault {
        VaultConfig::SecretServer {
            settings,
            api_password,
        } => {
            let password = api_password.resolve(environment)?;
            let settings = settings.as_ref().clone().check(password)?;
            Ok(Arc::new(SecretServer::new(settings, cache, clock)?))
        }
        VaultConfig::PasswordSafe {
            settings,
            api_registration_key,
        } => {
            let key = api_registration_key.resolve(environment)?;
            let settings = settings.as_ref().clone().check(&key)?;
            Ok(Arc::new(PasswordSafe::new(settings, &cache, clock)?))
        }
    }
}

/// The token cache on disk; `None` when the configuration names no key, and tokens stay in memory.
///
/// # Errors
/// The key or the directory cannot be used.
pub fn token_cache(
    local: &LocalConfig,
    environment: &Environment,
) -> Result<Option<TokenCache>, VaultError> {
    match token_cache_key(local, environment)? {
        None => Ok(None),
        Some(key) => Ok(Some(TokenCache::open(&local.state.dir, &key)?)),
    }
}

/// Where the token cache's key is; `None` when the configuration names none.
///
/// # Errors
/// It is a credential, and there are no credentials.
pub fn token_cache_key(
    local: &LocalConfig,
    environment: &Environment,
) -> Result<Option<KeySource>, VaultError> {
    let reference = local.state.token_cache_key.as_ref();
    reference
        .map(|reference| key_source(reference, environment))
        .transpose()
}

/// Where the key is that `reference` names.
///
/// # Errors
/// It is a credential, and there are no credentials.
pub(crate) fn key_source(
    reference: &SecretReference,
    environment: &Environment,
) -> Result<KeySource, VaultError> {
    match reference {
        SecretReference::File(path) => Ok(KeySource::File(path.clone())),
        _ => {
            let directory = environment.credentials_directory();
            let directory = directory.ok_or(VaultError::NoCredentials)?;
            Ok(KeySource::CredentialsDirectory(directory))
        }
    }
}
