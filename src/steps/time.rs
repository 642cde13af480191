//! Simulated time.

use std::time::Duration;

use cucumber::{given, when};

use crate::world::World;

#[given(expr = "the session timeout of the vault is {int} minutes")]
fn session_timeout(world: &mut World, minutes: i64) {
    world.arrange(|lab| {
        lab.set(
            &["secret-server", "settings", "token_lifetime_minutes"],
            minutes,
        )
    });
}

#[when(expr = "{int} minutes pass")]
async fn minutes_pass(world: &mut World, minutes: u64) {
    advance(world, Duration::from_secs(60 * minutes)).await;
}

#[when(expr = "{int} days pass")]
async fn days_pass(world: &mut World, days: u64) {
    advance(world, Duration::from_secs(86_400 * days)).await;
}

async fn advance(world: &mut World, by: Duration) {
    world.rig().await.advance(by);
}
