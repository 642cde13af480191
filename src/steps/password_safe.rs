//! Password Safe: release requests and who decides on them, its bundled ECM, External Jump Items, and
//! a site that has it beside Secret Server.

use cucumber::{given, then, when};
use serde_json::{Value, json};
use sim_kit::fault::Verdict;

use super::fault::install;
use crate::lab::VaultKind;
use crate::rig::control::text;
use crate::rig::vault::Vault;
use crate::world::{World, engine};

#[given(regex = r"^Password Safe is connected by its own form, with (\S+) among the requesters$")]
fn bundled(world: &mut World, user: String) {
    world.plan.vault = VaultKind::PasswordSafe;
    let requesters = Value::from(vec![user]);
    world.arrange(|lab| {
        let requesters = toml::Value::try_from(requesters).unwrap_or_else(|error| engine(error));
        lab.set(&["ecm", "bundled", "requesters"], requesters)
    });
}

/// A Jump Group chooses the ECM group, and with it the vault.
#[given(expr = "Password Safe is a second vault, whose ECM serves {string}")]
async fn second_vault(world: &mut World, item: String) {
    world.plan.second_vault = Some(VaultKind::PasswordSafe);
    world.arrange(|lab| {
        lab.each(&["appliance", "jump_items"], |entry| {
            if entry.get("name").and_then(toml::Value::as_str) == Some(item.as_str()) {
                entry.insert("jump_group".to_owned(), "Branch Office".into());
            }
        })
    });
}

#[given("External Jump Items are switched on")]
fn external(world: &mut World) {
    world.arrange(|lab| lab.set(&["appliance", "settings", "external_search"], true));
}

#[when(expr = "console user {string} searches External Jump Items for {string}")]
async fn search(world: &mut World, user: String, query: String) {
    world.search_external(&user, &query).await;
}

#[when(regex = r"^(\S+) approves the release request$")]
async fn approve(world: &mut World, approver: String) {
    decide(world, "approve", &approver).await;
}

#[when(regex = r"^(\S+) denies the release request$")]
async fn deny(world: &mut World, approver: String) {
    decide(world, "deny", &approver).await;
}

#[given(expr = "the session dies at the next {string}")]
async fn session_dies(world: &mut World, operation: String) {
    install(world, Some(operation), Verdict::ExpireToken, 1).await;
}

#[given(expr = "the next {string} conflicts with another request")]
async fn conflict(world: &mut World, operation: String) {
    let text = "4091".to_owned();
    install(world, Some(operation), Verdict::Error { text }, 1).await;
}

#[given(expr = "the account {string} on {string} is not enabled for API access")]
async fn api_off(world: &mut World, account: String, system: String) {
    let body = json!({ "system": system, "account": account, "api_enabled": false });
    let operator = &world.rig().await.vault.operator;
    let changed = operator.post("/accounts/api-access", body).await;
    changed.unwrap_or_else(|error| engine(error));
}

#[then(expr = "{int} release request(s) wait(s) for an approval")]
async fn waiting(world: &mut World, expected: usize) {
    let waiting = requests(&world.rig().await.vault, "pending").await;
    assert_eq!(waiting.len(), expected, "{waiting:?}");
}

#[then("no release request is open")]
async fn none_open(world: &mut World) {
    let vault = &world.rig().await.vault;
    for standing in ["pending", "approved"] {
        let open = requests(vault, standing).await;
        assert!(open.is_empty(), "{open:?}");
    }
}

#[then(expr = "the second vault confirms {int} check-in(s)")]
async fn second_check_ins(world: &mut World, expected: usize) {
    let rig = world.rig().await;
    let vault = rig.second_vault().unwrap_or_else(|error| engine(error));
    let waited = rig.wait_for_check_ins_of(vault, expected).await;
    waited.unwrap_or_else(|error| panic!("{error}"));
}

#[then(expr = "the second vault was asked for nothing")]
async fn second_untouched(world: &mut World) {
    let rig = world.rig().await;
    let vault = rig.second_vault().unwrap_or_else(|error| engine(error));
    let calls = vault.operator.journal().await;
    assert_eq!(calls.unwrap_or_else(|error| engine(error)), []);
}

/// Somebody decides on the request that waits, by hand.
async fn decide(world: &mut World, decision: &str, approver: &str) {
    let vault = &world.rig().await.vault;
    let waiting = requests(vault, "pending").await;
    let [request] = &*waiting else {
        panic!("one request was to wait, these do: {waiting:?}")
    };
    let path = format!("/requests/{}/{decision}", request["id"]);
    let decided = vault.operator.post(&path, json!({ "by": approver })).await;
    decided.unwrap_or_else(|error| engine(error));
}

async fn requests(vault: &Vault, standing: &str) -> Vec<Value> {
    let all = vault.operator.get("/requests").await;
    let all = all.unwrap_or_else(|error| engine(error));
    let all = all.as_array().into_iter().flatten();
    all.filter(|request| text(&request["standing"]) == standing)
        .cloned()
        .collect()
}
