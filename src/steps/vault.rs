//! The vault: its edition, its switches, and who holds which secret.

use cucumber::{given, then, when};

use crate::lab::VaultKind;
use crate::world::{World, engine};

#[given("the vault is Password Safe")]
fn password_safe(world: &mut World) {
    world.plan.vault = VaultKind::PasswordSafe;
}

#[given("the vault is a Cloud tenant")]
fn cloud(world: &mut World) {
    profile(world, "cloud");
}

#[given("the vault is an on-premises installation")]
fn on_premises(world: &mut World) {
    profile(world, "on-premises");
}

#[given(expr = "the Endpoint URL has the path {string}")]
fn endpoint_path(world: &mut World, path: String) {
    world.arrange(|lab| lab.set(&["ecm", "endpoint_path"], path));
}

#[given("web services are disabled in the vault")]
fn web_services_off(world: &mut World) {
    world.arrange(|lab| {
        lab.set(
            &["secret-server", "settings", "web_services"],
            "off-log-in-page",
        )
    });
}

#[given("the vault is down")]
fn down(world: &mut World) {
    world.plan.vault_up = false;
}

#[given("the ECM does not trust the vault's certificate")]
fn untrusted(world: &mut World) {
    world.plan.vault_trusted = false;
}

#[given("the API account lacks the permission to impersonate")]
fn no_impersonation(world: &mut World) {
    world.arrange(|lab| {
        lab.each(&["secret-server", "roles"], |role| {
            role.insert("permissions".to_owned(), toml::Value::Array(Vec::new()));
        })
    });
}

#[given("the password of the API account has expired in the vault")]
fn expired_password(world: &mut World) {
    world.plan.api_password_expired = true;
}

#[when("the token cache is cleared")]
async fn clear_token_cache(world: &mut World) {
    world
        .rig()
        .await
        .clear_token_cache()
        .unwrap_or_else(|error| engine(error));
}

#[then(regex = r#"^the secret "([^"]+)" is checked out to (\S+)$"#)]
async fn checked_out(world: &mut World, secret: String, user: String) {
    let holder = holder(world, &secret).await.unwrap_or_default();
    assert!(
        holder.to_lowercase().contains(&user),
        "{secret} is held by {holder:?}"
    );
}

#[then(expr = "the secret {string} is free")]
async fn free(world: &mut World, secret: String) {
    assert_eq!(holder(world, &secret).await, None, "who holds {secret}");
}

async fn holder(world: &mut World, secret: &str) -> Option<String> {
    let vault = &world.rig().await.vault;
    vault
        .holder_of(secret)
        .await
        .unwrap_or_else(|error| engine(error))
}

fn profile(world: &mut World, name: &str) {
    world.arrange(|lab| lab.set(&["secret-server", "settings", "profile"], name));
}
