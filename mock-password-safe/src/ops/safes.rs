//! Secrets Safe: safes, their permissions, and folders. psafe:§2.12.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sim_kit::exchange::StatusCode;

use super::secrets_safe::{
    FULL, MOVING, READ, SecretDraft, VERSION, check_room, on_duplicate, secret_not_found,
};
use super::{Call, Param, Route, created, file, flag, gives, int, nothing, ok, route, text, texts};
use crate::secret::Secret;
use crate::state::State;
use crate::state::refusal::Refusal;
use crate::state::secrets_safe::{Content, Folder, Permission, Principal, Stuck};
use crate::wire::answer::Answer;
use crate::wire::rows::secrets_safe::{
    FolderRow, ImportRow, MovedFolderRow, PermissionNameRow, PermissionRow, SafeRow, SecretRow,
};

const FOLDER_NOT_FOUND: Refusal = Refusal::NotFound("Folder not found");
const SAFE_NOT_FOUND: Refusal = Refusal::NotFound("Safe not found");
const SAFE_TAKEN: Refusal = Refusal::Taken("A safe with this name already exists");
/// `vendor-client psafe:PYLIB`.
const NAME: Param = text("Name").required().at_most(256);
const DESCRIPTION: Param = text("Description").at_most(256);
const SAFE: &[Param] = &[NAME, DESCRIPTION];
const FOLDER: &[Param] = &[
    NAME,
    DESCRIPTION,
    text("ParentId").required(),
    int("UserGroupId"),
];
const PRINCIPAL: &[Param] = &[
    int("PrincipalType").required().between(0, 1),
    int("PrincipalID").required().between(1, i32::MAX),
];
const PERMISSION: &[Param] = &[
    PRINCIPAL[0],
    PRINCIPAL[1],
    texts("PermissionFlags"),
    text("ExpiresOn").at_most(40),
];
/// Names of permissions on a safe: which there are is not public (assumed).
const PERMISSIONS: [&str; 4] = ["Read", "Write", "Delete", "Share"];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Secrets-Safe/Folders",
        summary: "The folders",
        access: READ,
        query: &[
            text("folderName"),
            text("folderPath"),
            flag("includeSubfolders"),
            flag("rootOnly"),
            int("folderOwnerId"),
            int("limit").between(0, i32::MAX),
            int("offset").between(0, i32::MAX),
            VERSION[0],
        ],
        body: &[],
        gives: ok(gives::<Vec<FolderRow>>),
        run: folders,
    },
    route(
        "GET Secrets-Safe/Folders/{id}",
        "One folder",
        READ,
        VERSION,
        &[],
        ok(gives::<FolderRow>),
        folder,
    ),
    route(
        "POST Secrets-Safe/Folders",
        "Add a folder to a safe or a folder",
        FULL,
        VERSION,
        FOLDER,
        created(gives::<FolderRow>),
        add_folder,
    ),
    // The vendor's clients want 200 for a folder and 204 for a safe.
    route(
        "DELETE Secrets-Safe/Folders/{id}",
        "Remove a folder with everything in it",
        FULL,
        VERSION,
        &[],
        nothing(200),
        remove_folder,
    ),
    route(
        "PUT Secrets-Safe/Folders/{id}/Move",
        "Move a folder into another",
        FULL,
        VERSION,
        MOVING,
        ok(gives::<MovedFolderRow>),
        move_folder,
    ),
    route(
        "PUT Secrets-Safe/Folders/{id}/Favorite",
        "Mark a folder as one's favorite, or not",
        READ,
        VERSION,
        &[flag("Favorite").required()],
        nothing(204),
        favorite,
    ),
    route(
        "GET Secrets-Safe/Folders/{folderId}/Secrets",
        "The secrets of a folder, shared ones too",
        READ,
        VERSION,
        &[],
        ok(gives::<Vec<SecretRow>>),
        secrets,
    ),
    route(
        "POST Secrets-Safe/Folders/{folderId}/Upload",
        "Add the credentials of a file of comma-separated values: title, user name, password",
        FULL,
        VERSION,
        &[file("form-data")],
        created(gives::<ImportRow>),
        import,
    ),
    route(
        "GET Secrets-Safe/Safes",
        "The safes",
        READ,
        VERSION,
        &[],
        ok(gives::<Vec<SafeRow>>),
        safes,
    ),
    route(
        "GET Secrets-Safe/Safes/{id}",
        "One safe",
        READ,
        VERSION,
        &[],
        ok(gives::<SafeRow>),
        safe,
    ),
    route(
        "POST Secrets-Safe/Safes",
        "Add a safe",
        FULL,
        VERSION,
        SAFE,
        created(gives::<SafeRow>),
        add_safe,
    ),
    route(
        "PUT Secrets-Safe/Safes/{id}",
        "Rename or describe a safe",
        FULL,
        VERSION,
        SAFE,
        nothing(204),
        change_safe,
    ),
    route(
        "DELETE Secrets-Safe/Safes/{id}",
        "Remove a safe with everything in it",
        FULL,
        VERSION,
        &[],
        nothing(204),
        remove_safe,
    ),
    route(
        "GET Secrets-Safe/Safes/safe-permissions",
        "The permissions that there are on safes",
        READ,
        VERSION,
        &[],
        ok(gives::<Vec<PermissionNameRow>>),
        permission_names,
    ),
    route(
        "GET Secrets-Safe/Safes/{id}/safe-permissions",
        "Who may what in a safe",
        READ,
        VERSION,
        &[],
        ok(gives::<Vec<PermissionRow>>),
        permissions,
    ),
    route(
        "PUT Secrets-Safe/Safes/{id}/safe-permissions",
        "Say what a user or a group may do in a safe",
        FULL,
        VERSION,
        PERMISSION,
        nothing(204),
        set_permission,
    ),
    route(
        "DELETE Secrets-Safe/Safes/{id}/safe-permissions",
        "Take from a user or a group what it may do in a safe",
        FULL,
        VERSION,
        PRINCIPAL,
        nothing(204),
        remove_permission,
    ),
];

fn id(call: &Call<'_>) -> String {
    call.param(0).to_ascii_lowercase()
}

fn folders(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let name = call.query.words("folderName")?;
    let path = call.query.words("folderPath")?;
    let deep = call.query.flag("includeSubfolders")?.unwrap_or(true);
    let root_only = call.query.flag("rootOnly")?.unwrap_or(false);
    let owner = call.query.id("folderOwnerId")?;
    let store = &state.secrets_safe;
    let root = match &path {
        None => None,
        Some(path) => {
            let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
            match store.folder_at(&names) {
                Some(folder) => Some(folder.id.as_str()),
                None => return Ok(Answer::ok(&Vec::<FolderRow>::new())),
            }
        }
    };
    let is_top = |parent: &String| {
        let above = store.folders.get(parent);
        above.is_none_or(|above| above.parent.is_none())
    };
    let matching = store.folders.values().filter(|folder| {
        let Some(parent) = &folder.parent else {
            return false;
        };
        let below = root.is_none_or(|root| {
            folder.id == root || (deep && store.lies_in(&folder.id, root)) || parent == root
        });
        below
            && (!root_only || is_top(parent))
            && owner.is_none_or(|owner| folder.owner.0 == owner)
            && name
                .as_ref()
                .is_none_or(|name| folder.name.eq_ignore_ascii_case(name))
    });
    let (limit, offset) = call.page(1000)?;
    let user = call.user()?;
    let rows = matching.skip(offset).take(limit);
    let rows = rows.map(|folder| FolderRow::of(folder, user));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

/// A folder that is not a safe.
fn found_folder<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a Folder, Refusal> {
    let found = state.secrets_safe.folders.get(&id(call));
    found.ok_or(FOLDER_NOT_FOUND)
}

fn found_safe<'a>(state: &'a mut State, call: &Call<'_>) -> Result<&'a mut Folder, Refusal> {
    let found = state.secrets_safe.folders.get_mut(&id(call));
    found
        .filter(|folder| folder.parent.is_none())
        .ok_or(SAFE_NOT_FOUND)
}

fn folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let folder = found_folder(state, call)?;
    Ok(Answer::ok(&FolderRow::of(folder, call.user()?)))
}

fn add_folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let parent = call.fields.required_words("ParentId")?.to_ascii_lowercase();
    if !state.secrets_safe.folders.contains_key(&parent) {
        return Err(FOLDER_NOT_FOUND);
    }
    let mut folder = new_folder(state, call, Some(parent))?;
    folder.user_group = call.fields.id("UserGroupId")?.unwrap_or(0);
    let answer = Answer::created(&FolderRow::of(&folder, call.user()?));
    state.secrets_safe.folders.insert(folder.id.clone(), folder);
    Ok(answer)
}

fn new_folder(
    state: &mut State,
    call: &Call<'_>,
    parent: Option<String>,
) -> Result<Folder, Refusal> {
    check_room(state)?;
    let name = call.fields.required_words("Name")?;
    if parent.is_some() && state.secrets_safe.has_folder(parent.as_deref(), &name) {
        return Err(Refusal::Taken("A folder with this name already exists"));
    }
    let description = call.fields.text("Description")?.unwrap_or_default();
    let folder = Folder::named(state.mint.guid(), &name, parent, call.user()?);
    Ok(Folder {
        description,
        ..folder
    })
}

fn remove_folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    if state.secrets_safe.remove_folder(&id(call)) {
        Ok(Answer::empty(StatusCode::OK))
    } else {
        Err(FOLDER_NOT_FOUND)
    }
}

fn move_folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = id(call);
    let to = call.fields.required_words("DestinationFolderId")?;
    let to = to.to_ascii_lowercase();
    let moved = state
        .secrets_safe
        .move_folder(&id, &to, on_duplicate(call)?)
        .map_err(|stuck| match stuck {
            Stuck::NotFound => FOLDER_NOT_FOUND,
            Stuck::InItself => Refusal::malformed("A folder cannot be moved into itself"),
            Stuck::Taken => Refusal::Taken("A folder with this name already exists there"),
        })?;
    Ok(Answer::ok(&MovedFolderRow::of(
        &id,
        &moved,
        &state.secrets_safe,
    )))
}

fn favorite(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let wanted = call.fields.flag("Favorite")?.unwrap_or(false);
    let user = call.user()?;
    let folder = state.secrets_safe.folders.get_mut(&id(call));
    let folder = folder.ok_or(FOLDER_NOT_FOUND)?;
    if wanted {
        folder.favorite_of.insert(user);
    } else {
        folder.favorite_of.remove(&user);
    }
    Ok(Answer::no_content())
}

fn secrets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let folder = &found_folder(state, call)?.id;
    let view = super::secrets_safe::view(call)?;
    let found = state.secrets_safe.in_folder(folder);
    let rows = found.map(|secret| SecretRow::of(secret, state, view));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

/// The columns are assumed: the first line names them, and `Title`, `Username` and `Password` are
/// looked for in any case and order. The answer's members are those that `vendor-client
/// psafe:PSCLI` prints.
fn import(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let folder = found_folder(state, call)?.id.clone();
    let upload = call.upload.as_ref().ok_or_else(secret_not_found)?;
    let bytes = STANDARD.decode(upload.base64.expose()).unwrap_or_default();
    let text = zeroize::Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let head: Vec<&str> = cells(lines.next().unwrap_or_default());
    let column = |name: &str| head.iter().position(|own| own.eq_ignore_ascii_case(name));
    let (Some(title), Some(username), Some(password)) =
        (column("Title"), column("Username"), column("Password"))
    else {
        return Err(Refusal::malformed(
            "The first line must name Title, Username and Password",
        ));
    };
    let mut done = ImportRow::default();
    for line in lines {
        done.total_number += 1;
        let cells = cells(line);
        let cell = |at: usize| cells.get(at).filter(|cell| !cell.is_empty());
        let (Some(title), Some(username), Some(password)) =
            (cell(title), cell(username), cell(password))
        else {
            done.errors
                .push(format!("Row {} lacks a value", done.total_number));
            continue;
        };
        let content = Content::Credential {
            username: (*username).to_owned(),
            password: Secret::new((*password).to_owned()),
        };
        SecretDraft::titled(title).add(state, call, &folder, content)?;
        done.successful_import += 1;
    }
    Ok(Answer::created(&done))
}

/// The cells of a line; quotation marks around one are taken off.
fn cells(line: &str) -> Vec<&str> {
    line.trim_start_matches('\u{feff}')
        .split(',')
        .map(|cell| cell.trim().trim_matches('"'))
        .collect()
}

fn safes(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let all = state.secrets_safe.folders.values();
    let safes = all.filter(|folder| folder.parent.is_none());
    Ok(Answer::ok(&safes.map(SafeRow::of).collect::<Vec<_>>()))
}

fn safe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&SafeRow::of(found_safe(state, call)?)))
}

fn add_safe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let name = call.fields.required_words("Name")?;
    if state.secrets_safe.has_folder(None, &name) {
        return Err(SAFE_TAKEN);
    }
    let folder = new_folder(state, call, None)?;
    let answer = Answer::created(&SafeRow::of(&folder));
    state.secrets_safe.folders.insert(folder.id.clone(), folder);
    Ok(answer)
}

fn change_safe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let name = call.fields.required_words("Name")?;
    let description = call.fields.text("Description")?;
    let renamed = !found_safe(state, call)?.name.eq_ignore_ascii_case(&name);
    if renamed && state.secrets_safe.has_folder(None, &name) {
        return Err(SAFE_TAKEN);
    }
    let safe = found_safe(state, call)?;
    safe.name = name;
    if let Some(description) = description {
        safe.description = description;
    }
    Ok(Answer::no_content())
}

fn remove_safe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let safe = found_safe(state, call)?.id.clone();
    state.secrets_safe.remove_folder(&safe);
    Ok(Answer::no_content())
}

fn permission_names(_: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = PERMISSIONS.map(|permission_name| PermissionNameRow { permission_name });
    Ok(Answer::ok(&rows))
}

fn permissions(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = found_safe(state, call)?.permissions.iter();
    let rows = rows.map(|(principal, permission)| PermissionRow::of(*principal, permission));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

/// Principals on one safe at most.
const PRINCIPALS_MAX: usize = 1000;

fn set_permission(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let permission = Permission {
        flags: call.fields.texts("PermissionFlags")?.unwrap_or_default(),
        expires_on: call.fields.words("ExpiresOn")?,
    };
    let principal = principal(call)?;
    let safe = found_safe(state, call)?;
    if safe.permissions.len() >= PRINCIPALS_MAX && !safe.permissions.contains_key(&principal) {
        return Err(Refusal::malformed("There are too many permissions"));
    }
    safe.permissions.insert(principal, permission);
    Ok(Answer::no_content())
}

fn remove_permission(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let principal = principal(call)?;
    let removed = found_safe(state, call)?.permissions.remove(&principal);
    removed.ok_or(Refusal::NotFound("Permission not found"))?;
    Ok(Answer::no_content())
}

fn principal(call: &Call<'_>) -> Result<Principal, Refusal> {
    Ok(Principal {
        kind: call.fields.required_id("PrincipalType")?,
        id: call.fields.required_id("PrincipalID")?,
    })
}
