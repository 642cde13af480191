//! A long text in blocks of whole rows, and each block cut into rows and what is none.

use std::io::Read;

use memchr::memchr_iter;
use memchr::memmem::{self, FinderRev};

use super::super::FILE_BYTES_MAX;

/// A block is at least as long, unless it is the last one.
const BLOCK_BYTES: u64 = 128 * 1024;

/// The headers of rows and of the tables within them.
pub(super) struct Headers {
    row: String,
    within: [String; 2],
}

impl Headers {
    pub(super) fn of(section: &str, rows: &str) -> Self {
        Self {
            row: format!("[[{section}.{rows}]]"),
            within: [
                format!("[{section}.{rows}."),
                format!("[[{section}.{rows}."),
            ],
        }
    }

    fn is_within(&self, line: &str) -> bool {
        self.within.iter().any(|header| line.starts_with(header))
    }
}

/// A text that comes block by block. Every block but the first begins with a row's header.
pub(super) struct Blocks<'h, S> {
    source: S,
    header: FinderRev<'h>,
    /// What was read behind the last block.
    ahead: Vec<u8>,
    number: usize,
    bytes: u64,
    ended: bool,
    failed: bool,
}

impl<'h, S: Read> Blocks<'h, S> {
    pub(super) fn new(source: S, headers: &'h Headers) -> Self {
        Self {
            source,
            header: FinderRev::new(&headers.row),
            ahead: Vec::new(),
            number: 0,
            bytes: 0,
            ended: false,
            failed: false,
        }
    }

    /// Puts the next block in the place of the last, and gives its number.
    pub(super) fn next(&mut self, block: &mut Vec<u8>) -> Option<usize> {
        block.clear();
        block.append(&mut self.ahead);
        while !self.ended {
            let read = self.source.by_ref().take(BLOCK_BYTES).read_to_end(block);
            let read = read.ok().map(|read| read as u64);
            self.bytes += read.unwrap_or(0);
            if read.is_none() || self.bytes > FILE_BYTES_MAX {
                self.give_up();
                return None;
            }
            self.ended = read < Some(BLOCK_BYTES);
            if !self.ended
                && let Some(end) = self.last_row(block)
            {
                self.ahead.extend_from_slice(&block[end..]);
                block.truncate(end);
                break;
            }
        }
        self.number += 1;
        (!block.is_empty()).then_some(self.number)
    }

    /// Where the last row begins, unless that is the first line.
    fn last_row(&self, block: &[u8]) -> Option<usize> {
        let mut headers = self.header.rfind_iter(block);
        headers.find_map(|at| {
            let start = line_start(block, at)?;
            (start > 0).then_some(start)
        })
    }

    /// No more blocks: this text has to be read whole.
    pub(super) fn give_up(&mut self) {
        (self.ended, self.failed) = (true, true);
        self.ahead.clear();
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

/// A block, cut.
pub(super) struct Cut<'t> {
    /// Everything but the rows.
    pub(super) rest: String,
    /// The rows in order, some in each piece.
    pub(super) pieces: Vec<&'t str>,
}

impl<'t> Cut<'t> {
    /// Nothing where a string may go over several lines.
    pub(super) fn of(text: &'t str, headers: &Headers) -> Option<Self> {
        let holds = |part: &str| memmem::find(text.as_bytes(), part.as_bytes()).is_some();
        if holds("\"\"\"") || holds("'''") {
            return None;
        }
        let mut rest = String::new();
        let mut pieces = Vec::new();
        // Where the piece, or the stretch of other lines, begins that is being passed through.
        let mut from = 0;
        let mut in_rows = false;
        for at in memchr_iter(b'[', text.as_bytes()) {
            let Some(start) = line_start(text.as_bytes(), at) else {
                continue;
            };
            let line = &text[at..];
            let stays = line.starts_with(&headers.row) || in_rows && headers.is_within(line);
            if stays != in_rows {
                if in_rows {
                    pieces.push(&text[from..start]);
                } else {
                    rest.push_str(&text[from..start]);
                }
                (from, in_rows) = (start, stays);
            }
        }
        if in_rows {
            pieces.push(&text[from..]);
        } else {
            rest.push_str(&text[from..]);
        }
        Some(Self { rest, pieces })
    }
}

/// Where the line begins whose first character stands there; nothing where another one comes
/// before it.
fn line_start(text: &[u8], at: usize) -> Option<usize> {
    let blanks = text[..at].iter().rev();
    let blanks = blanks.take_while(|byte| matches!(byte, b' ' | b'\t'));
    let start = at - blanks.count();
    (start == 0 || text[start - 1] == b'\n').then_some(start)
}
