//! The words of plain TOML.

/// What has not been read yet.
pub(super) struct Scan<'t> {
    rest: &'t str,
    /// The keys so far of every table that is being read, the outermost first.
    keys: Vec<&'t str>,
}

/// A header, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'t> {
    /// Of one table among several: `[[name]]`.
    pub(super) array: bool,
    pub(super) name: &'t str,
}

impl<'t> Header<'t> {
    pub(super) fn of_array(name: &'t str) -> Self {
        Self { array: true, name }
    }

    fn length(&self) -> usize {
        self.name.len() + if self.array { 4 } else { 2 }
    }
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut scan = Self {
            rest: text,
            keys: Vec::new(),
        };
        scan.blank_lines();
        scan
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn next(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Passes over `length` bytes, at the end of which a character ends.
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'t str {
        self.take(length_while(self.rest, fits))
    }

    fn space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Passes over `word`, and the space behind it.
    pub(super) fn word(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        self.space();
        Some(())
    }

    /// Passes over the end of the line, and what is blank behind it.
    pub(super) fn line_end(&mut self) -> Option<()> {
        if !self.rest.is_empty() {
            let line = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            self.rest = line.strip_prefix('\n')?;
        }
        self.blank_lines();
        Some(())
    }

    /// Stands at the first word of a line, or at the end, after this.
    fn blank_lines(&mut self) {
        loop {
            self.space();
            let line = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            match line.strip_prefix('\n') {
                Some(next) => self.rest = next,
                None => return,
            }
        }
    }

    pub(super) fn at_header(&self) -> bool {
        self.next() == Some(b'[')
    }

    /// The header here, without passing over it. Its name is of bare keys.
    pub(super) fn peeked_header(&self) -> Option<Header<'t>> {
        let line = self.rest.strip_prefix('[')?;
        let (array, line) = match line.strip_prefix('[') {
            Some(line) => (true, line),
            None => (false, line),
        };
        let (name, rest) = line.split_at(length_while(line, |byte| is_bare(byte) || byte == b'.'));
        let closes = if array { "]]" } else { "]" };
        rest.starts_with(closes).then_some(Header { array, name })
    }

    /// Passes over a header and its line.
    pub(super) fn header(&mut self) -> Option<Header<'t>> {
        let header = self.peeked_header()?;
        self.take(header.length());
        self.space();
        self.line_end()?;
        Some(header)
    }

    /// A table begins: from where its keys are kept.
    pub(super) fn enter(&self) -> usize {
        self.keys.len()
    }

    /// The table is over whose keys are kept from there.
    pub(super) fn leave(&mut self, keys_from: usize) {
        self.keys.truncate(keys_from);
    }

    /// The key, when its table does not have it yet.
    pub(super) fn new_key(&mut self, keys_from: usize, key: &'t str) -> Option<&'t str> {
        if self.keys[keys_from..].contains(&key) {
            return None;
        }
        self.keys.push(key);
        Some(key)
    }

    /// A key, and what stands between it and its value.
    pub(super) fn key(&mut self) -> Option<&'t str> {
        let key = if let Some(b'"' | b'\'') = self.next() {
            let (key, escapes) = self.quoted()?;
            (!escapes).then_some(key)?
        } else {
            let key = self.take_while(is_bare);
            self.space();
            (!key.is_empty()).then_some(key)?
        };
        self.word("=")?;
        Some(key)
    }

    /// What stands between two quotation marks, and whether some of it is escaped.
    pub(super) fn quoted(&mut self) -> Option<(&'t str, bool)> {
        let bytes = self.rest.as_bytes();
        let quote = *bytes.first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let mut escapes = false;
        let mut end = 1;
        loop {
            match *bytes.get(end)? {
                byte if byte == quote => break,
                b'\\' if quote == b'"' => {
                    escapes = true;
                    end += 2;
                }
                b' '..=0x7e | 0x80.. | b'\t' => end += 1,
                _ => return None,
            }
        }
        let text = self.rest.get(1..end)?;
        self.take(end + 1);
        self.space();
        Some((text, escapes))
    }

    /// A whole number as programs write it, and the space behind it.
    pub(super) fn whole(&mut self) -> Option<i64> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        self.space();
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        digits.parse().ok()
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn length_while(text: &str, fits: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|&byte| !fits(byte));
    end.unwrap_or(bytes.len())
}

/// A text without its escapes; nothing when it has one that is none, or a rare one.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        plain.push(match characters.next()? {
            'n' => '\n',
            't' => '\t',
            same @ ('"' | '\\') => same,
            _ => return None,
        });
    }
    Some(plain)
}
