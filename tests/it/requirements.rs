//! Every scenario says what it proves, and every requirement is proved or says why not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const THEMES: [&str; 4] = [
    "vault/delegated_trust.feature",
    "vault/endpoint_url.feature",
    "ecm/token_expiry.feature",
    "ecm/user_mapping.feature",
];

struct Scenario {
    file: String,
    name: String,
    tags: Vec<String>,
}

#[test]
fn scenarios_and_requirements_agree() {
    let broken = disagreements(&requirements(&read("requirements.toml")), &all_scenarios());
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn each_theme_that_the_customer_named_has_two_scenarios_or_more() {
    for theme in THEMES {
        let count = scenarios(theme, &read(theme)).len();
        assert!(count >= 2, "{theme} has {count}");
    }
}

#[test]
fn a_disagreement_is_found() {
    let table = requirements(
        "[[requirement]]\nid = 'A-1'\ntext = 't'\nsource = 'documented ecm:S001'\n\
         [[requirement]]\nid = 'A-2'\ntext = 't'\nsource = 'hearsay'\n\
         [[requirement]]\nid = 'A-3'\ntext = 't'\nsource = 'assumed ecm:§1'\nno_scenario = 'later'\n",
    );
    let feature = "Feature: f\n  @A-1 @A-3 @B-9\n  Scenario: one\n  Scenario: two\n";
    assert_eq!(
        disagreements(&table, &scenarios("f", feature)),
        [
            "f: one: @B-9 is not in requirements.toml",
            "f: two: says no requirement",
            "A-2 has no scenario and does not say why",
            "A-2: source `hearsay` has no provenance mark",
            "A-3 has a scenario and says that it has none",
        ]
    );
}

struct Requirement {
    source: String,
    no_scenario: Option<String>,
}

fn disagreements(table: &BTreeMap<String, Requirement>, scenarios: &[Scenario]) -> Vec<String> {
    let mut broken = Vec::new();
    for Scenario { file, name, tags } in scenarios {
        let ids = tags.iter().filter(|tag| tag.contains('-'));
        let unknown = ids.clone().filter(|tag| !table.contains_key(*tag));
        broken.extend(
            unknown.map(|tag| format!("{file}: {name}: @{tag} is not in requirements.toml")),
        );
        if ids.count() == 0 {
            broken.push(format!("{file}: {name}: says no requirement"));
        }
    }
    let proved: BTreeSet<&String> = scenarios.iter().flat_map(|s| &s.tags).collect();
    for (id, requirement) in table {
        match (proved.contains(id), &requirement.no_scenario) {
            (false, None) => broken.push(format!("{id} has no scenario and does not say why")),
            (true, Some(_)) => {
                broken.push(format!("{id} has a scenario and says that it has none"));
            }
            _ => {}
        }
        let mark = requirement.source.split(' ').next().unwrap_or_default();
        if !["documented", "vendor-client", "recorded", "assumed"].contains(&mark) {
            let source = &requirement.source;
            broken.push(format!("{id}: source `{source}` has no provenance mark"));
        }
    }
    broken
}

fn requirements(toml: &str) -> BTreeMap<String, Requirement> {
    let table: toml::Table = toml.parse().unwrap();
    let text = |row: &toml::Value, key: &str| row.get(key).map(|v| v.as_str().unwrap().to_owned());
    let rows = table["requirement"].as_array().unwrap();
    let by_id: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            assert!(text(row, "text").is_some(), "{row:?} has no text");
            let source = text(row, "source").unwrap_or_default();
            (
                text(row, "id").unwrap(),
                Requirement {
                    source,
                    no_scenario: text(row, "no_scenario"),
                },
            )
        })
        .collect();
    assert_eq!(by_id.len(), rows.len(), "an id stands twice");
    by_id
}

/// The scenarios of a feature file with their tags, read line by line.
fn scenarios(file: &str, text: &str) -> Vec<Scenario> {
    let mut found = Vec::new();
    let mut tags = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('@') {
            tags.extend(
                line.split_whitespace()
                    .map(|tag| tag.trim_start_matches('@').to_owned()),
            );
        } else if let Some((keyword, name)) = line.split_once(": ")
            && ["Scenario", "Scenario Outline"].contains(&keyword)
        {
            let (file, name) = (file.to_owned(), name.to_owned());
            found.push(Scenario {
                file,
                name,
                tags: std::mem::take(&mut tags),
            });
        }
    }
    found
}

fn all_scenarios() -> Vec<Scenario> {
    let mut found = Vec::new();
    for role in std::fs::read_dir(features())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        for file in std::fs::read_dir(&role).into_iter().flatten() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "feature")
            {
                let shown = path.strip_prefix(features()).unwrap().display().to_string();
                found.extend(scenarios(&shown, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 30, "only {} scenarios found", found.len());
    found
}

fn read(name: &str) -> String {
    std::fs::read_to_string(features().join(name)).unwrap()
}

fn features() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/features"))
}
