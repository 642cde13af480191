//! The Test Settings form and its dialog.

use cucumber::{then, when};

use crate::world::World;

#[when(expr = "Test Settings asks for {string} on host {string}")]
async fn ask(world: &mut World, user: String, host: String) {
    world.test_settings(&user, &host, None).await;
}

#[when(expr = "Test Settings retrieves {string} for {string} on host {string}")]
async fn retrieve(world: &mut World, name: String, user: String, host: String) {
    world.test_settings(&user, &host, Some(&name)).await;
}

#[then(expr = "the dialog says {string}")]
fn says(world: &mut World, words: String) {
    let dialog = world.dialog.to_lowercase();
    assert!(
        dialog.contains(&words.to_lowercase()),
        "no {words:?} in the dialog:\n{dialog}"
    );
}

#[then("the dialog shows no planted secret")]
async fn shows_no_secret(world: &mut World) {
    let dialog = world.dialog.clone();
    let leaks = world
        .rig()
        .await
        .scanner()
        .scan("the dialog", dialog.as_bytes());
    assert!(leaks.is_empty(), "{leaks:?}");
}
