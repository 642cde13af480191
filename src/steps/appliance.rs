//! The console and the ECMs that are connected.

use std::time::Duration;

use cucumber::gherkin::Step;
use cucumber::{given, then, when};

use super::column;
use crate::rig::console::ConsoleUser;
use crate::world::{Shown, World, engine};

/// Longest that an ECM may take to answer a release.
const RELEASE_PATIENCE: Duration = Duration::from_secs(20);

#[given("no ECM is connected")]
fn no_ecm(world: &mut World) {
    world.plan.ecms.clear();
}

#[given(expr = "ECM {string} is connected")]
async fn one_ecm(world: &mut World, name: String) {
    world.plan.ecms = vec![name];
    world.rig().await;
}

#[given(expr = "ECMs {string} and {string} are connected, in this order")]
async fn two_ecms(world: &mut World, first: String, second: String) {
    world.plan.ecms = vec![first, second];
    world.rig().await;
}

#[given(expr = "console user {string} opened the credential list of {string}")]
#[when(expr = "console user {string} opens the credential list of {string}")]
async fn open_list(world: &mut World, user: String, item: String) {
    world.open_list(ConsoleUser::named(&user), &item).await;
}

#[when(
    expr = "console user {string} with distinguished name {string} opens the credential list of {string}"
)]
async fn open_list_with_dn(world: &mut World, user: String, dn: String, item: String) {
    let user = ConsoleUser {
        distinguished_name: Some(dn),
        ..ConsoleUser::named(&user)
    };
    world.open_list(user, &item).await;
}

#[given(expr = "the user picked {string}")]
#[when(expr = "the user picks {string}")]
async fn pick(world: &mut World, name: String) {
    world.pick(&name).await;
}

#[when("the session ends")]
async fn end(world: &mut World) {
    let session = world.session();
    world
        .rig()
        .await
        .appliance
        .end(&session)
        .await
        .unwrap_or_else(|error| engine(error));
}

#[when("the first session ends")]
async fn end_first(world: &mut World) {
    let session = world
        .first_session
        .unwrap_or_else(|| engine("no session was opened"));
    let appliance = &world.rig().await.appliance;
    let ended = appliance.end(&session).await;
    ended.unwrap_or_else(|error| engine(error));
}

#[when("the earlier session ends and the ECM has taken note")]
async fn end_earlier(world: &mut World) {
    let session = world.earlier_session();
    let appliance = &world.rig().await.appliance;
    let ended = appliance.end(&session).await;
    ended.unwrap_or_else(|error| engine(error));
    let released = appliance.wait_released(&session, RELEASE_PATIENCE).await;
    assert!(
        released,
        "the release of the earlier session was not answered"
    );
}

#[given("the session ended and the vault confirmed the check-in")]
async fn end_confirmed(world: &mut World) {
    end(world).await;
    let rig = world.rig().await;
    rig.wait_for_check_ins(1)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

#[when(expr = "ECM {string} stops")]
async fn stop_ecm(world: &mut World, name: String) {
    world
        .rig()
        .await
        .stop_ecm(&name)
        .await
        .unwrap_or_else(|error| engine(error));
}

#[when(expr = "ECM {string} starts again")]
async fn start_ecm(world: &mut World, name: String) {
    world
        .rig()
        .await
        .start_ecm(&name)
        .await
        .unwrap_or_else(|error| engine(error));
}

#[when("the ECM's API account loses the ECM permission")]
async fn deny_ecm(world: &mut World) {
    world
        .rig()
        .await
        .deny_ecm()
        .await
        .unwrap_or_else(|error| engine(error));
}

#[then("the appliance was asked for nothing")]
async fn appliance_untouched(world: &mut World) {
    let calls = world.rig().await.appliance.operator.journal().await;
    assert_eq!(
        calls.unwrap_or_else(|error| engine(error)),
        [],
        "calls of the appliance"
    );
}

#[then(expr = "ECM {string} received the request")]
async fn received(world: &mut World, name: String) {
    let session = world.session();
    let by = world
        .rig()
        .await
        .served_by(&session)
        .unwrap_or_else(|error| engine(error));
    assert_eq!(
        by.as_deref(),
        Some(name.as_str()),
        "the ECM that received the request"
    );
}

#[then(expr = "the list shows {string}")]
fn list_shows(world: &mut World, name: String) {
    let list = list(world);
    assert!(
        list.iter().any(|entry| entry.contains(&name)),
        "no {name:?} in {list:?}"
    );
}

#[then("the list shows exactly")]
fn list_is(world: &mut World, step: &Step) {
    let (mut list, mut expected) = (list(world), column(step));
    list.sort();
    expected.sort();
    let same = list.len() == expected.len()
        && list
            .iter()
            .zip(&expected)
            .all(|(entry, name)| entry.contains(name.as_str()));
    assert!(same, "expected {expected:?}, the list is {list:?}");
}

#[then("the list is empty")]
fn list_is_empty(world: &mut World) {
    assert_eq!(list(world), Vec::<String>::new());
}

#[then("the console shows an error")]
fn any_error(world: &mut World) {
    assert!(
        matches!(world.shown, Shown::Error(_)),
        "the console shows {:?}",
        world.shown
    );
}

#[then(expr = "the console shows an error of category {string}")]
#[then(expr = "the test shows an error of category {string}")]
fn error_of(world: &mut World, category: String) {
    match &world.shown {
        Shown::Error(refusal) => {
            assert_eq!(
                refusal.category, category,
                "category of {:?}",
                refusal.message
            );
        }
        other => panic!("expected an error of category {category}, the console shows {other:?}"),
    }
}

#[then(expr = "the message mentions {string}")]
fn message(world: &mut World, words: String) {
    let Shown::Error(refusal) = &world.shown else {
        panic!("expected an error, the console shows {:?}", world.shown)
    };
    let holds = refusal
        .message
        .to_lowercase()
        .contains(&words.to_lowercase());
    assert!(holds, "no {words:?} in {:?}", refusal.message);
}

/// Scenarios with this step are tagged `@serial`: the log is the whole process's.
#[then(expr = "the ECM's log mentions {string}")]
async fn log(world: &mut World, words: String) {
    let log = world.rig().await.log();
    assert!(log.contains(&words), "no {words:?} in the log:\n{log}");
}

#[then("the error carries the address where the request is approved")]
fn action_url(world: &mut World) {
    let Shown::Error(refusal) = &world.shown else {
        panic!("expected an error, the console shows {:?}", world.shown)
    };
    let url = refusal.action_url.as_deref().unwrap_or_default();
    assert!(
        url.contains("ManageApplications.aspx?requestId="),
        "{url:?}"
    );
}

#[then("the message mentions the vault's address")]
async fn message_names_vault(world: &mut World) {
    let address = world.rig().await.vault.address.clone();
    message(world, address);
}

fn list(world: &World) -> Vec<String> {
    match &world.shown {
        Shown::List(list) => list
            .iter()
            .map(|entry| entry.display_value.clone())
            .collect(),
        other => panic!("expected a list, the console shows {other:?}"),
    }
}
