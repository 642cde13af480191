//! Credentials that went into a session, and secrets where they must not be.

use cucumber::{then, when};

use crate::leak::Form;
use crate::rig::console::Injected;
use crate::world::{Shown, World, engine};

#[then(expr = "{string} is injected with the password planted for {string}")]
async fn password(world: &mut World, username: String, secret: String) {
    let injected = injected(world, "username_password", &username);
    assert!(
        is_planted(world, &injected, &secret).await,
        "another password was injected"
    );
}

#[then(expr = "{string} of domain {string} is injected with the password planted for {string}")]
async fn domain_password(world: &mut World, username: String, domain: String, secret: String) {
    let injected = injected(world, "username_password", &username);
    assert_eq!(
        injected.domain(),
        Some(domain.as_str()),
        "domain of the credential"
    );
    assert!(
        is_planted(world, &injected, &secret).await,
        "another password was injected"
    );
}

#[then(expr = "{string} is injected with another password than the one planted for {string}")]
async fn rotated_password(world: &mut World, username: String, secret: String) {
    let injected = injected(world, "username_password", &username);
    assert!(
        !is_planted(world, &injected, &secret).await,
        "the password did not change"
    );
}

#[then(expr = "{string} is injected with the private key planted for {string}")]
async fn ssh_key(world: &mut World, username: String, secret: String) {
    let injected = injected(world, "ssh_key", &username);
    assert!(
        is_planted(world, &injected, &secret).await,
        "another key was injected"
    );
}

#[when("a planted secret is written to a log on purpose")]
async fn leak_on_purpose(world: &mut World) {
    let planted = world.rig().await.planted("web01 Administrator");
    let planted = planted.unwrap_or_else(|| engine("the lab has no such secret"));
    world.leak_on_purpose = Some(format!("fetched {}", planted.value.as_str()));
}

/// For the test that a leak fails a scenario whose steps all pass.
#[when("a planted secret is logged")]
async fn log_secret(world: &mut World) {
    let planted = world.rig().await.planted("web01 Administrator");
    let planted = planted.unwrap_or_else(|| engine("the lab has no such secret"));
    tracing::warn!("fetched {}", planted.value.as_str());
}

#[then("the scan finds it")]
async fn scan_finds(world: &mut World) {
    let line = world.leak_on_purpose.take().unwrap_or_default();
    let leaks = world
        .rig()
        .await
        .scanner()
        .scan("a log line", line.as_bytes());
    assert!(
        leaks.iter().any(|leak| leak.form == Form::Plain),
        "the scan found nothing"
    );
}

#[then("nothing that was written holds a planted secret")]
async fn nothing_leaked(world: &mut World) {
    let (leaks, _) = world
        .rig()
        .await
        .scan()
        .await
        .unwrap_or_else(|error| engine(error));
    assert!(leaks.is_empty(), "{leaks:?}");
}

async fn is_planted(world: &mut World, injected: &Injected, secret: &str) -> bool {
    let planted = world.rig().await.planted(secret);
    let planted = planted.unwrap_or_else(|| engine(format!("the lab has no secret {secret:?}")));
    injected.is(&planted.value)
}

/// The credential that went into the session last, which must be of this kind and for this user.
fn injected(world: &World, kind: &str, username: &str) -> Injected {
    match &world.shown {
        Shown::Injected(injected) => {
            assert_eq!(injected.kind(), kind, "kind of the credential");
            assert!(
                injected.is_for(username),
                "the credential is not for {username:?}"
            );
            injected.clone()
        }
        other => panic!("expected an injected credential, the console shows {other:?}"),
    }
}
