//! Secrets Safe. psafe:§2.12.

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::State;
use crate::state::secrets_safe::{Content, Folder, TeamSecret};
use crate::wire::date;

/// A secret. Members by minor version: `IsFavorite` from 3.1, `SecretValueModifiedOn` from 3.2.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecretRow {
    id: String,
    title: String,
    description: String,
    username: Option<String>,
    password: Option<String>,
    file_name: Option<String>,
    file_hash: Option<String>,
    text: Option<String>,
    secret_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_type: Option<&'static str>,
    folder_id: String,
    created_on: String,
    created_by: String,
    modified_on: String,
    modified_by: String,
    folder: String,
    folder_path: String,
    owners: Vec<OwnerRow>,
    notes: String,
    urls: Vec<UrlRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_favorite: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_value_modified_on: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct OwnerRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    email: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct UrlRow {
    id: String,
    credential_id: String,
    url: String,
}

impl SecretRow {
    /// The row of minor version `minor`, with its values when they are asked for decrypted.
    pub(crate) fn of(secret: &TeamSecret, state: &State, minor: u8, decrypt: bool) -> Self {
        let path = state.secrets_safe.path(&secret.folder);
        let user = state.people.users.get(&secret.created_by);
        let name = user
            .map(crate::state::people::User::full_name)
            .unwrap_or_default();
        let email = user.map(|user| user.email.clone()).unwrap_or_default();
        let owner = match minor {
            0 => OwnerRow {
                owner_id: Some(secret.created_by.0),
                owner: Some(name.clone()),
                user_id: None,
                name: None,
                email,
            },
            _ => OwnerRow {
                owner_id: None,
                owner: None,
                user_id: Some(secret.created_by.0),
                name: Some(name.clone()),
                email,
            },
        };
        let shown = |value: &crate::secret::Secret| decrypt.then(|| value.expose().to_owned());
        let (username, password, file_name, text) = match &secret.content {
            Content::Credential { username, password } => {
                (Some(username.clone()), shown(password), None, None)
            }
            Content::Text(text) => (None, None, None, shown(text)),
            Content::File { name, .. } => (None, None, Some(name.clone()), None),
        };
        Self {
            id: secret.id.clone(),
            title: secret.title.clone(),
            description: secret.description.clone(),
            username,
            password,
            file_name,
            file_hash: None,
            text,
            secret_type: secret.content.word(),
            owner_id: (minor == 0).then_some(secret.created_by.0),
            owner: (minor == 0).then(|| name.clone()),
            owner_type: (minor == 0).then_some("User"),
            folder_id: secret.folder.clone(),
            created_on: date::print(secret.created_at),
            created_by: name.clone(),
            modified_on: date::print(secret.modified_at),
            modified_by: name,
            folder: path.last().copied().unwrap_or_default().to_owned(),
            folder_path: path.join("/"),
            owners: vec![owner],
            notes: secret.notes.clone(),
            urls: secret
                .urls
                .iter()
                .map(|url| UrlRow::of(url, &secret.id))
                .collect(),
            is_favorite: (minor >= 1).then_some(false),
            secret_value_modified_on: (minor >= 2).then(|| date::print(secret.modified_at)),
        }
    }
}

impl UrlRow {
    fn of(url: &str, secret: &str) -> Self {
        Self {
            id: secret.to_owned(),
            credential_id: secret.to_owned(),
            url: url.to_owned(),
        }
    }
}

/// A folder (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FolderRow {
    id: String,
    name: String,
    description: String,
    parent_id: Option<String>,
    user_group_id: i32,
    user_id: i32,
    folder_owner_id: i32,
    is_favorite: bool,
}

impl FolderRow {
    pub(crate) fn of(folder: &Folder) -> Self {
        Self {
            id: folder.id.clone(),
            name: folder.name.clone(),
            description: folder.description.clone(),
            parent_id: folder.parent.clone(),
            user_group_id: 0,
            user_id: folder.owner.0,
            folder_owner_id: folder.owner.0,
            is_favorite: false,
        }
    }
}

/// A safe.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SafeRow {
    id: String,
    name: String,
    description: String,
}

impl SafeRow {
    pub(crate) fn of(folder: &Folder) -> Self {
        Self {
            id: folder.id.clone(),
            name: folder.name.clone(),
            description: folder.description.clone(),
        }
    }
}
