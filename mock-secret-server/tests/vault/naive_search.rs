//! Every search against its definition, written down without an index: walk over all secrets and
//! look.

use mock_secret_server::settings::Settings;
use mock_secret_server::state::{
    Answer, Command, Contents, Level, NewFolder, NewSecret, NewUser, NewValue, Operate, SecretText,
};
use proptest::prelude::*;

use crate::fixture::Bench;

/// Folders by place: number, path, and whether `alice` may view it; the second lies in the first
/// and has permissions of its own.
const FOLDERS: [(i32, &str, bool); 3] = [(2, "A", true), (3, "A/B", false), (4, "C", true)];
const FIELDS: [&str; 4] = ["Machine", "Username", "Password", "Notes"];
const EXPOSED: [&str; 2] = ["Machine", "Username"];

#[derive(Clone, Debug)]
struct Plan {
    name: String,
    values: [String; 4],
    folder: Option<usize>,
    own: Option<bool>,
    active: bool,
    comment: bool,
}

#[derive(Clone, Debug)]
struct Ask {
    kind: usize,
    field: String,
    term: String,
    deleted: bool,
    restricted: bool,
    folder: Option<i32>,
    below: bool,
    /// A secret that is deleted, or comes back, before.
    toggled: Option<usize>,
}

fn contents(plans: &[Plan]) -> Contents {
    let mut contents = Contents::default().with_user(NewUser::local("alice").password("pw"));
    for (_, path, seen) in FOLDERS {
        let folder = NewFolder::new(path).grant("alice", Level::View);
        contents = contents.with_folder(if seen {
            folder
        } else {
            NewFolder {
                permissions: Some(Vec::new()),
                ..folder
            }
        });
    }
    for (id, plan) in (1..).zip(plans) {
        let mut secret = NewSecret::new(&plan.name, "Windows Account").id(id);
        for (field, value) in FIELDS.iter().zip(&plan.values) {
            let value = match *field {
                "Password" => NewValue::Password(value.as_str().into()),
                _ => NewValue::Text(value.clone()),
            };
            secret.items.push(((*field).to_owned(), value));
        }
        secret.folder = plan.folder.map(|place| FOLDERS[place].1.to_owned());
        secret.active = plan.active;
        secret.rules.comment = plan.comment;
        match plan.own {
            Some(true) => secret = secret.grant("alice", Level::View),
            Some(false) => secret.permissions = Some(Vec::new()),
            None => {}
        }
        contents.secrets.push(secret);
    }
    contents
}

fn small(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn is_in(text: &str, part: &str) -> bool {
    part.is_empty() || text.to_lowercase().contains(&part.to_lowercase())
}

fn is_like(text: &str, pattern: &str) -> bool {
    let mut behind = pattern.chars();
    let rest = |text: &str| {
        let mut rest = text.chars();
        rest.next().map(|first| (first, rest.as_str().to_owned()))
    };
    match behind.next() {
        None => text.is_empty(),
        Some('%') => {
            is_like(text, behind.as_str())
                || rest(text).is_some_and(|(_, rest)| is_like(&rest, pattern))
        }
        Some(one) => rest(text).is_some_and(|(first, rest)| {
            (one == '_' || one == first) && is_like(&rest, behind.as_str())
        }),
    }
}

/// What the search must find.
fn expected(plans: &[Plan], ask: &Ask, settings: &Settings) -> Vec<i32> {
    let term = if settings.search_trims_term {
        ask.term.trim()
    } else {
        &ask.term
    };
    let same = |text: &str| {
        if settings.search_wildcards && term.contains(['%', '_']) {
            let (text, pattern) = if settings.search_case_sensitive {
                (text.to_owned(), term.to_owned())
            } else {
                (small(text), small(term))
            };
            is_like(&text, &pattern)
        } else if settings.search_case_sensitive {
            text == term
        } else {
            small(text) == small(term)
        }
    };
    let part = |text: &str| {
        if settings.search_case_sensitive {
            text.contains(term)
        } else {
            is_in(text, term)
        }
    };
    // An empty field has no value to find.
    let any = |plan: &Plan, looked_at: &dyn Fn(&str) -> bool, holds: &dyn Fn(&str) -> bool| {
        let mut fields = FIELDS.iter().zip(&plan.values);
        fields.any(|(field, value)| {
            *field != "Password" && looked_at(field) && !value.is_empty() && holds(value)
        })
    };
    let named = |field: &str| small(field) == small(&ask.field);
    let exposed = |field: &str| EXPOSED.contains(&field);
    let fits = |plan: &Plan| match ask.kind {
        0 => any(plan, &named, &same),
        1 => part(&plan.name) || settings.search_indexed_fields && any(plan, &exposed, &part),
        2 => any(plan, &|field| exposed(field) && named(field), &same),
        3 => any(plan, &|field| exposed(field) && named(field), &part),
        4 => any(plan, &exposed, &same),
        _ => any(plan, &exposed, &part),
    };
    let seen = |plan: &Plan| {
        plan.own
            .unwrap_or_else(|| plan.folder.is_some_and(|place| FOLDERS[place].2))
    };
    let lies = |plan: &Plan| match (ask.kind, ask.folder) {
        (1, Some(id)) => {
            let at = plan.folder.map_or(-1, |place| FOLDERS[place].0);
            let above = match at {
                3 => vec![2, -1],
                2 | 4 => vec![-1],
                _ => Vec::new(),
            };
            at == id || ask.below && above.contains(&id)
        }
        _ => true,
    };
    let all = (1..).zip(plans).filter(|(_, plan)| {
        (plan.active || ask.deleted)
            && (!plan.comment || ask.restricted)
            && seen(plan)
            && lies(plan)
            && fits(plan)
    });
    all.map(|(id, _)| id).collect()
}

fn command(ask: &Ask, token: Option<SecretText>) -> Command {
    let (field_name, search_term) = (Some(ask.field.clone()), Some(ask.term.clone()));
    let (show_deleted, show_restricted) = (ask.deleted, ask.restricted);
    match ask.kind {
        0 => Command::SearchSecretsByFieldValue {
            token,
            field_name,
            search_term,
            show_deleted,
            show_restricted,
        },
        1 => Command::SearchSecretsByFolder {
            token,
            search_term,
            folder_id: ask.folder,
            include_sub_folders: ask.below,
            include_deleted: Some(show_deleted),
            include_restricted: Some(show_restricted),
        },
        2 | 3 => Command::SearchSecretsByExposedFieldValue {
            token,
            field_name,
            search_term,
            show_deleted,
            show_restricted,
            show_partial_matches: ask.kind == 3,
        },
        _ => Command::SearchSecretsByExposedValues {
            token,
            search_term,
            show_deleted,
            show_restricted,
            show_partial_matches: ask.kind == 5,
        },
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[aAbB]{0,3}",
        1 => "[aÄäßkK\u{212a} ]{0,3}",
        1 => "[aΣσςİi]{0,3}",
        1 => "[aB%_]{0,3}",
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let values = [word(), word(), word(), word()];
    let folder = prop::option::weighted(0.9, 0..FOLDERS.len());
    let own = prop::option::weighted(0.3, any::<bool>());
    (
        word(),
        values,
        folder,
        own,
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(name, values, folder, own, active, comment)| Plan {
            name,
            values,
            folder,
            own,
            active,
            comment,
        })
}

fn ask() -> impl Strategy<Value = Ask> {
    let field = prop::sample::select(vec![
        "Machine", "MACHINE", "username", "Password", "Notes", "Nope", "",
    ]);
    let folder = prop::sample::select(vec![None, Some(-1), Some(2), Some(3), Some(4), Some(9)]);
    (
        0..6_usize,
        field,
        word(),
        any::<bool>(),
        any::<bool>(),
        folder,
        any::<bool>(),
        prop::option::weighted(0.3, 0..12_usize),
    )
        .prop_map(
            |(kind, field, term, deleted, restricted, folder, below, toggled)| Ask {
                kind,
                field: field.to_owned(),
                term,
                deleted,
                restricted,
                folder,
                below,
                toggled,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_its_definition_says(
        mut plans in prop::collection::vec(plan(), 0..12),
        asks in prop::collection::vec(ask(), 1..12),
        search_case_sensitive: bool,
        search_trims_term: bool,
        search_indexed_fields: bool,
        search_wildcards: bool,
    ) {
        let mut contents = contents(&plans);
        contents.settings.search_case_sensitive = search_case_sensitive;
        contents.settings.search_trims_term = search_trims_term;
        contents.settings.search_indexed_fields = search_indexed_fields;
        contents.settings.search_wildcards = search_wildcards;
        let settings = contents.settings.clone();
        let mut bench = Bench::of(contents);
        let token = bench.token("alice");
        for ask in &asks {
            if let Some((id, plan)) = ask.toggled.and_then(|at| (1..).zip(&mut plans).nth(at)) {
                plan.active = !plan.active;
                let act = Operate::SetSecretActive { secret_id: id, active: plan.active };
                bench.vault.operate(act, bench.now).unwrap();
            }
            let found = match bench.call(command(ask, token.clone())) {
                Ok(Answer::SearchSecrets(found)) => found,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let found: Vec<i32> = found.iter().map(|one| one.secret_id).collect();
            prop_assert_eq!(found, expected(&plans, ask, &settings), "{:?}", ask);
        }
    }
}
