//! Credentials that went into a session, and secrets where they must not be.

use cucumber::{then, when};

use crate::leak::Form;
use crate::rig::console::Injected;
use crate::world::{Shown, World, engine};

#[then(expr = "{string} is injected with the password that the vault holds for {string}")]
async fn password(world: &mut World, username: String, secret: String) {
    let injected = injected(world, "username_password");
    check(world, &injected, &username, &secret).await;
}

#[then(
    expr = "{string} of domain {string} is injected with the password that the vault holds for {string}"
)]
async fn domain_password(world: &mut World, username: String, domain: String, secret: String) {
    let injected = injected(world, "username_password");
    assert_eq!(injected.domain.as_deref(), Some(domain.as_str()), "domain of the credential");
    check(world, &injected, &username, &secret).await;
}

#[then(expr = "an SSH key is injected for {string}")]
async fn ssh_key(world: &mut World, username: String) {
    let injected = injected(world, "ssh_key");
    let rig = world.rig().await;
    assert!(rig.injected_username(&injected, &username), "the user name is not {username:?}");
}

#[then(expr = "the password of {string} is not the planted one any more")]
async fn rotated(world: &mut World, secret: String) {
    let rig = world.rig().await;
    let now = rig.vault.password_of(&secret).unwrap_or_else(|| engine("no such secret"));
    let planted = rig.vault.planted_password_of(&secret);
    assert!(planted.is_some_and(|planted| *planted != *now), "the password did not change");
}

#[when("a planted secret is written to a log on purpose")]
async fn leak_on_purpose(world: &mut World) {
    let rig = world.rig().await;
    let secret = rig.vault.planted_password_of("web01 Administrator");
    let secret = secret.unwrap_or_else(|| engine("no such secret"));
    world.leak_on_purpose = Some(format!("fetched {}", secret.as_str()));
}

#[then("the scan finds it")]
async fn scan_finds(world: &mut World) {
    let line = world.leak_on_purpose.take().unwrap_or_default();
    let leaks = world.rig().await.scanner().scan("a log line", line.as_bytes());
    assert!(leaks.iter().any(|leak| leak.form == Form::Plain), "the scan found nothing");
}

#[then("nothing that was written holds a planted secret")]
async fn nothing_leaked(world: &mut World) {
    let leaks = world.rig().await.scan().await.unwrap_or_else(|error| engine(error));
    assert!(leaks.is_empty(), "{leaks:?}");
}

async fn check(world: &mut World, injected: &Injected, username: &str, secret: &str) {
    let rig = world.rig().await;
    assert!(rig.injected_username(injected, username), "the user name is not {username:?}");
    let held = rig.vault.password_of(secret).unwrap_or_else(|| engine("no such secret"));
    assert!(rig.injected_secret(injected, &held), "another secret was injected");
}

fn injected(world: &World, kind: &str) -> Injected {
    match &world.shown {
        Shown::Injected(injected) => {
            assert_eq!(injected.kind, kind, "kind of the credential");
            injected.clone()
        }
        other => panic!("expected an injected credential, the console shows {other:?}"),
    }
}
