//! Everything that the parties log in this process, kept so that the leak scan can read it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Older text goes when there is more than this.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The log of this process. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Tape {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    text: Vec<u8>,
    /// Bytes that went already.
    gone: usize,
}

impl Tape {
    /// The tape of this process. The first call starts it: from then on every log line of our own
    /// packages, down to the finest level, is kept.
    pub(super) fn of_this_process() -> Self {
        static TAPE: OnceLock<Tape> = OnceLock::new();
        let tape = TAPE.get_or_init(|| {
            let tape = Self::default();
            let ours = "ecm=trace,ecm_lab=trace,sim_kit=trace,mock_appliance=trace,\
                        mock_secret_server=trace,mock_password_safe=trace,warn";
            // A program that has its own subscriber keeps it; then there is nothing to read here.
            let _ = tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new(ours))
                .with_ansi(false)
                .with_writer(tape.clone())
                .try_init();
            tape
        });
        tape.clone()
    }

    /// How much was ever written.
    pub(super) fn position(&self) -> usize {
        let inner = self.lock();
        inner.gone + inner.text.len()
    }

    /// What was written since `position`.
    pub(super) fn since(&self, position: usize) -> Vec<u8> {
        let inner = self.lock();
        let from = position.saturating_sub(inner.gone).min(inner.text.len());
        inner.text[from..].to_vec()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.lock();
        inner.text.extend_from_slice(bytes);
        if inner.text.len() > BYTES_MAX {
            let half = inner.text.len() / 2;
            inner.text.drain(..half);
            inner.gone += half;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Tape {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tape_is_read_from_a_position_and_is_bounded() {
        let mut tape = Tape::default();
        tape.write_all(b"one ").unwrap_or_default();
        let position = tape.position();
        tape.write_all(b"two").unwrap_or_default();
        assert_eq!(tape.since(position), b"two");
        tape.write_all(&vec![b'x'; BYTES_MAX]).unwrap_or_default();
        assert!(tape.since(0).len() <= BYTES_MAX);
        assert_eq!(tape.position(), 7 + BYTES_MAX);
    }
}
