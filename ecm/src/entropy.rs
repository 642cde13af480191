//! The one file of this package that draws random bytes; all of them come from the system.

/// Fills `out` with random bytes fit for keys and nonces.
///
/// # Errors
/// The system's source failed; nothing that needs secrecy may go on.
pub fn fill(out: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(out).map_err(std::io::Error::other)
}

/// A number from 0 (included) to 1 (excluded), for jitter only: when the system has no randomness
/// it answers 0.5, since a wait without jitter is better than none.
#[must_use]
pub fn fraction() -> f64 {
    let mut bytes = [0_u8; 4];
    match fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fraction_is_at_least_zero_and_below_one() {
        for _ in 0..1_000 {
            let drawn = super::fraction();
            assert!((0.0..1.0).contains(&drawn), "{drawn}");
        }
    }
}
