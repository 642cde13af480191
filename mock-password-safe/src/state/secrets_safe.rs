//! Secrets Safe: safes, folders and team secrets. psafe:§2.12.

use std::collections::{BTreeMap, BTreeSet};

use sim_kit::clock::SimTime;

use super::ids::UserId;
use crate::secret::Secret;

/// A safe, or a folder in one: a safe is a folder without a parent.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) parent: Option<String>,
    pub(crate) owner: UserId,
    pub(crate) user_group: i32,
    pub(crate) favorite_of: BTreeSet<UserId>,
    /// Who may what in a safe. Kept and told; what a caller may do here hangs on the feature
    /// Secrets Safe alone.
    pub(crate) permissions: BTreeMap<Principal, Permission>,
}

impl Folder {
    /// A folder with nothing but a name.
    pub(crate) fn named(id: String, name: &str, parent: Option<String>, owner: UserId) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: String::new(),
            parent,
            owner,
            user_group: 0,
            favorite_of: BTreeSet::new(),
            permissions: BTreeMap::new(),
        }
    }
}

/// Kind (0 user, 1 group: assumed) and number of whoever has a permission on a safe
/// (`vendor-client psafe:PYLIB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Principal {
    pub(crate) kind: i32,
    pub(crate) id: i32,
}

/// What a principal may do in a safe.
#[derive(Clone, Debug)]
pub(crate) struct Permission {
    pub(crate) flags: Vec<String>,
    pub(crate) expires_on: Option<String>,
}

/// What a secret holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Credential {
        username: String,
        password: Secret,
    },
    Text(Secret),
    /// The bytes are held as base64, since secrets are text.
    File {
        name: String,
        base64: Secret,
        hash: String,
    },
}

impl Content {
    /// The word on the wire.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Credential { .. } => "Credential",
            Self::Text(_) => "Text",
            Self::File { .. } => "File",
        }
    }

    fn bytes(&self) -> usize {
        let name = match self {
            Self::Credential { username: name, .. } | Self::File { name, .. } => name.len(),
            Self::Text(_) => 0,
        };
        name + self.value().expose().len()
    }

    /// What must not leak.
    pub(crate) fn value(&self) -> &Secret {
        match self {
            Self::Credential { password, .. } => password,
            Self::Text(text) => text,
            Self::File { base64, .. } => base64,
        }
    }
}

/// A value that a secret has or had.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) number: u32,
    pub(crate) content: Content,
    pub(crate) created_by: UserId,
    pub(crate) created_at: SimTime,
}

/// A secret.
#[derive(Clone, Debug)]
pub(crate) struct TeamSecret {
    pub(crate) id: String,
    pub(crate) folder: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) notes: String,
    pub(crate) urls: Vec<String>,
    pub(crate) content: Content,
    /// The values, the oldest first, with the one that counts.
    pub(crate) versions: Vec<Version>,
    /// The id of the version that counts.
    pub(crate) active: String,
    pub(crate) favorite_of: BTreeSet<UserId>,
    /// Other folders that the secret shows in.
    pub(crate) shares: BTreeSet<String>,
    /// Seed of one-time codes, in base32.
    pub(crate) totp: Option<Secret>,
    pub(crate) created_by: UserId,
    pub(crate) created_at: SimTime,
    pub(crate) modified_by: UserId,
    pub(crate) modified_at: SimTime,
    /// When the value changed last.
    pub(crate) value_modified_at: SimTime,
}

/// Values kept of one secret at most; the oldest goes first.
const VERSIONS_MAX: usize = 20;

impl TeamSecret {
    /// A new secret with its first value.
    pub(crate) fn new(ids: [String; 2], folder: String, title: &str, content: Content) -> Self {
        let [id, version] = ids;
        let mut secret = Self {
            id,
            folder,
            title: title.to_owned(),
            description: String::new(),
            notes: String::new(),
            urls: Vec::new(),
            content: content.clone(),
            versions: Vec::new(),
            active: String::new(),
            favorite_of: BTreeSet::new(),
            shares: BTreeSet::new(),
            totp: None,
            created_by: UserId(1),
            created_at: SimTime(0),
            modified_by: UserId(1),
            modified_at: SimTime(0),
            value_modified_at: SimTime(0),
        };
        secret.set(version, content, UserId(1), SimTime(0));
        secret
    }

    /// The same, made by this user at this time.
    pub(crate) fn made(mut self, by: UserId, at: SimTime) -> Self {
        (self.created_by, self.modified_by) = (by, by);
        (self.created_at, self.modified_at, self.value_modified_at) = (at, at, at);
        for version in &mut self.versions {
            (version.created_by, version.created_at) = (by, at);
        }
        self
    }

    /// The bytes of its texts and values.
    fn bytes(&self) -> usize {
        let texts = [&self.title, &self.description, &self.notes].into_iter();
        let texts = texts.chain(&self.urls).map(String::len);
        let versions = self.versions.iter().map(|version| &version.content);
        let values = versions.chain([&self.content]).map(Content::bytes);
        texts.chain(values).sum()
    }

    /// Gives the secret another value.
    pub(crate) fn set(&mut self, version: String, content: Content, by: UserId, at: SimTime) {
        if self.versions.len() == VERSIONS_MAX {
            self.versions.remove(0);
        }
        let last = self.versions.last().map_or(0, |version| version.number);
        self.versions.push(Version {
            id: version.clone(),
            number: last + 1,
            content: content.clone(),
            created_by: by,
            created_at: at,
        });
        self.content = content;
        self.active = version;
        self.value_modified_at = at;
    }

    /// Makes an earlier value the one that counts. False when there is none of this id.
    pub(crate) fn roll_back(&mut self, version: &str, by: UserId, at: SimTime) -> bool {
        let Some(found) = self.versions.iter().find(|known| known.id == version) else {
            return false;
        };
        self.content = found.content.clone();
        version.clone_into(&mut self.active);
        self.modified_by = by;
        (self.modified_at, self.value_modified_at) = (at, at);
        true
    }
}

/// What to do when the name is taken where something is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDuplicate {
    Rename,
    Stop,
    Skip,
}

/// Why a folder does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stuck {
    NotFound,
    /// The folder would come to lie in itself.
    InItself,
    /// The name is taken there.
    Taken,
}

/// What became of a folder that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MovedFolder {
    pub(crate) old_parent: Option<String>,
    pub(crate) old_name: String,
    pub(crate) new_name: String,
}

/// All of Secrets Safe.
#[derive(Clone, Debug)]
pub(crate) struct SecretsSafe {
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) secrets: BTreeMap<String, TeamSecret>,
    /// Bytes that clients may fill, with all earlier values.
    bytes_max: usize,
}

impl Default for SecretsSafe {
    fn default() -> Self {
        Self {
            folders: BTreeMap::new(),
            secrets: BTreeMap::new(),
            bytes_max: BYTES_MAX,
        }
    }
}

/// Room for fifty files of the largest body, each with its first version.
const BYTES_MAX: usize = 512 * 1024 * 1024;

/// How deep folders go at most; deeper paths are cut, so that a loop cannot hang a walk.
const DEPTH_MAX: usize = 64;

/// Secrets, and folders, at most.
const ENTRIES_MAX: usize = 10_000;

impl SecretsSafe {
    /// Whether no more secrets or folders fit.
    pub(crate) fn is_full(&self) -> bool {
        self.secrets.len() >= ENTRIES_MAX || self.folders.len() >= ENTRIES_MAX
    }

    /// Keeps a secret, or puts it in the place of the one with its id. False when there is no room
    /// for its bytes.
    pub(crate) fn put(&mut self, secret: TeamSecret) -> bool {
        let others = self.secrets.values().filter(|other| other.id != secret.id);
        let bytes = secret.bytes() + others.map(TeamSecret::bytes).sum::<usize>();
        let fits = bytes <= self.bytes_max;
        if fits {
            self.secrets.insert(secret.id.clone(), secret);
        }
        fits
    }

    /// The names from the safe down to the folder.
    pub(crate) fn path(&self, folder: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self.upwards(folder).map(|at| at.name.as_str()).collect();
        names.reverse();
        names
    }

    /// The folder and those that it lies in, up to the safe.
    pub(crate) fn upwards<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a Folder> {
        let parent = |at: &&'a Folder| self.folders.get(at.parent.as_ref()?);
        std::iter::successors(self.folders.get(folder), parent).take(DEPTH_MAX)
    }

    /// Whether a folder lies in another, at any depth.
    pub(crate) fn lies_in(&self, folder: &str, other: &str) -> bool {
        self.upwards(folder).any(|at| at.id == other)
    }

    /// The folder at a path of names, in any case.
    pub(crate) fn folder_at(&self, path: &[&str]) -> Option<&Folder> {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let last = path.last()?;
        self.folders.values().find(|folder| {
            if !same(&folder.name, last) {
                return false;
            }
            let own = self.path(&folder.id);
            own.len() == path.len() && own.iter().zip(path).all(|(a, b)| same(a, b))
        })
    }

    /// Whether something in this place has the name already: safes where there is no parent.
    pub(crate) fn has_folder(&self, parent: Option<&str>, name: &str) -> bool {
        self.folders.values().any(|folder| {
            folder.parent.as_deref() == parent && folder.name.eq_ignore_ascii_case(name)
        })
    }

    /// Whether a secret in this folder has the title already.
    pub(crate) fn has_title(&self, folder: &str, title: &str) -> bool {
        self.secrets
            .values()
            .any(|secret| secret.folder == folder && secret.title.eq_ignore_ascii_case(title))
    }

    /// The secrets of a folder, shared ones too.
    pub(crate) fn in_folder(&self, folder: &str) -> impl Iterator<Item = &TeamSecret> {
        self.secrets
            .values()
            .filter(move |secret| secret.folder == folder || secret.shares.contains(folder))
    }

    /// Moves a folder into another.
    pub(crate) fn move_folder(
        &mut self,
        id: &str,
        to: &str,
        on_duplicate: OnDuplicate,
    ) -> Result<MovedFolder, Stuck> {
        let folder = self.folders.get(id).ok_or(Stuck::NotFound)?;
        if !self.folders.contains_key(to) {
            return Err(Stuck::NotFound);
        }
        if self.lies_in(to, id) {
            return Err(Stuck::InItself);
        }
        let mut moved = MovedFolder {
            old_parent: folder.parent.clone(),
            old_name: folder.name.clone(),
            new_name: folder.name.clone(),
        };
        if self.has_folder(Some(to), &folder.name) {
            match on_duplicate {
                OnDuplicate::Stop => return Err(Stuck::Taken),
                OnDuplicate::Skip => return Ok(moved),
                OnDuplicate::Rename => {
                    moved.new_name =
                        free_name(&folder.name, |name| self.has_folder(Some(to), name));
                }
            }
        }
        if let Some(folder) = self.folders.get_mut(id) {
            folder.parent = Some(to.to_owned());
            folder.name.clone_from(&moved.new_name);
        }
        Ok(moved)
    }

    /// The folders in this one, at any depth, with itself.
    pub(crate) fn below(&self, id: &str) -> Vec<&Folder> {
        let inside = |folder: &&Folder| self.lies_in(&folder.id, id);
        self.folders.values().filter(inside).collect()
    }

    /// Removes a folder or a safe with everything in it. False when there is none.
    pub(crate) fn remove_folder(&mut self, id: &str) -> bool {
        let doomed: BTreeSet<String> = self.below(id).iter().map(|at| at.id.clone()).collect();
        self.folders.retain(|id, _| !doomed.contains(id));
        self.secrets
            .retain(|_, secret| !doomed.contains(&secret.folder));
        for secret in self.secrets.values_mut() {
            secret.shares.retain(|folder| !doomed.contains(folder));
        }
        !doomed.is_empty()
    }
}

/// The name with the first number in brackets that makes it one of its own.
pub(crate) fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|number: u32| format!("{name} ({number})"));
    numbered
        .into_iter()
        .find(|name| !taken(name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str, length: usize) -> TeamSecret {
        let ids = [id.to_owned(), format!("{id}-1")];
        let content = Content::Text(Secret::new("x".repeat(length)));
        TeamSecret::new(ids, "folder".to_owned(), "t", content)
    }

    #[test]
    fn bytes_are_bounded_with_all_earlier_values() {
        let mut store = SecretsSafe {
            bytes_max: 100,
            ..SecretsSafe::default()
        };
        // The title, the value, and the value as the first version.
        assert!(store.put(text("a", 20)), "41 of 100");
        assert!(store.put(text("b", 29)), "100 of 100");
        assert!(!store.put(text("c", 1)));
        assert!(!store.secrets.contains_key("c"));
        assert!(store.put(text("b", 10)), "62 of 100, in its own place");
        let mut changed = text("b", 10);
        changed.set(
            "b-2".to_owned(),
            Content::Text(Secret::new("y".repeat(30))),
            UserId(1),
            SimTime(0),
        );
        assert!(!store.put(changed), "41 and 71");
        assert_eq!(store.secrets["b"].versions.len(), 1);
    }
}
