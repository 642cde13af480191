//! The one way out: everything that a command of the lab prints goes through [`Output`].
//!
//! What is printed is built without secrets in the first place. This is the second line of
//! defence: a line that holds a planted secret in any form is withheld, and the run ends with
//! [`crate::outcome::exit::SAFETY`].

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::leak::{Leak, Scanner};

/// What stands for a secret that exists: its length is not told.
pub const MASK: &str = "********";

/// A line sink that lets no planted secret pass.
pub struct Output {
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    scanner: Scanner,
    leaks: Vec<Leak>,
}

impl Output {
    /// A sink over `out`, and `err` for complaints, that knows the canary mark only;
    /// [`Output::watch`] teaches it the rest.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        let (scanner, leaks) = (Scanner::new([]), Vec::new());
        Self {
            inner: Mutex::new(Inner {
                out,
                err,
                scanner,
                leaks,
            }),
        }
    }

    /// Standard output and standard error; colours only where a terminal shows them.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(
            Box::new(anstream::AutoStream::auto(std::io::stdout())),
            Box::new(anstream::AutoStream::auto(std::io::stderr())),
        )
    }

    /// Looks for the secrets of `scanner` from now on.
    pub fn watch(&self, scanner: Scanner) {
        self.lock().scanner = scanner;
    }

    /// Prints one or several lines on standard output. A line that holds a planted secret is
    /// replaced by a notice. A closed output is not an error: whoever read it has seen enough.
    pub fn say(&self, text: &str) {
        let mut inner = self.lock();
        let safe = inner.without_secrets(text);
        let _ = inner
            .out
            .write_all(safe.as_bytes())
            .and_then(|()| inner.out.flush());
    }

    /// Prints on standard error, under the same rules as [`Output::say`].
    pub fn complain(&self, text: &str) {
        let mut inner = self.lock();
        let safe = inner.without_secrets(text);
        let _ = inner
            .err
            .write_all(safe.as_bytes())
            .and_then(|()| inner.err.flush());
    }

    /// Every leak that was withheld so far.
    #[must_use]
    pub fn leaks(&self) -> Vec<Leak> {
        self.lock().leaks.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The lines of `text`, each with its end; those with a planted secret withheld and counted.
    fn without_secrets(&mut self, text: &str) -> String {
        let mut safe = String::new();
        // An empty text is an empty line.
        for line in text.lines().chain(text.is_empty().then_some("")) {
            let leaks = self.scanner.scan("the lab's own output", line.as_bytes());
            safe.push_str(if leaks.is_empty() {
                line
            } else {
                "[withheld: a planted secret]"
            });
            safe.push('\n');
            self.leaks.extend(leaks);
        }
        safe
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sim_kit::seeded::Seed;
    use zeroize::Zeroizing;

    use super::*;
    use crate::leak::Planted;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }

    #[test]
    fn a_line_with_a_planted_secret_is_withheld_and_counted() {
        let page = Page::default();
        let errors = Page::default();
        let output = Output::new(Box::new(page.clone()), Box::new(errors.clone()));
        let known = "correct horse battery";
        output.watch(Scanner::new([Planted::new(
            "p",
            Zeroizing::new(known.to_owned()),
        )]));
        output.say("first");
        output.say(&format!("one\nthe password is {known}\nthree"));
        output.say(&format!("and {}", Seed(1).canary("x")));
        assert_eq!(
            page.text(),
            "first\none\n[withheld: a planted secret]\nthree\n[withheld: a planted secret]\n"
        );
        output.complain(&format!("failed with {known}"));
        assert_eq!(errors.text(), "[withheld: a planted secret]\n");
        assert_eq!(output.leaks().len(), 3);
    }
}
