//! The awkward profile: other bytes, the same meaning, for results and faults alike.

use crate::rig::{PATH, Rig, contents};
use mock_secret_server::state::{Level, NewFolder, NewUser};

/// Expanded names and texts of the leaves, as a second parser reads them; nulls left out.
fn meaning(document: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(document).unwrap();
    let mut leaves = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let is_nil = node.attributes().any(|attribute| attribute.name() == "nil");
        if is_nil || node.children().any(|child| child.is_element()) {
            continue;
        }
        let mut text: String = node.children().filter_map(|child| child.text()).collect();
        // A code is a name: its prefix stands for a namespace.
        if let Some((prefix, local)) = text.split_once(':')
            && let Some(uri) = node.lookup_namespace_uri(Some(prefix))
        {
            text = format!("{{{uri}}}{local}");
        }
        let name = node.tag_name();
        let uri = name.namespace().unwrap_or("");
        leaves.push(format!("{{{uri}}}{} {text}", name.name()));
    }
    leaves
}

#[test]
fn awkward_faults_mean_what_plain_ones_mean() {
    let plain = Rig::start();
    let mut forms = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let odd = Rig::protocol(|protocol| protocol.awkward_seed = Some(seed));
        for rig_call in [
            |rig: &Rig| rig.call("Nope", ""),
            |rig: &Rig| rig.call("CheckIn", "<secretId>abc</secretId>"),
            |rig: &Rig| rig.send("POST", PATH, &["Content-Type: text/xml"], b"<foo/>"),
        ] {
            let (plain, odd) = (rig_call(&plain), rig_call(&odd));
            assert_eq!(plain.status, odd.status);
            assert_eq!(meaning(&plain.body), meaning(&odd.body), "{}", odd.body);
            forms.insert(odd.body);
        }
    }
    assert!(forms.len() > 18, "only {} forms", forms.len());
}

#[test]
fn every_list_whose_order_means_nothing_comes_in_another_order() {
    let rich = || {
        let mut contents = contents();
        for n in 0..8 {
            contents = contents
                .with_user(NewUser::local(&format!("user{n}")).password("pw"))
                .with_folder(NewFolder::new(&format!("Folder {n}")).grant("api", Level::Owner));
        }
        contents
    };
    let start = |seed| {
        Rig::with(|builder| {
            let protocol = mock_secret_server::config::Protocol {
                awkward_seed: seed,
                ..Default::default()
            };
            builder.contents(rich()).protocol(protocol)
        })
    };
    let (plain, odd) = (start(None), start(Some(5)));
    for operation in ["SearchUsers", "SearchFolders", "GetSecretTemplates"] {
        let rows = |rig: &Rig| {
            // A token may die early in this profile, so each try logs on anew.
            (0..20)
                .map(|_| {
                    let log_on = "<username>api</username><password>api&amp;pw</password>";
                    let reply = rig.call("Authenticate", log_on).body;
                    let leaves = meaning(&reply);
                    let token = leaves.iter().find_map(|leaf| leaf.split_once("}Token "));
                    let (_, token) = token.unwrap();
                    rig.call(operation, &format!("<token>{token}</token>")).body
                })
                .find(|body| !body.contains("expired token"))
                .map(|body| meaning(&body))
                .unwrap()
        };
        let (ordered, mut shuffled) = (rows(&plain), rows(&odd));
        assert!(ordered.len() > 10, "{operation}: {ordered:?}");
        assert_ne!(ordered, shuffled, "{operation}");
        let mut sorted = ordered;
        sorted.sort();
        shuffled.sort();
        assert_eq!(sorted, shuffled, "{operation}");
    }
}
