//! Delegated trust: what the vault's user answered, and the mail that asked.

use cucumber::{given, then, when};

use crate::rig::vault::Answer;
use crate::world::{World, engine};

#[given(regex = r"^(\S+) was never asked$")]
fn never_asked(world: &mut World, user: String) {
    trust(world, &user, "none");
}

#[given(regex = r"^(\S+) has approved the API account$")]
fn approved(world: &mut World, user: String) {
    trust(world, &user, "approved");
}

#[when(regex = r"^(\S+) approves the request$")]
async fn approve(world: &mut World, user: String) {
    answer(world, &user, Answer::Approve).await;
}

#[when(regex = r"^(\S+) denies the request$")]
async fn deny(world: &mut World, user: String) {
    answer(world, &user, Answer::Deny).await;
}

#[when(regex = r"^(\S+) revokes the access$")]
async fn revoke(world: &mut World, user: String) {
    answer(world, &user, Answer::Revoke).await;
}

#[then(regex = r"^(\d+|no) mails? asks? (\S+) for approval$")]
async fn mails(world: &mut World, count: String, user: String) {
    let expected = count.parse().unwrap_or(0);
    let mails = world.rig().await.vault.mails_to(&user).await;
    let mails = mails.unwrap_or_else(|error| engine(error));
    assert_eq!(mails.len(), expected, "mails to {user}: {mails:?}");
}

async fn answer(world: &mut World, user: &str, answer: Answer) {
    let answered = world.rig().await.vault.answer_trust(user, answer).await;
    answered.unwrap_or_else(|error| engine(error));
}

fn trust(world: &mut World, user: &str, state: &str) {
    world.arrange(|lab| lab.trust(user, state));
}
