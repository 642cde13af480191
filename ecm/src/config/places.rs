//! Whether files can be made where the configuration wants them, found out without making any.

use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, access};

/// Whether `path` is `directory` or lies below it, symbolic links and `..` followed as far as they
/// exist.
pub(super) fn is_inside(path: &Path, directory: &Path) -> bool {
    real(path).starts_with(real(directory))
}

/// The directory `path` can be used, or made and then used.
///
/// # Errors
/// Why not, and the cure.
pub fn usable_directory(path: &Path) -> Result<(), String> {
    let (found, is_there) = nearest(path);
    let metadata = std::fs::metadata(found).map_err(|error| unusable(found, &error.to_string()))?;
    if !metadata.is_dir() {
        return Err(unusable(found, "it is not a directory"));
    }
    if access(found, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let wants = if is_there { "used" } else { "made" };
        return Err(format!(
            "{} cannot be {wants}: {} is not writable for this user; make it writable or name \
             another place",
            path.display(),
            found.display()
        ));
    }
    Ok(())
}

/// The file `path` can be written, or made and then written.
///
/// # Errors
/// Why not, and the cure.
pub fn writable_file(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(unusable(path, "it is a directory")),
        Ok(metadata) if !metadata.is_file() => {
            Err(unusable(path, "it is a device or a pipe, not a file"))
        }
        Ok(_) if access(path, Access::WRITE_OK).is_err() => {
            Err(unusable(path, "it is not writable for this user"))
        }
        Ok(_) => Ok(()),
        Err(_) => usable_directory(directory_of(path)),
    }
}

/// The missing file `path` can be made: its directory is there and can be written.
///
/// # Errors
/// Why not, and the cure.
pub fn makeable_file(path: &Path) -> Result<(), String> {
    let directory = directory_of(path);
    if std::fs::metadata(directory).is_err() {
        return Err(format!(
            "it is missing, and so is its directory {}; make the directory or name another place",
            directory.display()
        ));
    }
    usable_directory(directory)
}

fn unusable(path: &Path, reason: &str) -> String {
    format!(
        "{} cannot be used: {reason}; make it usable or name another place",
        path.display()
    )
}

/// The nearest of `path` and the directories above it that exists, and whether it is `path`.
fn nearest(path: &Path) -> (&Path, bool) {
    let mut at = path;
    while std::fs::symlink_metadata(at).is_err() {
        at = match at.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => return (Path::new("."), false),
        };
    }
    (at, at == path)
}

fn directory_of(path: &Path) -> &Path {
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// The path without `.`, `..` and symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            other => real.push(other),
        }
        if let Ok(resolved) = real.canonicalize() {
            real = resolved;
        }
    }
    real
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_path_is_inside_whatever_way_it_is_written() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::os::unix::fs::symlink(&state, root.path().join("link")).unwrap();
        for (key, inside) in [
            ("state/key", true),
            ("state/deeper/key", true),
            ("other/../state/key", true),
            ("link/key", true),
            ("state/../key", false),
            ("state-key", false),
            ("key", false),
        ] {
            assert_eq!(is_inside(&root.path().join(key), &state), inside, "{key}");
        }
    }

    #[test]
    fn a_place_below_a_file_cannot_be_used_and_one_that_is_missing_can() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (path, usable) in [
            (root.path().join("a/b"), true),
            (root.path().to_owned(), true),
            (file.clone(), false),
            (file.join("below"), false),
        ] {
            let outcome = usable_directory(&path);
            assert_eq!(outcome.is_ok(), usable, "{outcome:?}");
        }
        assert_eq!(writable_file(&file), Ok(()));
        assert_eq!(writable_file(&root.path().join("a/ECM.log")), Ok(()));
        let below = writable_file(&file.join("ECM.log")).unwrap_err();
        assert!(below.contains("not a directory"), "{below}");
        assert!(writable_file(root.path()).is_err());
    }
}
