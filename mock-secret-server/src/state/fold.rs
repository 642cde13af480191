//! Comparing texts without regard to case, as the vendor's database does (assumed soap:§3.1).
//!
//! A search walks over 100,000 names, so two ASCII texts are compared without a copy of either.

/// Whether two texts are the same but for case.
pub(super) fn same_folded(left: &str, right: &str) -> bool {
    if left.len() == right.len() && left.eq_ignore_ascii_case(right) {
        true
    } else if left.is_ascii() && right.is_ascii() {
        false
    } else {
        left.chars()
            .flat_map(char::to_lowercase)
            .eq(right.chars().flat_map(char::to_lowercase))
    }
}

/// Whether `text` contains `part`, without regard to case.
pub(super) fn contains_folded(text: &str, part: &str) -> bool {
    Part::new(part).is_in(text)
}

/// A text to be found within others.
#[derive(Debug)]
pub(super) struct Part<'a> {
    part: &'a str,
    is_ascii: bool,
}

impl<'a> Part<'a> {
    pub(super) fn new(part: &'a str) -> Self {
        Self {
            part,
            is_ascii: part.is_ascii(),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.part
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        // Some letters beyond ASCII have a small letter within it, so that only two ASCII texts
        // may be compared byte by byte.
        let by_bytes = self.is_ascii.then(|| self.is_in_ascii(text.as_bytes()));
        by_bytes
            .flatten()
            .unwrap_or_else(|| text.to_lowercase().contains(&self.part.to_lowercase()))
    }

    /// `None` when the text goes beyond ASCII. A plain loop: it runs over every name of a vault,
    /// also where nothing has been optimised.
    fn is_in_ascii(&self, text: &[u8]) -> Option<bool> {
        let part = self.part.as_bytes();
        let Some(first) = part.first() else {
            return Some(true);
        };
        // The bit that makes a letter small. Of another byte it may make a false start, which the
        // whole comparison finds out.
        let small = if first.is_ascii_alphabetic() { 0x20 } else { 0 };
        let first = first | small;
        let mut at = 0;
        while at < text.len() {
            let byte = text[at];
            if byte >= 0x80 {
                return None;
            }
            if byte | small == first
                && text.len() - at >= part.len()
                && text[at..at + part.len()].eq_ignore_ascii_case(part)
            {
                return Some(true);
            }
            at += 1;
        }
        Some(false)
    }
}

/// Whether `text` has the shape of `pattern`, in which `%` stands for any characters and `_` for
/// one.
pub(super) fn is_like(text: &str, pattern: &str, by_case: bool) -> bool {
    let folded = |text: &str| -> Vec<char> {
        if by_case {
            text.chars().collect()
        } else {
            text.chars().flat_map(char::to_lowercase).collect()
        }
    };
    let (text, pattern) = (folded(text), folded(pattern));
    let (mut at, mut want) = (0, 0);
    // Where to go on when what follows the last `%` does not fit here.
    let mut again: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(want) {
            Some('%') => {
                again = Some((at, want + 1));
                want += 1;
            }
            Some(&one) if one == '_' || one == text[at] => {
                at += 1;
                want += 1;
            }
            _ => {
                let Some((tried, behind)) = again else {
                    return false;
                };
                again = Some((tried + 1, behind));
                (at, want) = (tried + 1, behind);
            }
        }
    }
    pattern[want..].iter().all(|&one| one == '%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_compared_without_regard_to_case() {
        for (left, right, same) in [
            ("srv01", "SRV01", true),
            ("ÄRGER", "ärger", true),
            ("srv01", "srv02", false),
            ("srv", "srv01", false),
            ("", "", true),
        ] {
            assert_eq!(same_folded(left, right), same, "{left} {right}");
        }
        assert!(contains_folded("web01 Administrator", "ADMIN"));
        assert!(contains_folded("anything", ""));
        assert!(!contains_folded("web01", "web02"));
        assert!(!contains_folded("{}@[]", "[@"), "no letters, no case");
        assert!(contains_folded("100 k", "\u{212a}"), "the sign of Kelvin");
    }

    #[test]
    fn a_pattern_takes_any_characters_and_one() {
        for (text, pattern, like) in [
            ("web01", "WEB%", true),
            ("web01", "%0_", true),
            ("web01", "web_", false),
            ("web01", "w%b%1", true),
            ("web01", "%2%", false),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
            ("ÄRGER", "är%", true),
        ] {
            assert_eq!(is_like(text, pattern, false), like, "{text} {pattern}");
        }
        assert!(!is_like("web01", "WEB%", true));
    }

    /// Texts in which parts of each other are likely.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[aAbB@`\\[{ ]{0,8}",
            "[aAkKσΣςßäÄİi\u{212a}]{0,5}",
            any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn containing_is_what_the_standard_library_says_of_small_letters(
            text in text(),
            other in text(),
            from in 0..8_usize,
            length in 0..8_usize,
        ) {
            let naive = |text: &str, part: &str| {
                part.is_empty() || text.to_lowercase().contains(&part.to_lowercase())
            };
            let within: String = text.chars().skip(from).take(length).collect();
            for part in [&other, &within, &within.to_uppercase()] {
                prop_assert_eq!(contains_folded(&text, part), naive(&text, part));
            }
        }

        #[test]
        fn being_the_same_is_having_the_same_small_letters(left in text(), right in text()) {
            let naive = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
            for right in [&right, &left.to_uppercase(), &left.to_lowercase()] {
                prop_assert_eq!(same_folded(&left, right), naive(&left) == naive(right));
            }
        }
    }
}
