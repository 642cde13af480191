//! A log file that never grows beyond a size: it is set aside as `.1`, `.2`, … and begun anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// The current file and its limits.
pub(super) struct RollingFile {
    path: PathBuf,
    bytes_max: u64,
    rotations: usize,
    current: Mutex<Current>,
}

struct Current {
    file: File,
    bytes: u64,
}

impl Current {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Without it, a named pipe would be waited for until somebody reads it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
        );
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            // Nor could it be set aside.
            return Err(io::Error::other("it is a device or a pipe, not a file"));
        }
        let bytes = metadata.len();
        Ok(Self { file, bytes })
    }
}

impl RollingFile {
    pub(super) fn open(path: &Path, bytes_max: u64, rotations: usize) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let current = Mutex::new(Current::open(path)?);
        Ok(Self {
            path: path.to_owned(),
            bytes_max,
            rotations,
            current,
        })
    }

    /// Writes one whole event.
    pub(super) fn append(&self, event: &[u8]) -> io::Result<()> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.bytes > 0 && current.bytes + event.len() as u64 > self.bytes_max {
            self.rotate()?;
            *current = Current::open(&self.path)?;
        }
        current.file.write_all(event)?;
        current.bytes += event.len() as u64;
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        if self.rotations == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (1..self.rotations).rev() {
            let (from, to) = (self.numbered(number), self.numbered(number + 1));
            if from.exists() {
                std::fs::rename(from, to)?;
            }
        }
        std::fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl<'w> MakeWriter<'w> for RollingFile {
    type Writer = EventWriter<'w>;

    fn make_writer(&'w self) -> EventWriter<'w> {
        EventWriter(self)
    }
}

/// Takes one whole event with each write.
pub(super) struct EventWriter<'w>(&'w RollingFile);

impl Write for EventWriter<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if self.0.append(event).is_err() {
            // A full disk must not silence the ECM.
            io::stderr().write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        for path in [&*pipe, directory.path(), Path::new("/dev/null")] {
            assert!(RollingFile::open(path, 20, 2).is_err(), "{path:?}");
        }
        let _reader = File::options().read(true).write(true).open(&pipe).unwrap();
        assert!(RollingFile::open(&pipe, 20, 2).is_err());
    }

    #[test]
    fn the_newest_events_are_kept_and_the_size_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/ECM.log");
        let log = RollingFile::open(&path, 20, 2).unwrap();
        for number in 0..9 {
            log.make_writer()
                .write_all(format!("event {number}\n").as_bytes())
                .unwrap();
        }
        let text = |suffix: &str| {
            std::fs::read_to_string(directory.path().join(format!("logs/ECM.log{suffix}"))).unwrap()
        };
        assert_eq!(text(""), "event 8\n");
        assert_eq!(text(".1"), "event 6\nevent 7\n");
        assert_eq!(text(".2"), "event 4\nevent 5\n");
        assert_eq!(
            std::fs::read_dir(directory.path().join("logs"))
                .unwrap()
                .count(),
            3
        );
    }

    #[test]
    fn a_restart_goes_on_where_the_file_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ECM.log");
        for number in 0..3 {
            let log = RollingFile::open(&path, 20, 0).unwrap();
            log.make_writer()
                .write_all(format!("event {number}\n").as_bytes())
                .unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "event 2\n");
    }
}
