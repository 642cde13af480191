//! Digests that the product computes: the hash of a file, and one-time codes (RFC 6238).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use sim_kit::clock::SimTime;

use crate::secret::Secret;

/// Seconds that a one-time code lives. `assumed psafe:§2.12`, as everybody has it.
pub(crate) const TOTP_PERIOD_S: i64 = 30;

/// SHA-256 in hexadecimal digits: which hash the product shows is assumed.
pub(crate) fn file_hash(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The one-time code of six digits at a time. Nothing when the seed is not base32.
pub(crate) fn totp(seed: &Secret, now: SimTime) -> Option<String> {
    let key = base32(seed.expose())?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let counter = now.unix_s().div_euclid(TOTP_PERIOD_S);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last()? & 0x0f);
    let word: [u8; 4] = tag.get(at..at + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000;
    Some(format!("{number:06}"))
}

/// The seed in an `otpauth://` URI, or the text itself.
pub(crate) fn totp_seed(text: &str) -> Option<Secret> {
    let seed = match text.strip_prefix("otpauth://") {
        Some(uri) => uri
            .split(['?', '&'])
            .find_map(|pair| pair.strip_prefix("secret="))?,
        None => text,
    };
    base32(seed)
        .filter(|bytes| !bytes.is_empty())
        .map(|_| Secret::new(seed.to_owned()))
}

/// Decodes base32 of RFC 4648 with or without padding and blanks.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for c in text.trim_end_matches('=').chars().filter(|c| *c != ' ') {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => u32::from(c) - u32::from('A'),
            c @ '2'..='7' => u32::from(c) - u32::from('2') + 26,
            _ => return None,
        };
        held = (held << 5 | value) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_time_codes_are_those_of_the_standard() {
        let seed = totp_seed("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
        ] {
            assert_eq!(totp(&seed, SimTime(second * 1000)).as_deref(), Some(code));
        }
        let uri =
            totp_seed("otpauth://totp/x?issuer=y&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&z=1");
        assert!(uri.unwrap().matches(seed.expose()));
        assert!(totp_seed("not base 32!").is_none() && totp_seed("").is_none());
    }

    #[test]
    fn a_file_has_the_hash_that_everybody_gets() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(file_hash(b""), empty);
    }
}
