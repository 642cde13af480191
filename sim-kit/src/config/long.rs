//! Lab files with very many rows in one table: `[[secret-server.secrets]]` a hundred thousand times.
//!
//! Reading such a document whole costs thirty times its size in memory and most of its time in
//! getting that. Rows do not depend on each other, so the text is cut between rows into blocks,
//! which are read one by one, on every core, while the next ones come from the file. Whatever the
//! cut does not understand (strings over several lines, rows that something else is wrong with) is
//! read whole instead: that is slower, means the same, and gives every error the line that it has.

mod blocks;
mod plain;

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{ConfigError, read_section, read_text};
use blocks::{Blocks, Cut, Headers};

/// A shorter text is read whole.
const LONG_BYTES: u64 = 512 * 1024;
/// Bytes of a row, more or less.
const ROW_BYTES: usize = 256;

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
    let quick =
        (text.len() as u64 >= LONG_BYTES).then(|| in_blocks::<T>(path, text.as_bytes(), section));
    match quick.flatten() {
        Some(table) => Ok(table),
        None => read_section(path, text, section),
    }
}

/// [`read_long_section`] from a file, of which there is never more in memory than is being read.
///
/// # Errors
/// As [`read_text`] and [`read_section`] have them.
pub fn read_long_file<T: LongTable>(path: &Path, section: &str) -> Result<T, ConfigError> {
    // A pipe has no length, and can be read once only.
    let long = std::fs::metadata(path).is_ok_and(|of| of.is_file() && of.len() >= LONG_BYTES);
    let quick = || in_blocks::<T>(path, File::open(path).ok()?, section);
    match long.then(quick).flatten() {
        Some(table) => Ok(table),
        None => read_section(path, &read_text(path)?, section),
    }
}

fn in_blocks<T: LongTable>(path: &Path, source: impl Read + Send, section: &str) -> Option<T> {
    let headers = Headers::of(section, T::ROWS);
    let (rest, rows) = all_blocks(
        &Mutex::new(Blocks::new(source, &headers)),
        |block, memory| {
            let Cut { rest, pieces } = Cut::of(block, &headers)?;
            let mut kept = Vec::with_capacity(block.len() / ROW_BYTES);
            for piece in pieces {
                read_rows::<T>(piece, section, memory, &mut kept)?;
            }
            Some((rest, kept))
        },
    )?;
    if mentions(&rest, section, T::ROWS)? {
        return None;
    }
    let mut table: T = read_section(path, &rest, section).ok()?;
    *table.rows() = rows;
    Some(table)
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
fn read_rows<T: LongTable>(
    piece: &str,
    section: &str,
    memory: &mut T::Memory,
    kept: &mut Vec<T::Row>,
) -> Option<()> {
    let before = kept.len();
    let name = format!("{section}.{}", T::ROWS);
    if plain::rows(piece, &name, |row| kept.push(T::keep(row, memory))).is_some() {
        return Some(());
    }
    kept.truncate(before);
    let mut document = DeTable::parse(piece).ok()?.into_inner();
    let DeValue::Table(mut table) = document.remove(section)?.into_inner() else {
        return None;
    };
    let rows = table.remove(T::ROWS)?;
    if !(document.is_empty() && table.is_empty()) {
        return None;
    }
    let rows = Vec::<T::Read<'_>>::deserialize(ValueDeserializer::from(rows)).ok()?;
    kept.extend(rows.into_iter().map(|row| T::keep(row, memory)));
    Some(())
}

/// What all blocks come to, in order, read on as many threads as there are cores: the text that is
/// no row, and the rows.
fn all_blocks<S: Read + Send, R: Send, M: Default>(
    source: &Mutex<Blocks<'_, S>>,
    read: impl Fn(&str, &mut M) -> Option<(String, Vec<R>)> + Sync,
) -> Option<(String, Vec<R>)> {
    let source = || source.lock().unwrap_or_else(PoisonError::into_inner);
    let done = Mutex::new(Vec::new());
    let work = || {
        let mut memory = M::default();
        let mut block = Vec::new();
        loop {
            let Some(number) = source().next(&mut block) else {
                return;
            };
            let text = std::str::from_utf8(&block).ok();
            let read = text.and_then(|text| read(text, &mut memory));
            if read.is_none() {
                source().give_up();
            }
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((number, read));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
    if source().failed() {
        return None;
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    let read: Option<Vec<_>> = done.into_iter().map(|(_, read)| read).collect();
    let read = read?;
    let mut text = String::new();
    let mut all = Vec::with_capacity(read.iter().map(|(_, rows)| rows.len()).sum());
    for (rest, mut rows) in read {
        text.push_str(&rest);
        all.append(&mut rows);
    }
    Some((text, all))
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
        assert!(text.len() as u64 > LONG_BYTES);
        (
            in_blocks(path, text.as_bytes(), "secret-server"),
            read_section(path, text, "secret-server"),
        )
    }

    #[test]
    fn blocks_read_like_the_whole() {
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
    fn rows_keep_their_order_over_all_blocks() {
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

    #[test]
    fn a_file_reads_like_its_text_and_its_mistakes_have_their_lines() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let read = |text: &[u8]| {
            std::fs::write(file.path(), text).expect("written");
            read_long_file::<Table>(file.path(), "secret-server")
        };
        let text = document("[secret-server]\nname = 'x'\n", "[appliance]\na = 1\n");
        let whole = read_section(Path::new(PATH), &text, "secret-server").expect("a table");
        assert_eq!(read(text.as_bytes()).expect("a table"), whole);
        assert_eq!(read(b"").expect("a table").rows, []);
        for (after, told) in [
            (
                &b"[[secret-server.rows]]\nidd = 1\n"[..],
                ":24002: unknown key \"idd\"",
            ),
            (&b"# \xff\n"[..], ": not UTF-8 text"),
        ] {
            let refused = read(&[document("", "").as_bytes(), after].concat());
            let refused = refused.expect_err("refused").to_string();
            assert!(refused.contains(told), "{refused}");
        }
    }
}
