//! Looking for bytes that matter among many that do not.

/// As many bytes as a register of every processor of this kind holds, looked at together.
const TOGETHER: usize = 16;

/// Where the first byte stands that `stops`, which is best a test without branches.
pub(in crate::secret_server) fn position(
    bytes: &[u8],
    stops: impl Fn(u8) -> bool,
) -> Option<usize> {
    let mut passed = 0;
    for together in bytes.chunks_exact(TOGETHER) {
        if together.iter().fold(false, |any, byte| any | stops(*byte)) {
            break;
        }
        passed += TOGETHER;
    }
    let rest = bytes.get(passed..).unwrap_or_default();
    let within = rest.iter().position(|byte| stops(*byte))?;
    Some(passed + within)
}
