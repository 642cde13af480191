//! Secrets Safe. psafe:§2.12.

use schemars::JsonSchema;
use serde::Serialize;
use sim_kit::clock::SimTime;

use crate::digest::TOTP_PERIOD_S;
use crate::state::State;
use crate::state::ids::UserId;
use crate::state::secrets_safe::{
    Content, Folder, MovedFolder, Permission, Principal, SecretsSafe, TeamSecret, Version,
};
use crate::wire::date;

/// A secret. Members by minor version: `IsFavorite` from 3.1, `SecretValueModifiedOn` from 3.2,
/// one-time codes from 3.3.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_parameters: Option<String>,
}

/// How somebody sees secrets: minor version of the model, with values or without, and who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) minor: u8,
    pub(crate) decrypt: bool,
    pub(crate) user: UserId,
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

impl OwnerRow {
    fn of(secret: &TeamSecret, state: &State, minor: u8) -> Self {
        let user = state.people.users.get(&secret.created_by);
        let email = user.map(|user| user.email.clone()).unwrap_or_default();
        let name = name_of(state, secret.created_by);
        let (id, old) = (secret.created_by.0, minor == 0);
        Self {
            owner_id: old.then_some(id),
            owner: old.then(|| name.clone()),
            user_id: (!old).then_some(id),
            name: (!old).then_some(name),
            email,
        }
    }
}

fn name_of(state: &State, user: UserId) -> String {
    state.people.full_name(user).unwrap_or_default().to_string()
}

impl SecretRow {
    pub(crate) fn of(secret: &TeamSecret, state: &State, view: View) -> Self {
        let View { minor, decrypt, .. } = view;
        let path = state.secrets_safe.path(&secret.folder);
        let name = name_of(state, secret.created_by);
        let owner = OwnerRow::of(secret, state, minor);
        let shown = |value: &crate::secret::Secret| decrypt.then(|| value.expose().to_owned());
        let (username, password, file_name, text) = match &secret.content {
            Content::Credential { username, password } => {
                (Some(username.clone()), shown(password), None, None)
            }
            Content::Text(text) => (None, None, None, shown(text)),
            Content::File { name, .. } => (None, None, Some(name.clone()), None),
        };
        let file_hash = match &secret.content {
            Content::File { hash, .. } => Some(hash.clone()),
            _ => None,
        };
        Self {
            id: secret.id.clone(),
            title: secret.title.clone(),
            description: secret.description.clone(),
            username,
            password,
            file_name,
            file_hash,
            text,
            secret_type: secret.content.word(),
            owner_id: (minor == 0).then_some(secret.created_by.0),
            owner: (minor == 0).then(|| name.clone()),
            owner_type: (minor == 0).then_some("User"),
            folder_id: secret.folder.clone(),
            created_on: date::print(secret.created_at),
            created_by: name,
            modified_on: date::print(secret.modified_at),
            modified_by: name_of(state, secret.modified_by),
            folder: path.last().copied().unwrap_or_default().to_owned(),
            folder_path: path.join("/"),
            owners: vec![owner],
            notes: secret.notes.clone(),
            urls: secret
                .urls
                .iter()
                .map(|url| UrlRow::of(url, &secret.id))
                .collect(),
            is_favorite: (minor >= 1).then(|| secret.favorite_of.contains(&view.user)),
            secret_value_modified_on: (minor >= 2).then(|| date::print(secret.value_modified_at)),
            totp_enabled: (minor >= 3).then_some(secret.totp.is_some()),
            totp_parameters: None,
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
    pub(crate) fn of(folder: &Folder, user: UserId) -> Self {
        Self {
            id: folder.id.clone(),
            name: folder.name.clone(),
            description: folder.description.clone(),
            parent_id: folder.parent.clone(),
            user_group_id: folder.user_group,
            user_id: folder.owner.0,
            folder_owner_id: folder.owner.0,
            is_favorite: folder.favorite_of.contains(&user),
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

/// What became of a folder that was moved (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MovedFolderRow {
    folder_id: String,
    parent_id: Option<String>,
    old_parent_id: Option<String>,
    folder_count: usize,
    secret_count: usize,
    share_count: usize,
    new_folder_name: String,
    old_folder_name: String,
}

impl MovedFolderRow {
    pub(crate) fn of(id: &str, moved: &MovedFolder, store: &SecretsSafe) -> Self {
        let below = store.below(id);
        let inside = |folder: &String| below.iter().any(|own| own.id == *folder);
        let secrets = || store.secrets.values();
        Self {
            folder_id: id.to_owned(),
            parent_id: store.folders.get(id).and_then(|own| own.parent.clone()),
            old_parent_id: moved.old_parent.clone(),
            folder_count: below.len(),
            secret_count: secrets().filter(|own| inside(&own.folder)).count(),
            share_count: secrets()
                .flat_map(|own| &own.shares)
                .filter(|at| inside(at))
                .count(),
            new_folder_name: moved.new_name.clone(),
            old_folder_name: moved.old_name.clone(),
        }
    }
}

/// What became of secrets that were moved (`vendor-client psafe:PYLIB`).
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MovedSecretsRow {
    errors: Vec<String>,
    destination_folder_id: String,
    secrets_count: usize,
    shares_count: usize,
    pub(crate) secrets_moved_count: usize,
    pub(crate) shares_moved_count: usize,
    pub(crate) secrets_renamed: Vec<String>,
    pub(crate) secrets_skipped: Vec<String>,
    secrets_failed_validation: Vec<String>,
    pub(crate) secrets_not_found: Vec<String>,
    shares_failed_validation: Vec<String>,
    pub(crate) shares_not_found: Vec<String>,
    shares_not_moved_to_different_safe: Vec<String>,
    shares_removed: Vec<String>,
}

impl MovedSecretsRow {
    pub(crate) fn to(folder: &str, secrets: usize, shares: usize) -> Self {
        Self {
            destination_folder_id: folder.to_owned(),
            secrets_count: secrets,
            shares_count: shares,
            ..Self::default()
        }
    }
}

/// The values that a secret has and had (`vendor-client psafe:PSCLI` reads `Versions`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionsRow {
    secret_id: String,
    versions: Vec<VersionRow>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct VersionRow {
    id: String,
    version_number: u32,
    is_active: bool,
    created_on: String,
    created_by: String,
    file_name: Option<String>,
    #[serde(rename = "IsHSMEncrypted")]
    is_hsm_encrypted: bool,
}

impl VersionsRow {
    pub(crate) fn of(secret: &TeamSecret, state: &State) -> Self {
        let row = |version: &Version| VersionRow {
            id: version.id.clone(),
            version_number: version.number,
            is_active: version.id == secret.active,
            created_on: date::print(version.created_at),
            created_by: name_of(state, version.created_by),
            file_name: match &version.content {
                Content::File { name, .. } => Some(name.clone()),
                _ => None,
            },
            is_hsm_encrypted: false,
        };
        Self {
            secret_id: secret.id.clone(),
            versions: secret.versions.iter().map(row).collect(),
        }
    }
}

/// A folder that a secret shows in beside its own (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShareRow {
    secret_id: String,
    folder_id: String,
    folder_path: String,
    secret_name: String,
}

impl ShareRow {
    pub(crate) fn of(secret: &TeamSecret, folder: &str, state: &State) -> Self {
        Self {
            secret_id: secret.id.clone(),
            folder_id: folder.to_owned(),
            folder_path: state.secrets_safe.path(folder).join("/"),
            secret_name: secret.title.clone(),
        }
    }
}

/// A one-time code and when it holds (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TotpRow {
    code: String,
    valid_from_utc: String,
    valid_to_utc: String,
}

impl TotpRow {
    pub(crate) fn of(code: String, now: SimTime) -> Self {
        let from = now.unix_s().div_euclid(TOTP_PERIOD_S) * TOTP_PERIOD_S;
        let print = |second: i64| date::print(SimTime(second * 1000));
        Self {
            code,
            valid_from_utc: print(from),
            valid_to_utc: print(from + TOTP_PERIOD_S),
        }
    }
}

/// The name of a permission on safes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PermissionNameRow {
    pub(crate) permission_name: &'static str,
}

/// What somebody may do in a safe (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PermissionRow {
    principal_type: i32,
    #[serde(rename = "PrincipalID")]
    principal_id: i32,
    permission_flags: Vec<String>,
    expires_on: Option<String>,
}

impl PermissionRow {
    pub(crate) fn of(principal: Principal, permission: &Permission) -> Self {
        Self {
            principal_type: principal.kind,
            principal_id: principal.id,
            permission_flags: permission.flags.clone(),
            expires_on: permission.expires_on.clone(),
        }
    }
}

/// What came of a file of comma-separated values (`vendor-client psafe:PSCLI`).
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImportRow {
    pub(crate) total_number: usize,
    pub(crate) successful_import: usize,
    pub(crate) errors: Vec<String>,
}
