//! Looking for bytes that matter among many that do not.

/// As many bytes are looked at together, which compilers do in few steps for a test of one byte
/// that has no branches.
const TOGETHER: usize = 32;

/// Where the first byte stands that `stops`.
#[inline]
pub(in crate::secret_server) fn position(
    bytes: &[u8],
    stops: impl Fn(u8) -> bool,
) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<TOGETHER>();
    let mut passed = 0;
    for chunk in chunks {
        let mut any = 0;
        for byte in chunk {
            any |= u8::from(stops(*byte));
        }
        if any != 0 {
            break;
        }
        passed += TOGETHER;
    }
    let rest = bytes.get(passed..).unwrap_or_default();
    let within = rest.iter().position(|byte| stops(*byte))?;
    Some(passed + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_found_wherever_it_stands() {
        for length in 0..3 * TOGETHER {
            let mut bytes = vec![b'x'; length];
            assert_eq!(position(&bytes, |byte| byte == b'<'), None);
            for at in (0..length).rev() {
                bytes[at] = b'<';
                assert_eq!(position(&bytes, |byte| byte == b'<'), Some(at));
            }
        }
    }
}
