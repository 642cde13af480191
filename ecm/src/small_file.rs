//! Reads the files that an operator names: the configuration, secrets, certificates. What is named
//! by mistake, such as a directory, a device or a pipe that nobody writes to, is told instead of
//! waited for, and nothing is read beyond the longest that such a file may be.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zeroize::Zeroizing;

/// How long is waited for a pipe whose writer is silent, such as a process substitution.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// How much is read at a time.
const CHUNK_BYTES: usize = 8 * 1024;

/// Why a file gave nothing, in words that complete "failed to read …: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadProblem {
    /// The system's words.
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("it is a directory")]
    Directory,
    #[error("it is a device or a socket, not a file")]
    NotAFile,
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("nothing came out of this pipe for {} s", SILENCE_LIMIT.as_secs())]
    Silent,
    #[error("it is not UTF-8 text")]
    NotText,
}

/// A file that was opened without waiting for anybody.
pub(crate) struct SmallFile {
    file: File,
    permissions: Permissions,
}

impl SmallFile {
    /// Opens a file, or a pipe.
    ///
    /// # Errors
    /// The system refuses, or `path` is something else.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadProblem> {
        let mut options = OpenOptions::new();
        options.read(true);
        let file = without_waiting(&mut options).open(path)?;
        let metadata = file.metadata()?;
        match metadata.file_type() {
            kind if kind.is_dir() => Err(ReadProblem::Directory),
            kind if kind.is_file() || is_pipe(kind) => Ok(Self {
                file,
                permissions: metadata.permissions(),
            }),
            _ => Err(ReadProblem::NotAFile),
        }
    }

    pub(crate) fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// Waits until the writer of a pipe has written or gone.
    fn wait(&self) -> Result<(), ReadProblem> {
        let mut pipe = [PollFd::new(&self.file, PollFlags::IN)];
        let limit = Timespec::try_from(SILENCE_LIMIT).ok();
        match poll(&mut pipe, limit.as_ref()) {
            Ok(0) => Err(ReadProblem::Silent),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(ReadProblem::System(error.into())),
        }
    }

    /// Appends all of it to `bytes`, which never grows if it has room for `bytes_max`: growing would
    /// leave a copy of a secret behind.
    ///
    /// # Errors
    /// It holds more than `bytes_max`, or the system refuses.
    pub(crate) fn read_to(self, bytes: &mut Vec<u8>, bytes_max: usize) -> Result<(), ReadProblem> {
        let mut chunk = Zeroizing::new([0; CHUNK_BYTES]);
        loop {
            match (&self.file).read(&mut *chunk) {
                Ok(0) => return Ok(()),
                Ok(read) if bytes.len() + read > bytes_max => {
                    return Err(ReadProblem::TooLarge(bytes_max));
                }
                Ok(read) => bytes.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait()?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Opens without waiting for whoever has, or has not, the other end of a named pipe.
pub(crate) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    options
}

/// The bytes of a file that the ECM itself wrote, at `path`. Nobody is waited for.
///
/// # Errors
/// It cannot be read, is no regular file, or holds more than `bytes_max`.
pub(crate) fn read_own(path: &Path, bytes_max: usize) -> Result<Vec<u8>, ReadProblem> {
    let opened = SmallFile::open(path)?;
    if !opened.file.metadata()?.is_file() {
        return Err(ReadProblem::NotAFile);
    }
    let mut bytes = Vec::new();
    opened.read_to(&mut bytes, bytes_max)?;
    Ok(bytes)
}

/// The bytes of the file at `path`.
///
/// # Errors
/// It cannot be read, or holds more than `bytes_max`.
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, ReadProblem> {
    let mut bytes = Vec::new();
    SmallFile::open(path)?.read_to(&mut bytes, bytes_max)?;
    Ok(bytes)
}

/// The text of the file at `path`.
///
/// # Errors
/// As [`read`], or it is not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: usize) -> Result<String, ReadProblem> {
    let bytes = read(path, bytes_max)?;
    String::from_utf8(bytes).map_err(|_| ReadProblem::NotText)
}

#[cfg(unix)]
fn is_pipe(kind: std::fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: std::fs::FileType) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_no_file_is_told_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        assert!(read(&pipe, 10).unwrap().is_empty());
        for (path, words) in [
            (directory.path(), "it is a directory"),
            (Path::new("/dev/zero"), "not a file"),
            (Path::new("/nowhere/at/all"), "No such file"),
        ] {
            let problem = read(path, 10).unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end_however_slowly_it_is_written() {
        let (reader, mut writer) = io::pipe().unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&reader);
        let opened = SmallFile::open(format!("/proc/self/fd/{descriptor}").as_ref()).unwrap();
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            opened.read_to(&mut bytes, 10).map(|()| bytes).unwrap()
        });
        writer.write_all(b"half ").unwrap();
        writer.write_all(b"whole").unwrap();
        drop((writer, reader));
        assert_eq!(reading.join().unwrap(), b"half whole");
    }

    #[test]
    fn a_length_is_judged_before_the_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (bytes, expected) in [
            (&b"ab"[..], Ok("ab")),
            (b"", Ok("")),
            (b"\xff\xfea\0", Err("it is not UTF-8 text")),
            // Cut within a letter it must not be called no text.
            ("ü".repeat(9).as_bytes(), Err("it is larger than 10 bytes")),
        ] {
            std::fs::write(file.path(), bytes).unwrap();
            let read = read_text(file.path(), 10).map_err(|problem| problem.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), expected);
        }
    }
}
