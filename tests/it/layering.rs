//! The house rules that a compiler does not check. The rules are pure functions over the sources,
//! so that each is also shown to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who may use whom inside the workspace, dev- and build-dependencies included.
const EDGES: [(&str, &[&str]); 6] = [
    ("ecm", &[]),
    (
        "ecm-lab",
        &[
            "ecm",
            "mock-appliance",
            "mock-password-safe",
            "mock-secret-server",
            "sim-kit",
        ],
    ),
    ("mock-appliance", &["sim-kit"]),
    ("mock-password-safe", &["sim-kit"]),
    ("mock-secret-server", &["sim-kit"]),
    ("sim-kit", &[]),
];

const FILE_LINES_MAX: usize = 500;
const MAIN_LINES_MAX: usize = 60;

type Edges = BTreeMap<String, BTreeSet<String>>;

#[test]
fn packages_use_only_whom_they_may() {
    let metadata = metadata();
    assert_eq!(
        wrong_edges(&edges(&metadata, &member_names(&metadata))),
        Vec::<String>::new()
    );
}

#[test]
fn cucumber_stays_in_the_root_package() {
    let users = edges(&metadata(), &BTreeSet::from(["cucumber".to_owned()]));
    let users: Vec<&String> = users
        .iter()
        .filter(|(_, uses)| !uses.is_empty())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(users, ["ecm-lab"]);
}

#[test]
fn one_tls_provider_is_built() {
    let tree = cargo(&["tree", "--workspace", "--prefix", "none", "--format", "{p}"]);
    let built = |name: &str| {
        tree.lines()
            .any(|line| line.starts_with(&format!("{name} v")))
    };
    assert!(built("aws-lc-rs"));
    assert!(!built("ring"), "ring beside aws-lc-rs panics at run time");
}

#[test]
fn every_source_keeps_the_house_rules() {
    let sources = sources(root());
    assert!(sources.len() > 20, "only {} sources found", sources.len());
    let broken: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| violations(path, text))
        .collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn each_rule_can_fail() {
    let long = "// x\n".repeat(FILE_LINES_MAX + 1);
    let excused = format!("//! Over 500 lines: one table, read in one go.\n{long}");
    let page = "fn x() {}\n".repeat(MAIN_LINES_MAX + 1);
    let table: &[(&str, &str, &str)] = &[
        ("ecm/src/link/wire.rs", &long, "lines"),
        ("ecm/src/link/wire.rs", &excused, ""),
        ("ecm/src/main.rs", &page, "a page"),
        (
            "sim-kit/src/control.rs",
            "use hyper::body::Incoming;",
            "hyper",
        ),
        ("sim-kit/src/serve/mod.rs", "use hyper::body::Incoming;", ""),
        (
            "ecm/src/vault_http.rs",
            "use hyper::body::Incoming;",
            "hyper",
        ),
        (
            "ecm/src/vault_http/http1.rs",
            "use hyper::body::Incoming;",
            "",
        ),
        ("ecm/tests/it/room.rs", "use hyper::body::Incoming;", ""),
        ("sim-kit/src/control.rs", "/// Never `hyper::` here.", ""),
        ("mock-x/src/state/mod.rs", "use std::sync::Mutex;", "state"),
        (
            "mock-x/src/state/token.rs",
            "let at = Instant::now();",
            "state",
        ),
        (
            "mock-x/src/state/token.rs",
            "use serde::Deserialize;",
            "state",
        ),
        (
            "mock-x/src/state/token.rs",
            "/// Knows no serde:: at all.",
            "",
        ),
        ("mock-x/src/ops.rs", "use serde::Deserialize;", ""),
        ("ecm/src/util.rs", "", "named"),
        ("ecm/src/plugin.rs", "use sim_kit::clock::SimClock;", "ecm"),
    ];
    for (path, text, rule) in table {
        let found = violations(Path::new(path), text);
        match *rule {
            "" => assert_eq!(found, Vec::<String>::new(), "{path}"),
            rule => assert!(
                found.len() == 1 && found[0].contains(rule),
                "{path}: {found:?}"
            ),
        }
    }
}

#[test]
fn a_wrong_edge_is_found() {
    let mut all: Edges = EDGES
        .iter()
        .map(|(name, uses)| {
            (
                (*name).to_owned(),
                uses.iter().map(|u| (*u).to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(wrong_edges(&all), Vec::<String>::new());
    all.get_mut("ecm").unwrap().insert("sim-kit".into());
    all.insert("newcomer".into(), BTreeSet::new());
    assert_eq!(
        wrong_edges(&all),
        [
            "ecm may not use sim-kit",
            "newcomer is not in the table of packages"
        ]
    );
}

fn violations(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let name = path.to_string_lossy().replace('\\', "/");
    let lines = text.lines().count();
    let code: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .collect();
    let uses = |word: &str| code.iter().any(|line| line.contains(word));
    let mut broken = Vec::new();
    let reason = text.lines().take_while(|line| line.starts_with("//"));
    if lines > FILE_LINES_MAX && !reason.into_iter().any(|line| line.contains("500 lines")) {
        broken.push(format!(
            "{shown}: {lines} lines, without a reason in its first comment"
        ));
    }
    if name.ends_with("src/main.rs") && lines > MAIN_LINES_MAX {
        broken.push(format!("{shown}: {lines} lines, and a main is a page"));
    }
    // Tests and benches play the other side of a connection.
    let is_product = !name.contains("tests/") && !name.starts_with("benches/");
    let may_name_hyper = !is_product
        || name.starts_with("sim-kit/src/serve")
        || name == "sim-kit/src/exchange.rs"
        || name.starts_with("ecm/src/vault_http/");
    if (uses("hyper::") || uses("hyper_util::")) && !may_name_hyper {
        broken.push(format!(
            "{shown}: names hyper, which stays in sim-kit's serve and exchange and in the ECM's vault_http"
        ));
    }
    if name.contains("/src/state/") {
        for word in [
            "tokio::",
            "hyper",
            "serde",
            "quick_xml",
            "Instant",
            "SystemTime",
            "Mutex",
            "RwLock",
            "rand::",
            "std::env",
            "schemars",
        ] {
            if uses(word) {
                broken.push(format!("{shown}: a state core does not know `{word}`"));
            }
        }
    }
    if name.starts_with("ecm/") && ["sim_kit", "mock_"].into_iter().any(uses) {
        broken.push(format!("{shown}: ecm knows no simulator"));
    }
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if ["util", "utils", "helper", "helpers", "manager", "common"].contains(&stem.as_str()) {
        broken.push(format!("{shown}: named after nothing"));
    }
    broken
}

fn wrong_edges(found: &Edges) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, uses) in found {
        let Some((_, allowed)) = EDGES.iter().find(|(package, _)| package == name) else {
            wrong.push(format!("{name} is not in the table of packages"));
            continue;
        };
        let extra = uses
            .iter()
            .filter(|other| !allowed.contains(&other.as_str()));
        wrong.extend(extra.map(|other| format!("{name} may not use {other}")));
    }
    wrong
}

/// For each package of the workspace, which of `wanted` it depends on in any way.
fn edges(metadata: &Value, wanted: &BTreeSet<String>) -> Edges {
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let names = dependencies
                .iter()
                .map(|d| d["name"].as_str().unwrap().to_owned());
            let name = package["name"].as_str().unwrap().to_owned();
            (name, names.filter(|other| wanted.contains(other)).collect())
        })
        .collect()
}

fn member_names(metadata: &Value) -> BTreeSet<String> {
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| package["name"].as_str().unwrap().to_owned())
        .collect()
}

fn metadata() -> Value {
    serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source of the workspace by its path from the root.
fn sources(root: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                left.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}
