//! A plugin that does what the names in the request say.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

use ecm::error::{ErrorKind, Hop, Owner, PluginError};
use ecm::plugin::{
    Capabilities, CredentialPackage, CredentialProof, CredentialSummary, Endpoint, EndpointType,
    Health, Plugin, PluginFuture, Session,
};
use tokio::sync::Semaphore;

pub(super) const PASSWORD: &str = "canary-Pa55word";

pub(super) struct ScriptedPlugin {
    /// Whether it says so.
    may_block: bool,
    /// What was called, in order.
    calls: Mutex<Vec<String>>,
    /// How many releases fail before one succeeds.
    pub(super) release_failures: AtomicUsize,
    /// Whether the next release panics before it has a future.
    pub(super) release_panics: AtomicBool,
    /// Where the outbox is, to look at it from within a call.
    outbox: PathBuf,
    /// `held` credentials wait for a permit.
    pub(super) gate: Semaphore,
    /// Whether asking for the capabilities panics.
    pub(super) spoilt: AtomicBool,
    /// What `block` waits for, with its thread.
    blocked: Mutex<bool>,
    unblocked: Condvar,
}

impl ScriptedPlugin {
    pub(super) fn new(outbox: PathBuf, may_block: bool) -> Self {
        Self {
            may_block,
            calls: Mutex::default(),
            release_failures: AtomicUsize::new(0),
            release_panics: AtomicBool::new(false),
            outbox,
            gate: Semaphore::new(0),
            spoilt: AtomicBool::new(false),
            blocked: Mutex::new(true),
            unblocked: Condvar::new(),
        }
    }

    /// Lets every blocked thread go on.
    pub(super) fn unblock(&self) {
        *self.blocked.lock().unwrap() = false;
        self.unblocked.notify_all();
    }

    fn block(&self) {
        let blocked = self.blocked.lock().unwrap();
        drop(self.unblocked.wait_while(blocked, |blocked| *blocked));
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn called(&self, what: String) {
        self.calls.lock().unwrap().push(what);
    }
}

fn failure(kind: ErrorKind) -> PluginError {
    PluginError::new(
        kind,
        Hop::Vault("Test"),
        "the test wants it",
        "go on",
        Owner::Maintainer,
    )
}

impl Plugin for ScriptedPlugin {
    fn name(&self) -> &str {
        "Scripted"
    }

    fn description(&self) -> &str {
        "does what a test says"
    }

    fn version(&self) -> &str {
        "1.2.3"
    }

    fn may_block(&self) -> bool {
        self.may_block
    }

    fn capabilities(&self) -> Capabilities {
        assert!(!self.spoilt.load(SeqCst), "{PASSWORD}");
        Capabilities {
            credentials_used: true,
            health_check: true,
            ..Capabilities::default()
        }
    }

    fn health(&self) -> PluginFuture<'_, Health> {
        Box::pin(async {
            Ok(Health {
                healthy: true,
                detail: "fine".into(),
            })
        })
    }

    fn find_credentials<'a>(
        &'a self,
        session: &'a Session,
    ) -> PluginFuture<'a, Vec<CredentialSummary>> {
        match session.user.username.as_str() {
            "panic at once" => panic!("{PASSWORD}"),
            "block" => self.block(),
            _ => {}
        }
        Box::pin(async move {
            self.called(format!("find {}", session.user.username));
            let entry = |number: usize| CredentialSummary {
                credential_id: number.to_string(),
                display_value: format!("entry {number}"),
            };
            match session.user.username.as_str() {
                "hang" => std::future::pending().await,
                "panic" => panic!("{PASSWORD}"),
                "flood" => Ok((0..100_000).map(entry).collect()),
                "nobody" => Ok(Vec::new()),
                "pending" => {
                    let error = failure(ErrorKind::PendingApproval);
                    Err(error.with_action_url("https://vault/approve"))
                }
                _ => Ok(vec![entry(1), entry(2)]),
            }
        })
    }

    fn get_credential<'a>(
        &'a self,
        _session: &'a Session,
        credential_id: &'a str,
    ) -> PluginFuture<'a, CredentialPackage> {
        assert_ne!(credential_id, "panic at once", "{PASSWORD}");
        Box::pin(async move {
            let outbox = std::fs::read_to_string(&self.outbox).unwrap();
            let owed = outbox.contains(&format!("\"credential_id\":\"{credential_id}\""));
            self.called(format!(
                "get {credential_id} {}",
                if owed { "owed" } else { "NOT OWED" }
            ));
            match credential_id {
                "held" => self.gate.acquire().await.unwrap().forget(),
                "fail" => return Err(failure(ErrorKind::Permission)),
                "lost" => return Err(failure(ErrorKind::Timeout)),
                "panic" => panic!("{PASSWORD}"),
                _ => {}
            }
            let proof = CredentialProof::UsernamePassword {
                password: PASSWORD.into(),
            };
            Ok(CredentialPackage {
                username: "root".into(),
                domain: None,
                proof,
            })
        })
    }

    fn release_credential<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &'a str,
        _ended_at_unix: i64,
    ) -> PluginFuture<'a, ()> {
        if self.release_panics.swap(false, SeqCst) {
            panic!("{PASSWORD}");
        }
        Box::pin(async move {
            let fails = self
                .release_failures
                .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
            let outcome = if fails.is_ok() { "failed" } else { "done" };
            self.called(format!(
                "release {} {credential_id} {outcome}",
                session.session_id
            ));
            match fails {
                Ok(_) => Err(failure(ErrorKind::Connectivity)),
                Err(_) => Ok(()),
            }
        })
    }

    fn find_endpoints<'a>(
        &'a self,
        _session: &'a Session,
        _types: &'a [EndpointType],
        _query: &'a str,
        _most_recently_used: Option<u32>,
    ) -> PluginFuture<'a, Vec<Endpoint>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
