//! Lab files with very many rows in one table: `[[secret-server.secrets]]` a hundred thousand times.
//!
//! Reading such a document whole costs thirty times its size in memory and most of its time in
//! getting that. Rows do not depend on each other, so the text is cut between rows into pieces,
//! which are read one by one, on every core. Whatever the cut does not understand (strings over
//! several lines, rows that something else is wrong with) is read whole instead: that is slower,
//! means the same, and gives every error the line that it has.

mod plain;

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{ConfigError, read_section};

/// A shorter text is read whole.
const LONG_BYTES: usize = 512 * 1024;
/// A piece is at least as long, unless it is the last one.
const PIECE_BYTES: usize = 64 * 1024;
/// Rows in a piece, more or less.
const ROWS_GUESSED: usize = 512;

/// A table of a lab with one array that may be very long.
pub trait LongTable: DeserializeOwned {
    /// A row of the array as it stands in the text. What it borrows from there is not copied.
    type Read<'t>: Deserialize<'t>;
    /// A row as it is kept.
    type Row: Send;
    /// What a thread that reads rows remembers from one to the next.
    type Memory: Default;
    /// Key of the array.
    const ROWS: &'static str;
    /// Makes of a row what is kept of it.
    fn keep(read: Self::Read<'_>, memory: &mut Self::Memory) -> Self::Row;
    /// The rows read so far.
    fn rows(&mut self) -> &mut Vec<Self::Row>;
}

/// Reads one table of a lab file like [`read_section`], at a speed that suits many rows.
///
/// # Errors
/// As [`read_section`] has them.
pub fn read_long_section<T: LongTable>(
    path: &Path,
    text: &str,
    section: &str,
) -> Result<T, ConfigError> {
    let quick = (text.len() >= LONG_BYTES).then(|| in_pieces::<T>(path, text, section));
    match quick.flatten() {
        Some(table) => Ok(table),
        None => read_section(path, text, section),
    }
}

fn in_pieces<T: LongTable>(path: &Path, text: &str, section: &str) -> Option<T> {
    let Cut { rest, pieces } = cut(text, section, T::ROWS)?;
    if mentions(&rest, section, T::ROWS)? {
        return None;
    }
    let mut table: T = read_section(path, &rest, section).ok()?;
    let read = |piece: &str, memory: &mut T::Memory| rows::<T>(piece, memory, section);
    *table.rows() = all_rows(&pieces, read)?;
    Some(table)
}

/// A document, cut.
struct Cut<'t> {
    /// Everything but the rows.
    rest: String,
    /// The rows in order, some in each piece.
    pieces: Vec<&'t str>,
}

fn cut<'t>(text: &'t str, section: &str, key: &str) -> Option<Cut<'t>> {
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let header = format!("[[{section}.{key}]]");
    let inner = [format!("[{section}.{key}."), format!("[[{section}.{key}.")];
    let mut rest = String::new();
    let mut pieces = Vec::new();
    // Where the piece, or the stretch of other lines, begins that is being passed through.
    let mut from = 0;
    let mut in_rows = false;
    for (at, line) in bracketed(text) {
        let row = line.starts_with(&header);
        let stays = row || inner.iter().any(|start| line.starts_with(start));
        if in_rows && (!stays || row && at - from >= PIECE_BYTES) {
            pieces.push(&text[from..at]);
            from = at;
        } else if !in_rows && row {
            rest.push_str(&text[from..at]);
            from = at;
        }
        in_rows = if in_rows { stays } else { row };
    }
    if in_rows {
        pieces.push(&text[from..]);
    } else {
        rest.push_str(&text[from..]);
    }
    Some(Cut { rest, pieces })
}

/// The lines that begin with a bracket: where each begins, and the text from the bracket on.
fn bracketed(text: &str) -> impl Iterator<Item = (usize, &str)> {
    memchr::memchr_iter(b'[', text.as_bytes()).filter_map(|at| {
        let before = text[..at].trim_end_matches([' ', '\t']);
        (before.is_empty() || before.ends_with('\n')).then(|| (before.len(), &text[at..]))
    })
}

/// Whether a document has the array, too.
fn mentions(document: &str, section: &str, key: &str) -> Option<bool> {
    let document = DeTable::parse(document).ok()?;
    Some(
        match document.get_ref().get(section).map(|value| value.get_ref()) {
            Some(DeValue::Table(table)) => table.contains_key(key),
            _ => false,
        },
    )
}

/// The rows of one piece; nothing when it holds anything else.
fn rows<T: LongTable>(piece: &str, memory: &mut T::Memory, section: &str) -> Option<Vec<T::Row>> {
    let mut kept = Vec::with_capacity(ROWS_GUESSED);
    let plain = plain::rows(piece, &format!("{section}.{}", T::ROWS), |row| {
        kept.push(T::keep(row, memory));
    });
    if plain.is_some() {
        return Some(kept);
    }
    let mut document = DeTable::parse(piece).ok()?.into_inner();
    let DeValue::Table(mut table) = document.remove(section)?.into_inner() else {
        return None;
    };
    let rows = table.remove(T::ROWS)?;
    if !(document.is_empty() && table.is_empty()) {
        return None;
    }
    let rows = Vec::<T::Read<'_>>::deserialize(ValueDeserializer::from(rows)).ok()?;
    Some(rows.into_iter().map(|row| T::keep(row, memory)).collect())
}

/// The rows of all pieces in order, read on as many threads as there are cores.
fn all_rows<R: Send, M: Default>(
    pieces: &[&str],
    read: impl Fn(&str, &mut M) -> Option<Vec<R>> + Sync,
) -> Option<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(pieces.len()));
    let work = || {
        let mut memory = M::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(number) else {
                return;
            };
            let read = read(piece, &mut memory);
            let failed = read.is_none();
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((number, read));
            if failed {
                next.store(pieces.len(), Ordering::Relaxed);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 1..cores.min(pieces.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    let rows = done.iter().flat_map(|(_, rows)| rows).map(Vec::len).sum();
    let mut all = Vec::with_capacity(rows);
    for (_, rows) in done {
        all.append(&mut rows?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        #[serde(default)]
        name: String,
        #[serde(default)]
        rows: Vec<Row>,
        #[serde(default)]
        others: Vec<Row>,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        id: u32,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        text: String,
    }

    impl LongTable for Table {
        type Read<'t> = Row;
        type Row = Row;
        type Memory = ();
        const ROWS: &'static str = "rows";

        fn keep(read: Row, (): &mut ()) -> Row {
            read
        }

        fn rows(&mut self) -> &mut Vec<Row> {
            &mut self.rows
        }
    }

    const PATH: &str = "lab.toml";

    /// Enough rows that the text is a long one, with `before` in front and `after` behind.
    fn document(before: &str, after: &str) -> String {
        let rows: String = (0..6_000)
            .map(|id| {
                format!(
                    "[[secret-server.rows]] # one\nid = {id}\n  [secret-server.rows.inner]\n  \
                     text = \"[[not.a.header]] {id}\"\n"
                )
            })
            .collect();
        format!("{before}{rows}{after}")
    }

    fn both(text: &str) -> (Option<Table>, Result<Table, ConfigError>) {
        let path = Path::new(PATH);
        assert!(text.len() > LONG_BYTES);
        (
            in_pieces(path, text, "secret-server"),
            read_section(path, text, "secret-server"),
        )
    }

    #[test]
    fn pieces_read_like_the_whole() {
        let texts = [
            document("", ""),
            document(
                "# a lab\n[secret-server]\nname = 'x'\n[appliance]\na = 1\n",
                "",
            ),
            document(
                "",
                "[secret-server]\nname = 'x'\n[[secret-server.others]]\nid = 1\n",
            ),
            document("", &document("[[secret-server.others]]\nid = 1\n", "")),
        ];
        for text in texts {
            let (quick, whole) = both(&text);
            assert_eq!(quick, Some(whole.expect("a table")));
        }
    }

    #[test]
    fn rows_keep_their_order_over_all_pieces() {
        let table: Table =
            read_long_section(Path::new(PATH), &document("", ""), "secret-server").expect("read");
        assert!((0..).zip(&table.rows).all(|(id, row)| row.id == id));
        assert_eq!(table.rows.len(), 6_000);
    }

    #[test]
    fn what_the_cut_does_not_understand_is_read_whole() {
        let strange = [
            document(
                "[secret-server]\nname = \"\"\"\n[[secret-server.rows]]\n\"\"\"\n",
                "",
            ),
            document("", "[appliance]\n[secret-server.rows.inner2]\n"),
            document("[secret-server]\nrows = []\n", ""),
            document("", "[[secret-server.rows]]\nid = 'x'\n"),
            document("", "[[secret-server.rows]]\nidd = 1\n"),
            document("", "[[secret-server.rows]]\nid = \n"),
        ];
        for text in strange {
            assert!(both(&text).0.is_none());
        }
    }

    #[test]
    fn a_mistake_among_many_rows_has_its_line() {
        let text = document("", "[[secret-server.rows]]\nidd = 1\n");
        let refused = read_long_section::<Table>(Path::new(PATH), &text, "secret-server");
        assert_eq!(
            refused.expect_err("refused").to_string(),
            "lab.toml:24002: unknown key \"idd\" - did you mean \"id\"?"
        );
    }
}
