//! The vault simulators under load, in pairs: every round measures a simulator and a bare HTTP
//! server on the same library one after the other, and only their ratio is told as a result. Times
//! of one machine at one moment mean little; their ratio in one run means something.
//!
//! `cargo bench --bench load` measures everything; words after `--` choose pairs by their names
//! (`cargo bench --bench load -- search`), a number how many rounds.
//! The goals beside the figures are this project's own.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the bench of instructions uses the rest")]
mod client;
#[allow(dead_code, reason = "the bench of instructions uses the rest")]
mod peer;
mod pinned;

use std::time::Duration;

use client::{Load, Measured};
use peer::{Peer, Role, Subject};

/// One round of one side of a pair.
const ROUND: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 5;

/// A simulator, what it is held against, and the ratio of their throughputs that is aimed at.
struct Pair {
    name: &'static str,
    subject: Subject,
    against: Role,
    connections: usize,
    goal: f64,
}

const PAIRS: &[Pair] = &[
    Pair {
        name: "SOAP search, 1 connection, one core",
        subject: Subject::SoapSearch,
        against: Role::Bare,
        connections: 1,
        goal: 0.75,
    },
    Pair {
        name: "SOAP search, 32 connections",
        subject: Subject::SoapSearch,
        against: Role::Bare,
        connections: 32,
        goal: 0.60,
    },
    Pair {
        name: "SOAP search, 64 connections",
        subject: Subject::SoapSearch,
        against: Role::Bare,
        connections: 64,
        goal: 0.60,
    },
    Pair {
        name: "SOAP search over TLS, 1 connection, one core",
        subject: Subject::SoapSearchTls,
        against: Role::BareTls,
        connections: 1,
        goal: 0.80,
    },
    Pair {
        name: "SOAP search against wiremock, 32 connections",
        subject: Subject::SoapSearch,
        against: Role::Wiremock,
        connections: 32,
        goal: 1.0,
    },
    Pair {
        name: "REST account list, 1 connection, one core",
        subject: Subject::AccountList,
        against: Role::Bare,
        connections: 1,
        goal: 0.75,
    },
    Pair {
        name: "REST account list, 32 connections",
        subject: Subject::AccountList,
        against: Role::Bare,
        connections: 32,
        goal: 0.70,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = peer::role_of(&arguments) {
        return peer::serve(role);
    }
    let words: Vec<&String> = arguments
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let rounds = words.iter().find_map(|word| word.parse().ok());
    let rounds: usize = rounds.unwrap_or(ROUNDS).max(1);
    let words: Vec<_> = words
        .into_iter()
        .filter(|word| word.parse::<usize>().is_err())
        .collect();
    println!(
        "{:<46} {:>9} {:>9} {:>7} {:>16} {:>5} {:>9} {:>9}",
        "pair", "subject/s", "peer/s", "ratio", "(least to most)", "goal", "cpu µs", "peer µs"
    );
    let chosen = |pair: &&Pair| {
        words.is_empty() || words.iter().any(|word| pair.name.contains(word.as_str()))
    };
    for pair in PAIRS.iter().filter(chosen) {
        measure(pair, rounds);
    }
}

fn measure(pair: &Pair, rounds: usize) {
    // Client and server on one core is the placement that repeats best for a single connection.
    pinned::to_cores(if pair.connections == 1 { 1 } else { 2 });
    let subject = Peer::of_subject(pair.subject);
    let peer = Peer::of_role(pair.against);
    let load = Load {
        connections: pair.connections,
        span: ROUND,
    };
    load.run(&subject);
    load.run(&peer);
    let mut figures: Vec<(Measured, Measured)> = (0..rounds)
        .map(|_| (load.run(&subject), load.run(&peer)))
        .collect();
    let ratio = |(subject, peer): &(Measured, Measured)| subject.per_s() / peer.per_s();
    figures.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let (subject, peer) = &figures[rounds / 2];
    println!(
        "{:<46} {:>9.0} {:>9.0} {:>7.2} {:>16} {:>5.2} {:>9.1} {:>9.1}",
        pair.name,
        subject.per_s(),
        peer.per_s(),
        ratio(&figures[rounds / 2]),
        format!(
            "({:.2} to {:.2})",
            ratio(&figures[0]),
            ratio(&figures[rounds - 1])
        ),
        pair.goal,
        subject.cpu_us_per_request(),
        peer.cpu_us_per_request(),
    );
}
