//! Secrets Safe: safes, folders and team secrets. psafe:§2.12.

use std::collections::BTreeMap;

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
    pub(crate) created_by: UserId,
    pub(crate) created_at: SimTime,
    pub(crate) modified_at: SimTime,
}

/// All of Secrets Safe.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecretsSafe {
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) secrets: BTreeMap<String, TeamSecret>,
}

/// How deep folders go at most; deeper paths are cut, so that a loop cannot hang a walk.
const DEPTH_MAX: usize = 64;

/// Secrets, and folders, at most.
const ENTRIES_MAX: usize = 10_000;

impl SecretsSafe {
    /// Whether no more secrets or folders fit.
    pub(crate) fn is_full(&self) -> bool {
        self.secrets.len() >= ENTRIES_MAX || self.folders.len() >= ENTRIES_MAX
    }

    /// The names from the safe down to the folder.
    pub(crate) fn path(&self, folder: &str) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = self.folders.get(folder);
        while let Some(folder) = at.filter(|_| names.len() < DEPTH_MAX) {
            names.push(folder.name.as_str());
            at = folder
                .parent
                .as_ref()
                .and_then(|parent| self.folders.get(parent));
        }
        names.reverse();
        names
    }

    /// The folder at a path of names, in any case.
    pub(crate) fn folder_at(&self, path: &[&str]) -> Option<&Folder> {
        self.folders.values().find(|folder| {
            let own = self.path(&folder.id);
            own.len() == path.len()
                && own
                    .iter()
                    .zip(path)
                    .all(|(a, b)| a.to_lowercase() == b.to_lowercase())
        })
    }

    /// The secrets that match: in this folder, with this title.
    pub(crate) fn find(&self, path: Option<&[&str]>, title: Option<&str>) -> Vec<&TeamSecret> {
        let folder = path.map(|path| self.folder_at(path).map(|folder| folder.id.as_str()));
        self.secrets
            .values()
            .filter(|secret| folder.is_none_or(|wanted| wanted == Some(secret.folder.as_str())))
            .filter(|secret| title.is_none_or(|title| secret.title.eq_ignore_ascii_case(title)))
            .collect()
    }

    /// Removes a folder or a safe with everything in it. False when there is none.
    pub(crate) fn remove_folder(&mut self, id: &str) -> bool {
        if !self.folders.contains_key(id) {
            return false;
        }
        let mut doomed = vec![id.to_owned()];
        while let Some(next) = doomed.pop() {
            self.folders.remove(&next);
            self.secrets.retain(|_, secret| secret.folder != next);
            doomed.extend(
                self.folders
                    .values()
                    .filter(|folder| folder.parent.as_deref() == Some(next.as_str()))
                    .map(|folder| folder.id.clone()),
            );
        }
        true
    }
}
