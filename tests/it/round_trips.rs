//! How often the ECM waits for the vault, one after the other. Counted, not timed: calls that stand
//! in the vault at the same moment are one round trip.

use ecm_lab::lab::Lab;
use ecm_lab::rig::console::{ConsoleUser, Entry};
use ecm_lab::rig::{Options, Rig, SessionId};
use futures_util::future::join_all;
use sim_kit::fault::{Matcher, Rule, Verdict};
use sim_kit::seeded::Seed;

const SEARCH: &str = "SearchSecretsByFieldValue";
const DOWNLOAD: &str = "DownloadFileAttachmentByItemId";

#[tokio::test]
async fn a_warm_list_costs_one_round_trip_and_no_handshake() {
    let rig = rig().await;
    let (session, _) = list(&rig, "web01").await;
    rig.vault.operator.delete("/journal").await.unwrap();
    let before = handshakes(&rig).await;
    // Machine by its full and its short name, and the domain: all at once.
    let held = hold_until(&rig, SEARCH, 3, rig.appliance.list(&session)).await;
    assert_eq!(held.unwrap().len(), 2);
    assert_eq!(operations(&rig).await, [SEARCH; 3]);
    assert_eq!(handshakes(&rig).await, before);
    finish(rig).await;
}

#[tokio::test]
async fn a_cold_list_costs_three_round_trips_and_one_handshake() {
    let rig = rig().await;
    let before = handshakes(&rig).await;
    let session = rig
        .appliance
        .begin(r"ACME\joe.user", "web01")
        .await
        .unwrap();
    let found = hold_until(&rig, SEARCH, 3, rig.appliance.list(&session)).await;
    assert_eq!(found.unwrap().len(), 2);
    // Two that each need the one before, then all searches together.
    assert_eq!(
        operations(&rig).await,
        ["Authenticate", "ImpersonateUser", SEARCH, SEARCH, SEARCH]
    );
    assert_eq!(handshakes(&rig).await - before, 1);
    finish(rig).await;
}

#[tokio::test]
async fn cold_lists_of_one_user_share_the_log_on_and_the_connection() {
    const TOGETHER: u64 = 8;
    let rig = rig().await;
    let before = handshakes(&rig).await;
    let mut sessions = Vec::new();
    for _ in 0..TOGETHER {
        let began = rig.appliance.begin(r"ACME\joe.user", "web01").await;
        sessions.push(began.unwrap());
    }
    let lists = join_all(sessions.iter().map(|session| rig.appliance.list(session)));
    let found = hold_until(&rig, SEARCH, 3 * TOGETHER, lists).await;
    assert!(found.into_iter().all(|list| list.unwrap().len() == 2));
    let calls = operations(&rig).await;
    let count = |operation| calls.iter().filter(|call| *call == operation).count();
    assert_eq!((count("Authenticate"), count("ImpersonateUser")), (1, 1));
    assert_eq!(handshakes(&rig).await - before, 1);
    finish(rig).await;
}

#[tokio::test]
async fn a_retrieval_costs_one_round_trip() {
    let rig = rig().await;
    let (session, entries) = list(&rig, "web01").await;
    rig.vault.operator.delete("/journal").await.unwrap();
    rig.appliance
        .inject(&session, &entries[0].credential_id)
        .await
        .unwrap();
    assert_eq!(operations(&rig).await, ["GetSecret"]);
    finish(rig).await;
}

#[tokio::test]
async fn a_retrieval_with_attachments_costs_two_round_trips() {
    let rig = rig().await;
    let (session, entries) = list(&rig, "lin01").await;
    let key = entries
        .iter()
        .find(|entry| entry.display_value.contains("root key"))
        .unwrap();
    rig.vault.operator.delete("/journal").await.unwrap();
    let inject = rig.appliance.inject(&session, &key.credential_id);
    hold_until(&rig, DOWNLOAD, 2, inject).await.unwrap();
    assert_eq!(operations(&rig).await, ["GetSecret", DOWNLOAD, DOWNLOAD]);
    finish(rig).await;
}

/// Runs `work` while the vault holds every call of `operation`, and lets them go as soon as `count`
/// of them stand there together. A call that waits for another one would never arrive.
async fn hold_until<T>(rig: &Rig, operation: &str, count: u64, work: impl Future<Output = T>) -> T {
    let rule = Rule {
        id: Some("hold".into()),
        matcher: Matcher {
            operation: Some(operation.into()),
            ..Matcher::default()
        },
        verdict: Verdict::Hold,
        times: 0,
    };
    rig.vault.operator.add_fault(&rule).await.unwrap();
    let release = async {
        let met = rig.wait_for_met("hold", count).await;
        rig.vault.operator.delete("/faults/hold").await.unwrap();
        met.unwrap();
    };
    tokio::join!(work, release).0
}

async fn rig() -> Rig {
    let mut lab = Lab::acme();
    lab.trust("joe.user", "approved").unwrap();
    let mut rig = Rig::start(lab, Options::frozen(Seed(1))).await.unwrap();
    rig.start_ecm("first").await.unwrap();
    rig
}

async fn list(rig: &Rig, item: &str) -> (SessionId, Vec<Entry>) {
    let user = ConsoleUser::named(r"ACME\joe.user");
    let (session, shown) = rig.open_list(&user, item).await.unwrap();
    (session, shown.unwrap())
}

async fn operations(rig: &Rig) -> Vec<String> {
    let calls = rig.vault.operator.journal().await.unwrap();
    calls.into_iter().map(|call| call.operation).collect()
}

/// TLS handshakes with the vault so far.
async fn handshakes(rig: &Rig) -> u64 {
    let stats = rig.vault.operator.get("/stats").await.unwrap();
    stats["tls_handshakes"].as_u64().unwrap()
}

async fn finish(rig: Rig) {
    let findings = rig.finish().await;
    assert!(
        findings.leaks.is_empty() && findings.panics.is_empty(),
        "{findings:?}"
    );
}
