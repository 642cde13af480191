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

/// Width that a story keeps to.
pub const COLUMNS: usize = 80;

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

    /// Prints one line of a story, wrapped at spaces to [`COLUMNS`] under its own indent. What is
    /// looked for is looked for in the whole line.
    pub fn tell(&self, line: &str) {
        let mut inner = self.lock();
        let safe = inner.without_secrets(line);
        let rows: String = safe.lines().flat_map(wrapped).collect();
        let _ = inner
            .out
            .write_all(rows.as_bytes())
            .and_then(|()| inner.out.flush());
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

/// The rows of a line, each with its end. Spaces stay as they are; a word that is too long has a row
/// of its own, so that an address can still be copied.
fn wrapped(line: &str) -> Vec<String> {
    let text = line.trim_start();
    let indent = line.chars().count() - text.chars().count();
    let mut rows = Vec::new();
    let mut row = " ".repeat(indent);
    let mut width = indent;
    for word in text.split_inclusive(' ') {
        let needed = word.trim_end().chars().count();
        if width + needed > COLUMNS && width > indent {
            rows.push(format!("{}\n", row.trim_end()));
            // Further in, so that it is not taken for a line of its own.
            width = indent + 2;
            row = " ".repeat(width);
        }
        row.push_str(word);
        width += word.chars().count();
    }
    rows.push(format!("{row}\n"));
    rows
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

    #[test]
    fn a_story_is_wrapped_and_a_secret_is_found_across_the_rows() {
        let page = Page::default();
        let output = Output::new(Box::new(page.clone()), Box::new(Page::default()));
        let known = "correct horse battery";
        output.watch(Scanner::new([Planted::new(
            "p",
            Zeroizing::new(known.to_owned()),
        )]));
        let address = format!("https://{}", "x".repeat(90));
        output.tell(&format!("   {} end", "seven77 ".repeat(9)));
        output.tell(&format!("   approve at {address}"));
        output.tell(&format!("   {} {known}", "x".repeat(65)));
        let rows =
            "   seven77 seven77 seven77 seven77 seven77 seven77 seven77 seven77 seven77  end";
        assert_eq!(
            page.text(),
            format!("{rows}\n   approve at\n     {address}\n[withheld: a planted secret]\n")
        );
        assert_eq!(output.leaks().len(), 1);
    }
}
