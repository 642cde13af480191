//! What the vault was asked, by its own journal.

use cucumber::gherkin::Step;
use cucumber::{then, when};

use super::column;
use crate::world::{World, engine};

#[when("the vault's journal is cleared")]
async fn clear(world: &mut World) {
    let vault = &world.rig().await.vault;
    vault
        .operator
        .delete("/journal")
        .await
        .unwrap_or_else(|error| engine(error));
}

#[then("the vault was asked, in order")]
async fn in_order(world: &mut World, step: &Step) {
    assert_eq!(operations(world).await, column(step));
}

#[then(expr = "the vault was asked for {word} {int} time(s)")]
async fn times(world: &mut World, operation: String, expected: usize) {
    let all = operations(world).await;
    let count = all.iter().filter(|name| **name == operation).count();
    assert_eq!(count, expected, "calls of {operation} in {all:?}");
}

#[then(expr = "the vault was asked for {string} {int} time(s)")]
async fn times_in_full(world: &mut World, operation: String, expected: usize) {
    times(world, operation, expected).await;
}

#[then(expr = "the vault was asked for {word} at least {int} time(s)")]
async fn at_least(world: &mut World, operation: String, expected: usize) {
    let all = operations(world).await;
    let count = all.iter().filter(|name| **name == operation).count();
    assert!(count >= expected, "{count} calls of {operation} in {all:?}");
}

#[then(expr = "the vault was asked for nothing but {word}")]
async fn nothing_but(world: &mut World, operation: String) {
    let all = operations(world).await;
    let only = !all.is_empty() && all.iter().all(|name| *name == operation);
    assert!(
        only,
        "expected nothing but {operation}, the journal has {all:?}"
    );
}

#[then(expr = "the vault was never asked for {word}")]
async fn never(world: &mut World, operation: String) {
    times(world, operation, 0).await;
}

#[then(expr = "the vault refused a request for path {string} with status {int}")]
async fn refused(world: &mut World, path: String, status: u64) {
    let calls = world.rig().await.vault.operator.journal().await;
    let calls = calls.unwrap_or_else(|error| engine(error));
    let found = calls.iter().any(|call| {
        call.status == status
            && (call.operation.contains(&path) || call.detail("path").contains(&path))
    });
    assert!(found, "no {status} for {path} in {calls:?}");
}

#[then(expr = "the vault confirms {int} check-in(s)")]
async fn check_ins(world: &mut World, expected: usize) {
    let rig = world.rig().await;
    let waited = rig.wait_for_check_ins(expected).await;
    waited.unwrap_or_else(|error| panic!("{error}"));
}

async fn operations(world: &mut World) -> Vec<String> {
    let calls = world.rig().await.vault.operator.journal().await;
    let calls = calls.unwrap_or_else(|error| engine(error));
    calls.into_iter().map(|call| call.operation).collect()
}
