//! The vault simulators with small and with large labs: time from the start of the process to its
//! ready line, memory when it is ready, and how long a search of a large vault takes. Printed and
//! not judged: times of one machine at one moment mean little. What the tests hold is the memory
//! (`tests/it/memory.rs`).
//!
//! `cargo bench --bench start` measures everything; words after `--` choose by name, a number says
//! how many starts. The goals beside the figures are this project's own.
#![allow(clippy::unwrap_used)]

mod large;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use large::{Memory, Running, accounts, secrets};
use mock_secret_server::lab::Lab;
use mock_secret_server::state::{self, Answer, SecretText, Vault};
use sim_kit::clock::{SimTime, Stopwatch};
use sim_kit::seeded::Seed;

const STARTS: usize = 5;
const SIZES: [usize; 3] = [0, 10_000, 100_000];
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A vault simulator, and what its rows are.
struct Subject {
    name: &'static str,
    rows: &'static str,
    lab: fn(usize) -> String,
}

const SUBJECTS: [Subject; 2] = [
    Subject {
        name: "secret-server",
        rows: "secrets",
        lab: secrets,
    },
    Subject {
        name: "password-safe",
        rows: "accounts",
        lab: accounts,
    },
];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let starts = words.iter().find_map(|word| word.parse().ok());
    let starts: usize = starts.unwrap_or(STARTS).max(1);
    let chosen = |name: &str| {
        let mut names = words.iter().filter(|word| word.parse::<usize>().is_err());
        let any = names.clone().next().is_some();
        !any || names.any(|word| name.contains(word.as_str()))
    };
    println!(
        "{:<26} {:>9} {:>18} {:>9} {:>9} {:>11}",
        "lab", "ready ms", "(least to most)", "goal ms", "RSS MiB", "bytes a row"
    );
    for subject in SUBJECTS.iter().filter(|subject| chosen(subject.name)) {
        let mut few = None;
        for rows in SIZES {
            let memory = started(subject, rows, starts, few);
            few.get_or_insert(memory);
        }
    }
    if chosen("searches") {
        searches();
    }
}

/// Starts the simulator several times, and gives its own memory in bytes.
fn started(subject: &Subject, rows: usize, starts: usize, few: Option<u64>) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lab.toml");
    std::fs::write(&file, (subject.lab)(rows)).unwrap();
    let mut runs: Vec<(u64, Memory)> = (0..starts).map(|_| run(subject, &file)).collect();
    runs.sort_by_key(|(us, _)| *us);
    let ms = |place: usize| runs[place].0 as f64 / 1e3;
    let memory = runs[starts / 2].1;
    let each = few.map(|few| memory.own.saturating_sub(few) / rows as u64);
    println!(
        "{:<26} {:>9.0} {:>18} {:>9} {:>9.1} {:>11}",
        format!("{} {rows} {}", subject.name, subject.rows),
        ms(starts / 2),
        format!("({:.0} to {:.0})", ms(0), ms(starts - 1)),
        if rows == 0 { 15 } else { 500 },
        memory.resident as f64 / 1048576.0,
        each.map(|each| each.to_string()).unwrap_or_default(),
    );
    memory.own
}

fn run(subject: &Subject, lab: &Path) -> (u64, Memory) {
    let watch = Stopwatch::start();
    let running = Running::start(subject.name, lab);
    (watch.elapsed_us(), running.memory())
}

/// Searches of a vault with 100,000 secrets, without wire and sockets.
fn searches() {
    let text = secrets(100_000);
    let lab = Lab::read(Path::new("lab.toml"), &text).unwrap();
    let password = lab.password("alice", Seed(1)).unwrap();
    let now = SimTime::SCENARIO_START;
    let mut vault = lab.vault(Seed(1), now).unwrap();
    let log_on = state::Command::Authenticate {
        username: Some("alice".into()),
        password: Some(password.as_str().into()),
        organization: None,
        domain: None,
    };
    let Ok(Answer::Authenticate(token)) = vault.apply(log_on, now, HERE) else {
        panic!("alice cannot log on");
    };
    println!(
        "\n{:<40} {:>9} {:>9}",
        "search of 100000 secrets", "found", "µs"
    );
    let machine = "srv01234.site034.acme.example";
    for (name, search) in [
        ("a field's value", by_value(&token, "Machine", machine)),
        ("a part of the name", by_name(&token, "srv01234", None)),
        (
            "a part of the name, nobody's",
            by_name(&token, "nobody", None),
        ),
        (
            "a part of the name, in a folder",
            by_name(&token, "srv01", Some(3)),
        ),
        ("a folder", by_name(&token, "", Some(3))),
        ("a part of an exposed value", by_part(&token, "01234.SITE")),
    ] {
        tell(&mut vault, name, &search);
    }
}

fn tell(vault: &mut Vault, name: &str, search: &state::Command) {
    let times = (0..20).map(|_| {
        let command = search.clone();
        let watch = Stopwatch::start();
        let answer = vault.apply(command, SimTime::SCENARIO_START, HERE);
        let us = watch.elapsed_us();
        let Ok(Answer::SearchSecrets(found)) = answer else {
            panic!("{name}: {answer:?}");
        };
        (us, found.len())
    });
    let (us, found) = times.min().unwrap();
    println!("{name:<40} {found:>9} {us:>9}");
}

fn by_value(token: &SecretText, field: &str, value: &str) -> state::Command {
    state::Command::SearchSecretsByFieldValue {
        token: Some(token.clone()),
        field_name: Some(field.into()),
        search_term: Some(value.into()),
        show_deleted: false,
        show_restricted: true,
    }
}

fn by_name(token: &SecretText, part: &str, folder: Option<i32>) -> state::Command {
    state::Command::SearchSecretsByFolder {
        token: Some(token.clone()),
        search_term: Some(part.into()),
        folder_id: folder,
        include_sub_folders: false,
        include_deleted: Some(false),
        include_restricted: Some(true),
    }
}

fn by_part(token: &SecretText, part: &str) -> state::Command {
    state::Command::SearchSecretsByExposedValues {
        token: Some(token.clone()),
        search_term: Some(part.into()),
        show_deleted: false,
        show_restricted: true,
        show_partial_matches: true,
    }
}
