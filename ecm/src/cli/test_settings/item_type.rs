//! The type of a Jump Item as it is typed: by its name, or by its label in the form.

use ecm::plugin::JumpItemType;

/// Labels whose letters are not those of the name.
const LABELS: [(&str, JumpItemType); 3] = [
    ("RDP + SecureApp", JumpItemType::SecureApp),
    ("Protocol Tunnel Jump", JumpItemType::ProtocolTunnel),
    ("Intel vPro", JumpItemType::Vpro),
];

/// How alike a name must be to be suggested, from 0 (nothing) to 1 (equal).
const SUGGESTION_SIMILARITY_MIN: f64 = 0.85;

/// The type that is meant, whatever the case, the spaces and the hyphens.
///
/// # Errors
/// There is none: the names, and the nearest one.
pub(super) fn jump_item_type(typed: &str) -> Result<JumpItemType, String> {
    let wanted = letters(typed);
    let labelled = |kind: &JumpItemType| letters(kind.name()) == wanted;
    if let Some(kind) = JumpItemType::ALL.into_iter().find(labelled) {
        return Ok(kind);
    }
    if let Some((_, kind)) = LABELS.iter().find(|(label, _)| letters(label) == wanted) {
        return Ok(*kind);
    }
    let names = JumpItemType::ALL.map(JumpItemType::name);
    let scored = names
        .iter()
        .map(|name| (strsim::jaro_winkler(&letters(name), &wanted), name));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0));
    let near = best.filter(|(score, _)| *score >= SUGGESTION_SIMILARITY_MIN);
    let hint = near.map_or(String::new(), |(_, name)| {
        format!("did you mean {name}? It ")
    });
    Err(format!("{hint}must be one of {}", names.join(", ")))
}

/// What is left of a name when only its letters and digits count.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_name_and_by_its_label_in_any_case() {
        for kind in JumpItemType::ALL {
            assert_eq!(jump_item_type(kind.name()), Ok(kind));
            let label = kind.name().replace('_', " ").to_uppercase();
            assert_eq!(jump_item_type(&label), Ok(kind));
        }
        for (typed, kind) in [
            ("Remote RDP", JumpItemType::RemoteRdp),
            ("remote-rdp", JumpItemType::RemoteRdp),
            ("RDP + SecureApp", JumpItemType::SecureApp),
            ("protocol tunnel jump", JumpItemType::ProtocolTunnel),
            ("Intel vPro", JumpItemType::Vpro),
        ] {
            assert_eq!(jump_item_type(typed), Ok(kind), "{typed}");
        }
    }

    #[test]
    fn a_misspelt_type_is_refused_with_the_nearest_one() {
        let near = jump_item_type("Remote RPD").unwrap_err();
        assert!(near.starts_with("did you mean remote_rdp? It must be one of jump_client, "));
        let far = jump_item_type("teleport").unwrap_err();
        assert!(far.starts_with("must be one of jump_client, "), "{far}");
    }
}
