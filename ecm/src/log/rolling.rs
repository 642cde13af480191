//! A log file that never grows beyond a size: it is set aside as `.1`, `.2`, … and begun anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::small_file::without_waiting;

/// Who reads a log learns whose accounts are used where: its owner and the group may. The umask can
/// only take away from this.
const MODE: u32 = 0o640;

/// The current file and its limits.
pub(super) struct RollingFile {
    path: PathBuf,
    bytes_max: u64,
    rotations: usize,
    /// `None` after a failure: the next event opens the file again.
    current: Mutex<Option<Current>>,
}

struct Current {
    file: File,
    bytes: u64,
}

impl Current {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(MODE);
        let file = without_waiting(&mut options).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            // Nor could it be set aside.
            return Err(io::Error::other("it is a device or a pipe, not a file"));
        }
        let bytes = metadata.len();
        Ok(Self { file, bytes })
    }

    fn has_room(&self, event: &[u8], bytes_max: u64) -> bool {
        self.bytes == 0 || self.bytes + event.len() as u64 <= bytes_max
    }
}

impl RollingFile {
    pub(super) fn open(path: &Path, bytes_max: u64, rotations: usize) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let current = Mutex::new(Some(Current::open(path)?));
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
        let mut open = match current.take() {
            Some(open) => open,
            None => Current::open(&self.path)?,
        };
        if !open.has_room(event, self.bytes_max) {
            self.rotate()?;
            open = Current::open(&self.path)?;
        }
        let open = current.insert(open);
        open.file.write_all(event)?;
        open.bytes += event.len() as u64;
        Ok(())
    }

    /// Sets the file aside. Whatever fails, a further attempt loses no file that was set aside: what is
    /// not there is not rotated, and no file moves beyond the first number that is free.
    fn rotate(&self) -> io::Result<()> {
        if !self.path.is_file() {
            // Somebody moved it away, and that is as good.
            return Ok(());
        }
        if self.rotations == 0 {
            return std::fs::remove_file(&self.path);
        }
        let is_free = |number: &usize| !self.numbered(*number).exists();
        let last = (1..self.rotations).find(is_free).unwrap_or(self.rotations);
        for number in (1..last).rev() {
            std::fs::rename(self.numbered(number), self.numbered(number + 1))?;
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
    fn others_read_no_file_that_is_made_and_one_that_is_there_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ECM.log");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
        let log = RollingFile::open(&path, 1, 1).unwrap();
        assert_eq!(mode(&path), 0o604);
        log.append(b"new").unwrap();
        assert_eq!(mode(&log.numbered(1)), 0o604);
        // The umask of whoever runs this may take away more.
        assert_eq!(mode(&path) & !MODE, 0, "{:o}", mode(&path));
        assert_eq!(mode(&path) & 0o600, 0o600, "{:o}", mode(&path));
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

    /// A log of one event for each file, with three of them written.
    fn filled(rotations: usize) -> (tempfile::TempDir, RollingFile) {
        let directory = tempfile::tempdir().unwrap();
        let log = RollingFile::open(&directory.path().join("ECM.log"), 1, rotations).unwrap();
        for event in ["a", "b", "c"] {
            log.append(event.as_bytes()).unwrap();
        }
        (directory, log)
    }

    /// The content of each file of the log that is there, the current one first.
    fn kept(directory: &tempfile::TempDir) -> Vec<(String, String)> {
        let mut names: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        let read = |name: String| {
            let text = std::fs::read_to_string(directory.path().join(&name)).unwrap();
            (name.replace("ECM.log", ""), text)
        };
        names.into_iter().map(read).collect()
    }

    fn files(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(suffix, text): &(&str, &str)| (suffix.to_owned(), text.to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew_and_costs_no_old_one() {
        let (directory, log) = filled(2);
        std::fs::remove_file(&log.path).unwrap();
        log.append(b"d").unwrap();
        assert_eq!(
            kept(&directory),
            files(&[("", "d"), (".1", "b"), (".2", "a")])
        );
        log.append(b"e").unwrap();
        assert_eq!(
            kept(&directory),
            files(&[("", "e"), (".1", "d"), (".2", "b")])
        );

        let (directory, log) = filled(0);
        std::fs::remove_file(&log.path).unwrap();
        log.append(b"d").unwrap();
        assert_eq!(kept(&directory), files(&[("", "d")]));
    }

    #[test]
    fn a_log_that_cannot_be_opened_for_a_while_goes_on_with_its_old_files() {
        let (directory, log) = filled(3);
        std::fs::remove_file(&log.path).unwrap();
        std::fs::create_dir(&log.path).unwrap();
        for event in ["d", "e"] {
            log.append(event.as_bytes()).unwrap_err();
        }
        std::fs::remove_dir(&log.path).unwrap();
        log.append(b"f").unwrap();
        assert_eq!(
            kept(&directory),
            files(&[("", "f"), (".1", "b"), (".2", "a")])
        );
    }

    #[test]
    fn a_file_that_cannot_be_set_aside_costs_no_old_one_however_often_it_is_tried() {
        let (directory, log) = filled(3);
        let [first, second] = [1, 2].map(|number| log.numbered(number));
        std::fs::remove_file(&first).unwrap();
        std::fs::create_dir(&first).unwrap();
        std::fs::create_dir(log.numbered(3)).unwrap();
        for event in ["d", "e"] {
            log.append(event.as_bytes()).unwrap_err();
        }
        assert_eq!(std::fs::read_to_string(&second).unwrap(), "a");
        for blocked in [first, log.numbered(3)] {
            std::fs::remove_dir(blocked).unwrap();
        }
        log.append(b"f").unwrap();
        assert_eq!(
            kept(&directory),
            files(&[("", "f"), (".1", "c"), (".2", "a")])
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
