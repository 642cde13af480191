//! Paths of the installation: what a lab writes becomes a path that can be met, or is refused.

use serde::{Deserialize as _, Deserializer, de};

/// The path with one slash in front and none at the end; nothing stays nothing, the site's root.
/// `None` when a browser would write it otherwise.
pub(crate) fn rooted(text: &str) -> Option<String> {
    let mut path = String::new();
    for name in text.trim().split('/').filter(|name| !name.is_empty()) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !name.bytes().all(plain) || name == "." || name == ".." {
            return None;
        }
        path.push('/');
        path.push_str(name);
    }
    Some(path)
}

/// Reads a virtual directory; an empty one is the site's root.
pub(crate) fn directory<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    rooted(&String::deserialize(from)?).ok_or_else(|| {
        de::Error::custom(
            "a virtual directory is made of letters, digits, `-`, `.`, `_` and `~`; \
             write /SecretServer, or nothing for the site's root",
        )
    })
}

/// Reads the path of a page, which has a name.
pub(crate) fn page<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    rooted(&String::deserialize(from)?)
        .filter(|path| !path.is_empty())
        .ok_or_else(|| {
            de::Error::custom(
                "the path of a page is made of letters, digits, `-`, `.`, `_`, `~` and `/`, \
                 without a query; write /ManageApplications.aspx",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_its_slash_or_is_refused() {
        for (written, path) in [
            ("vault", Some("/vault")),
            ("/vault/", Some("/vault")),
            ("a//b", Some("/a/b")),
            ("", Some("")),
            ("/", Some("")),
            ("Tools.aspx", Some("/Tools.aspx")),
            ("my vault", None),
            ("Tools.aspx?x=1", None),
            ("\\vault", None),
            ("a/../b", None),
            ("tresor-ä", None),
        ] {
            assert_eq!(rooted(written).as_deref(), path, "{written}");
        }
    }
}
