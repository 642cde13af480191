//! Faults: rules that are installed in the vault before the call that meets them.

use cucumber::given;
use sim_kit::fault::{How, Matcher, Rule, Verdict, When};

use crate::world::{World, engine};

/// Until the rule is removed.
const ALWAYS: u32 = 0;

#[given(expr = "the token dies at the next {word}")]
async fn token_dies_once(world: &mut World, operation: String) {
    install(world, Some(operation), Verdict::ExpireToken, 1).await;
}

#[given(expr = "the token dies at every {word}")]
async fn token_dies(world: &mut World, operation: String) {
    install(world, Some(operation), Verdict::ExpireToken, ALWAYS).await;
}

#[given(expr = "the vault holds every {word}")]
async fn hold(world: &mut World, operation: String) {
    install(world, Some(operation), Verdict::Hold, ALWAYS).await;
}

#[given(expr = "the vault dies in the middle of the next {word}")]
async fn dies_once(world: &mut World, operation: String) {
    install(world, Some(operation), broken_off(), 1).await;
}

#[given(expr = "the vault dies in the middle of every {word}")]
async fn dies(world: &mut World, operation: String) {
    install(world, Some(operation), broken_off(), ALWAYS).await;
}

#[given(expr = "the vault garbles the next {word}")]
async fn garble(world: &mut World, operation: String) {
    install(world, Some(operation), Verdict::Garble, 1).await;
}

#[given(expr = "the next {word} is dropped before it is handled")]
async fn drop_before(world: &mut World, operation: String) {
    let verdict = Verdict::Drop {
        when: When::Before,
        how: How::Reset,
    };
    install(world, Some(operation), verdict, 1).await;
}

#[given(expr = "every call is answered by a proxy with status {int}")]
async fn proxy(world: &mut World, status: u16) {
    let verdict = Verdict::Status {
        status,
        content_type: None,
        body: Some("<html><body>Service Unavailable</body></html>".to_owned()),
        retry_after_s: None,
        location: None,
    };
    install(world, None, verdict, ALWAYS).await;
}

#[given(expr = "the ECM waits {int} second(s) for the vault")]
fn ecm_waits(world: &mut World, seconds: i64) {
    world.arrange(|lab| lab.set(&["ecm", "secret-server", "answer_timeout_s"], seconds));
}

fn broken_off() -> Verdict {
    Verdict::Truncate {
        at_bytes: None,
        inside: None,
    }
}

pub(super) async fn install(
    world: &mut World,
    operation: Option<String>,
    verdict: Verdict,
    times: u32,
) {
    let matcher = Matcher {
        operation,
        ..Matcher::default()
    };
    let rule = Rule {
        id: None,
        matcher,
        verdict,
        times,
    };
    let vault = &world.rig().await.vault;
    vault
        .operator
        .add_fault(&rule)
        .await
        .unwrap_or_else(|error| engine(error));
}
