//! The file below the outbox: appended to, synced, and rewritten when most of it is history.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::record::Record;

/// A file larger than this was not written by an outbox.
pub(super) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// An append-only file of [`Record`]s.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    file: File,
    /// Length up to the last whole record; whatever is beyond it is a failed append.
    sound_bytes: u64,
}

/// What an existing file held.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) records: Vec<Record>,
    /// Whether the last line was cut off, as a crash in the middle of an append leaves it.
    pub(super) torn: bool,
    /// Lines before the last one that cannot be read: damage that no crash explains.
    pub(super) damaged_lines: Vec<usize>,
}

impl RecordFile {
    /// Opens or creates the file and reads what is in it. A torn end is cut off.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Contents)> {
        let mut file = private_options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::IsADirectory => not_an_outbox("it is a directory"),
                _ => error,
            })?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_an_outbox("it is a pipe or a device"));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(not_an_outbox("it is larger than 64 MiB"));
        }
        let mut bytes = Vec::new();
        Read::by_ref(&mut file)
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        let (contents, sound_bytes) = read(&bytes);
        let this = Self {
            path: path.to_owned(),
            file,
            sound_bytes,
        };
        this.cut_to_sound()?;
        sync_directory(path)?;
        Ok((this, contents))
    }

    /// Appends `record` and returns when it is on the disk. After an error the record is not in
    /// the file, neither wholly nor in part.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        let line = record.to_line()?;
        // What an earlier failure may have left behind goes first.
        self.cut_to_sound()?;
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.sound_bytes += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // If this fails too, the next append tries again, and a reader sees a torn end.
                let _ = self.cut_to_sound();
                Err(error)
            }
        }
    }

    /// Replaces the whole file by `records`, all or nothing.
    pub(super) fn rewrite(&mut self, records: &[Record]) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = private_options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&beside)?;
        let mut text = String::new();
        for record in records {
            text.push_str(&record.to_line()?);
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        sync_directory(&self.path)?;
        self.file = private_options().read(true).append(true).open(&self.path)?;
        self.sound_bytes = text.len() as u64;
        Ok(())
    }

    /// Keeps a copy of a damaged file for whoever wants to know what it held.
    pub(super) fn keep_copy(&mut self) -> io::Result<PathBuf> {
        let copy = self.path.with_extension("damaged");
        self.file.seek(SeekFrom::Start(0))?;
        let mut to = private_options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&copy)?;
        io::copy(
            &mut Read::by_ref(&mut self.file).take(FILE_BYTES_MAX),
            &mut to,
        )?;
        Ok(copy)
    }

    fn cut_to_sound(&self) -> io::Result<()> {
        if self.file.metadata()?.len() != self.sound_bytes {
            self.file.set_len(self.sound_bytes)?;
        }
        Ok(())
    }

    /// The same file on a disk that is full.
    #[cfg(test)]
    pub(super) fn fill_disk(&mut self) {
        let full = OpenOptions::new().write(true).open("/dev/full");
        self.file = full.expect("Linux has /dev/full");
        self.sound_bytes = 0;
    }
}

/// The records of `bytes` and how many bytes of them are worth keeping.
pub(super) fn read(bytes: &[u8]) -> (Contents, u64) {
    let mut contents = Contents::default();
    let mut sound_bytes = 0;
    let mut at = 0;
    let mut number = 0;
    while at < bytes.len() {
        number += 1;
        let length = bytes[at..].iter().position(|&byte| byte == b'\n');
        let end = length.map_or(bytes.len(), |length| at + length + 1);
        let line = bytes[at..end].strip_suffix(b"\n");
        match line.map(Record::from_line) {
            Some(Ok(record)) => {
                contents.records.push(record);
                sound_bytes = end;
            }
            // Only the very last line may be torn.
            _ if end == bytes.len() => contents.torn = true,
            _ => {
                contents.damaged_lines.push(number);
                sound_bytes = end;
            }
        }
        at = end;
    }
    (contents, sound_bytes as u64)
}

fn not_an_outbox(reason: &str) -> io::Error {
    let cure = "move it away and look in the vault for check-outs of this ECM's account";
    io::Error::new(io::ErrorKind::InvalidData, format!("{reason}; {cure}"))
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the file's name as durable as its content.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
