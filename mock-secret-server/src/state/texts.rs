//! Texts of many secrets, lower-cased and in one piece, so that a part of one is found by looking
//! through bytes that lie side by side.

use memchr::{memchr, memchr_iter, memmem};

use super::model::SecretSlot;

/// Behind each text. No text contains this byte, nor the other.
const TEXT_END: u8 = 0xff;
/// Behind the last text of each secret.
const SECRET_END: u8 = 0xfe;

#[derive(Debug, Default)]
pub(super) struct Texts(Vec<u8>);

impl Texts {
    /// Another text of the secret that comes next.
    pub(super) fn push(&mut self, text: &str) {
        if text.is_ascii() {
            let small = text.bytes().map(|byte| byte.to_ascii_lowercase());
            self.0.extend(small);
        } else {
            self.0.extend(text.to_lowercase().bytes());
        }
        self.0.push(TEXT_END);
    }

    /// That was the secret's last text.
    pub(super) fn end(&mut self) {
        self.0.push(SECRET_END);
    }

    /// That was the last secret.
    pub(super) fn complete(mut self) -> Self {
        self.0.shrink_to_fit();
        self
    }

    /// The secrets one of whose texts has `part` in it, without regard to case, in order. An empty
    /// part is none.
    pub(super) fn containing(&self, part: &str) -> Vec<SecretSlot> {
        let part = part.to_lowercase();
        let finder = memmem::Finder::new(&part);
        let mut found = Vec::new();
        let mut slot = SecretSlot(0);
        let mut rest = self.0.as_slice();
        while let Some(at) = finder.find(rest) {
            let (passed, from) = rest.split_at(at);
            for _ in memchr_iter(SECRET_END, passed) {
                slot.0 += 1;
            }
            found.push(slot);
            let Some(end) = memchr(SECRET_END, from) else {
                break;
            };
            slot.0 += 1;
            rest = &from[end + 1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fold::contains_folded;
    use super::*;

    fn texts(secrets: &[Vec<String>]) -> Texts {
        let mut all = Texts::default();
        for secret in secrets {
            secret.iter().for_each(|text| all.push(text));
            all.end();
        }
        all.complete()
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[aAbB ]{0,4}", "[aAkKσΣςßäÄİi\u{212a}]{0,4}"]
    }

    proptest! {
        #[test]
        fn a_part_is_found_where_one_text_has_it(
            secrets in prop::collection::vec(prop::collection::vec(text(), 0..3), 0..8),
            part in text(),
        ) {
            prop_assume!(!part.is_empty());
            let naive = (0..).zip(&secrets).filter(|(_, secret)| {
                secret.iter().any(|text| contains_folded(text, &part))
            });
            let naive: Vec<u32> = naive.map(|(slot, _)| slot).collect();
            let found = texts(&secrets).containing(&part);
            let found: Vec<u32> = found.into_iter().map(|slot| slot.0).collect();
            prop_assert_eq!(found, naive);
        }
    }
}
