//! What a console user waits for, through the whole path: appliance, link, ECM, vault, over real
//! sockets with TLS.
//!
//! `cargo bench` measures; `cargo test` runs each once, so that the benches keep working.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ecm_lab::lab::Lab;
use ecm_lab::rig::console::ConsoleUser;
use ecm_lab::rig::{Options, Rig, SessionId};
use sim_kit::clock::Stopwatch;
use sim_kit::seeded::Seed;
use tokio::runtime::Runtime;

fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (rig, session, credential_id) = runtime.block_on(warm_rig());
    let (rig, credential_id) = (&rig, credential_id.as_str());

    criterion.bench_function("warm list", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { rig.appliance.list(&session).await.unwrap() });
    });
    // Tokens are forgotten before each look-up; forgetting is not measured.
    criterion.bench_function("cold list", |bencher| {
        bencher.to_async(&runtime).iter_custom(|times| async move {
            let mut elapsed = Duration::ZERO;
            for _ in 0..times {
                rig.clear_token_cache().unwrap();
                let watch = Stopwatch::start();
                rig.appliance.list(&session).await.unwrap();
                elapsed += Duration::from_micros(watch.elapsed_us());
            }
            elapsed
        });
    });
    criterion.bench_function("retrieval", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { rig.appliance.inject(&session, credential_id).await.unwrap() });
    });
}

async fn warm_rig() -> (Rig, SessionId, String) {
    let mut lab = Lab::acme();
    lab.trust("joe.user", "approved").unwrap();
    let mut rig = Rig::start(lab, Options::frozen(Seed(1))).await.unwrap();
    rig.start_ecm("first").await.unwrap();
    let user = ConsoleUser::named(r"ACME\joe.user");
    let (session, shown) = rig.open_list(&user, "web01").await.unwrap();
    let entry = shown.unwrap().swap_remove(0);
    (rig, session, entry.credential_id)
}

criterion_group!(lookup, benches);
criterion_main!(lookup);
