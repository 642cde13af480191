//! Calls of the plugin, each for itself: one that panics ends as an error of its own request, one
//! that hangs is dropped with it, and one that blocks its thread keeps no other from its work.
//!
//! A plugin that may block has a thread for each call. One that says it never does is polled by
//! whoever asks, which saves the way to another thread and back at every step of a conversation: it
//! vouches for that part itself, and panics of it, and waits without an end, are as harmless as on a
//! thread.
//!
//! A blocked thread cannot be taken back, only waited for. So there is a bound: beyond
//! [`THREADS_MAX`] calls that have not ended, which is far more than a connection may have under
//! way, further calls are refused at once. Everything else of the ECM goes on even then.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::broke_down;
use crate::clock::Stopwatch;
use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::metrics::Metrics;
use crate::plugin::Plugin;

/// Calls of the plugin that may be under way or stuck at the same time.
const THREADS_MAX: usize = 128;

/// The plugin behind its guard.
pub(super) struct Calls {
    plugin: Arc<dyn Plugin>,
    /// Whether each call has a thread of its own.
    on_threads: bool,
    threads: Arc<Semaphore>,
    stopped: CancellationToken,
    metrics: Arc<Metrics>,
}

impl Calls {
    pub(super) fn new(plugin: Arc<dyn Plugin>, metrics: Arc<Metrics>) -> Self {
        let may_block = catch_unwind(AssertUnwindSafe(|| plugin.may_block()));
        Self {
            plugin,
            on_threads: may_block.unwrap_or(true),
            threads: Arc::new(Semaphore::new(THREADS_MAX)),
            stopped: CancellationToken::new(),
            metrics,
        }
    }

    /// Makes a call. Dropping the future drops the call, unless it blocks.
    pub(super) async fn make<T, F>(
        &self,
        name: &'static str,
        call: impl FnOnce(Arc<dyn Plugin>) -> F + Send + 'static,
    ) -> Result<T, PluginError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PluginError>> + Send,
    {
        let began = Stopwatch::start();
        let outcome = match self.on_threads {
            true => self.on_a_thread(call).await,
            false => self.here(call).await,
        };
        self.metrics
            .plugin_called(name, outcome.is_ok(), began.elapsed());
        outcome
    }

    /// Whatever of the plugin the call runs, the first line included, runs on the call's thread.
    async fn on_a_thread<T, F>(
        &self,
        call: impl FnOnce(Arc<dyn Plugin>) -> F + Send + 'static,
    ) -> Result<T, PluginError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PluginError>>,
    {
        let Ok(thread) = Arc::clone(&self.threads).try_acquire_owned() else {
            return Err(stuck());
        };
        let plugin = Arc::clone(&self.plugin);
        let dropped = self.stopped.child_token();
        let _drop_with_this_future = dropped.clone().drop_guard();
        let runtime = Handle::current();
        let ended = tokio::task::spawn_blocking(move || {
            let _thread = thread;
            runtime.block_on(dropped.run_until_cancelled(async move { call(plugin).await }))
        });
        match ended.await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(stopped()),
            Err(_) => Err(broke_down()),
        }
    }

    async fn here<T, F>(&self, call: impl FnOnce(Arc<dyn Plugin>) -> F) -> Result<T, PluginError>
    where
        F: Future<Output = Result<T, PluginError>>,
    {
        let plugin = Arc::clone(&self.plugin);
        let guarded = AssertUnwindSafe(async move { call(plugin).await }).catch_unwind();
        match self.stopped.run_until_cancelled(guarded).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(broke_down()),
            None => Err(stopped()),
        }
    }

    /// Drops every call that is still under way.
    pub(super) fn stop(&self) {
        self.stopped.cancel();
    }
}

fn stuck() -> PluginError {
    PluginError::new(
        ErrorKind::Timeout,
        Hop::Ecm,
        format!("{THREADS_MAX} calls of the plugin have not ended; no further one is made"),
        "restart the ECM and report what the plugin was doing",
        Owner::Maintainer,
    )
}

fn stopped() -> PluginError {
    PluginError::new(
        ErrorKind::Connectivity,
        Hop::Ecm,
        "the ECM stopped during the call",
        "try again; another ECM will serve this",
        Owner::EcmAdministrator,
    )
}
