//! Secrets Safe, as far as the vendor's clients call it. psafe:§2.12.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sim_kit::exchange::StatusCode;

use super::{
    Access, Call, Param, Route, created, flag, gives, int, many_or_page, nothing, ok, text,
};
use crate::secret::Secret;
use crate::state::State;
use crate::state::people::{Feature, Level};
use crate::state::refusal::Refusal;
use crate::state::secrets_safe::{Content, Folder, TeamSecret};
use crate::wire::answer::Answer;
use crate::wire::multipart;
use crate::wire::read::{Fields, Kind};
use crate::wire::rows::Page;
use crate::wire::rows::secrets_safe::{FolderRow, SafeRow, SecretRow};

const READ: Access = Access::Feature(Feature::SecretsSafe, Level::Read);
const FULL: Access = Access::Feature(Feature::SecretsSafe, Level::FullControl);
const SECRET_NOT_FOUND: Refusal = Refusal::NotFound("Secret not found");
const FOLDER_NOT_FOUND: Refusal = Refusal::NotFound("Folder not found");
const VERSION: &[Param] = &[text("version")];
const FOLDER: &[Param] = &[
    text("Name").required(),
    text("Description"),
    text("ParentId"),
];
const SECRET: &[Param] = &[
    text("Title").required(),
    text("Description"),
    text("Username"),
    text("Password"),
    text("Text"),
    text("Notes"),
];

type Run = fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>;

const fn reading(
    name: &'static str,
    summary: &'static str,
    gives: super::Gives,
    run: Run,
) -> Route {
    Route {
        name,
        summary,
        access: READ,
        query: VERSION,
        body: &[],
        gives,
        run,
    }
}

const fn adding(
    name: &'static str,
    summary: &'static str,
    body: &'static [Param],
    gives: super::Gives,
    run: Run,
) -> Route {
    Route {
        name,
        summary,
        access: FULL,
        query: VERSION,
        body,
        gives,
        run,
    }
}

const fn removing(name: &'static str, summary: &'static str, run: Run) -> Route {
    Route {
        name,
        summary,
        access: FULL,
        query: &[],
        body: &[],
        gives: nothing(200),
        run,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Secrets-Safe/Secrets",
        summary: "Secrets by path and title; a page from version 3.2 on",
        access: READ,
        query: &[
            text("path"),
            text("separator"),
            text("title"),
            flag("decrypt"),
            text("version"),
            int("limit"),
            int("offset"),
        ],
        body: &[],
        gives: ok(many_or_page::<SecretRow>),
        run: list,
    },
    reading(
        "GET Secrets-Safe/Secrets/{id}",
        "One secret",
        ok(gives::<SecretRow>),
        get,
    ),
    reading(
        "GET Secrets-Safe/Secrets/{id}/Text",
        "A text secret",
        ok(gives::<SecretRow>),
        get,
    ),
    reading(
        "GET Secrets-Safe/Secrets/{id}/File",
        "A file secret's row",
        ok(gives::<SecretRow>),
        get,
    ),
    reading(
        "GET Secrets-Safe/Secrets/{id}/File/Download",
        "A file secret's bytes",
        nothing(200),
        download,
    ),
    adding(
        "POST Secrets-Safe/Folders/{folderId}/Secrets",
        "Add a credential",
        SECRET,
        created(gives::<SecretRow>),
        add_credential,
    ),
    adding(
        "POST Secrets-Safe/Folders/{folderId}/Secrets/Text",
        "Add a text",
        SECRET,
        created(gives::<SecretRow>),
        add_text,
    ),
    adding(
        "POST Secrets-Safe/Folders/{folderId}/Secrets/File",
        "Add a file (multipart)",
        &[],
        created(gives::<SecretRow>),
        add_file,
    ),
    adding(
        "PUT Secrets-Safe/Secrets/{id}",
        "Change a secret",
        SECRET,
        ok(gives::<SecretRow>),
        change,
    ),
    removing(
        "DELETE Secrets-Safe/Secrets/{id}",
        "Remove a secret",
        remove,
    ),
    reading(
        "GET Secrets-Safe/Folders",
        "The folders",
        ok(gives::<Vec<FolderRow>>),
        folders,
    ),
    reading(
        "GET Secrets-Safe/Folders/{id}",
        "One folder",
        ok(gives::<FolderRow>),
        folder,
    ),
    adding(
        "POST Secrets-Safe/Folders",
        "Add a folder to a safe or a folder",
        FOLDER,
        created(gives::<FolderRow>),
        add_folder,
    ),
    removing(
        "DELETE Secrets-Safe/Folders/{id}",
        "Remove a folder",
        remove_folder,
    ),
    reading(
        "GET Secrets-Safe/Safes",
        "The safes",
        ok(gives::<Vec<SafeRow>>),
        safes,
    ),
    reading(
        "GET Secrets-Safe/Safes/{id}",
        "One safe",
        ok(gives::<SafeRow>),
        safe,
    ),
    adding(
        "POST Secrets-Safe/Safes",
        "Add a safe",
        FOLDER,
        created(gives::<SafeRow>),
        add_safe,
    ),
    removing(
        "DELETE Secrets-Safe/Safes/{id}",
        "Remove a safe",
        remove_folder,
    ),
];

/// The minor version of the body model, from `?version=3.x`; 0 when absent (`documented
/// psafe:DOC-new`).
fn minor(call: &Call<'_>) -> Result<u8, Refusal> {
    match call.query.words("version")? {
        None => Ok(0),
        Some(word) => word
            .strip_prefix("3.")
            .and_then(|minor| minor.parse().ok())
            .filter(|minor| *minor <= 3)
            .ok_or_else(|| Refusal::malformed("version is not supported")),
    }
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let minor = minor(call)?;
    let separator = call
        .query
        .words("separator")?
        .unwrap_or_else(|| "/".to_owned());
    let path = call.query.words("path")?;
    let names: Option<Vec<&str>> = path.as_ref().map(|path| {
        path.split(separator.as_str())
            .filter(|name| !name.is_empty())
            .collect()
    });
    let title = call.query.words("title")?;
    let decrypt = call.query.flag("decrypt")?.unwrap_or(true);
    let found = state.secrets_safe.find(names.as_deref(), title.as_deref());
    let (limit, offset) = call.page(1000)?;
    let page = found.iter().skip(offset).take(limit);
    let data: Vec<_> = page
        .map(|secret| SecretRow::of(secret, state, minor, decrypt))
        .collect();
    if minor >= 2 {
        return Ok(Answer::ok(&Page {
            total_count: found.len(),
            data,
        }));
    }
    Ok(Answer::ok(&data))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&SecretRow::of(
        secret(state, call)?,
        state,
        minor(call)?,
        true,
    )))
}

fn download(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    match &secret(state, call)?.content {
        Content::File { name, base64 } => {
            let bytes = STANDARD
                .decode(base64.expose())
                .map_err(|_| SECRET_NOT_FOUND)?;
            Ok(Answer::file(name, bytes))
        }
        _ => Err(Refusal::NotFound("The secret is not a file")),
    }
}

fn add_credential(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.fields()?;
    let content = Content::Credential {
        username: fields.required_words("Username")?,
        password: Secret::new(fields.required_words("Password")?),
    };
    add(state, call, &fields, content)
}

fn add_text(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.fields()?;
    let content = Content::Text(Secret::new(fields.required_words("Text")?));
    add(state, call, &fields, content)
}

/// The metadata is a part of JSON; the file is called `files` or `file` (`vendor-client
/// psafe:PYLIB`, `psafe:GO`).
fn add_file(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let content_type = call.content_type.unwrap_or_default();
    if Kind::of(Some(content_type)) != Kind::Multipart {
        return Err(Refusal::UnsupportedMedia);
    }
    let parts = multipart::parts(content_type, call.body)?;
    let named = |names: &[&str]| {
        parts.iter().find(|part| {
            names
                .iter()
                .any(|name| part.name.eq_ignore_ascii_case(name))
        })
    };
    let metadata = named(&["secretmetadata"])
        .ok_or_else(|| Refusal::malformed("The part secretmetadata is required"))?;
    let file = named(&["files", "file"])
        .ok_or_else(|| Refusal::malformed("The part files is required"))?;
    let fields = Fields::of_json(metadata.body)?;
    let name = match fields.words("FileName")? {
        Some(name) => name,
        None => file.file_name.clone().unwrap_or_else(|| "file".to_owned()),
    };
    let base64 = Secret::new(STANDARD.encode(file.body));
    add(state, call, &fields, Content::File { name, base64 })
}

fn add(
    state: &mut State,
    call: &Call<'_>,
    fields: &Fields,
    content: Content,
) -> Result<Answer, Refusal> {
    let minor = minor(call)?;
    check_room(state)?;
    let folder = call.param(0).to_ascii_lowercase();
    if !state.secrets_safe.folders.contains_key(&folder) {
        return Err(FOLDER_NOT_FOUND);
    }
    let secret = TeamSecret {
        id: state.mint.guid(),
        folder,
        title: fields.required_words("Title")?,
        description: fields.text("Description")?.unwrap_or_default(),
        notes: fields.text("Notes")?.unwrap_or_default(),
        urls: Vec::new(),
        content,
        created_by: call.user()?,
        created_at: call.now,
        modified_at: call.now,
    };
    let answer = Answer::created(&SecretRow::of(&secret, state, minor, true));
    state.secrets_safe.secrets.insert(secret.id.clone(), secret);
    Ok(answer)
}

fn change(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let minor = minor(call)?;
    let fields = call.fields()?;
    let mut changed = secret(state, call)?.clone();
    if let Some(title) = fields.words("Title")? {
        changed.title = title;
    }
    if let Some(description) = fields.text("Description")? {
        changed.description = description;
    }
    if let Some(notes) = fields.text("Notes")? {
        changed.notes = notes;
    }
    match &mut changed.content {
        Content::Credential { username, password } => {
            if let Some(name) = fields.words("Username")? {
                *username = name;
            }
            if let Some(text) = fields.words("Password")? {
                *password = Secret::new(text);
            }
        }
        Content::Text(text) => {
            if let Some(new) = fields.words("Text")? {
                *text = Secret::new(new);
            }
        }
        Content::File { .. } => {}
    }
    changed.modified_at = call.now;
    let answer = Answer::ok(&SecretRow::of(&changed, state, minor, true));
    state
        .secrets_safe
        .secrets
        .insert(changed.id.clone(), changed);
    Ok(answer)
}

fn remove(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.param(0).to_ascii_lowercase();
    state
        .secrets_safe
        .secrets
        .remove(&id)
        .ok_or(SECRET_NOT_FOUND)?;
    Ok(Answer::empty(StatusCode::OK))
}

fn secret<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a TeamSecret, Refusal> {
    let id = call.param(0).to_ascii_lowercase();
    state.secrets_safe.secrets.get(&id).ok_or(SECRET_NOT_FOUND)
}

fn folders(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let all = state
        .secrets_safe
        .folders
        .values()
        .filter(|folder| folder.parent.is_some());
    Ok(Answer::ok(&all.map(FolderRow::of).collect::<Vec<_>>()))
}

fn safes(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let all = state
        .secrets_safe
        .folders
        .values()
        .filter(|folder| folder.parent.is_none());
    Ok(Answer::ok(&all.map(SafeRow::of).collect::<Vec<_>>()))
}

fn folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&FolderRow::of(found_folder(state, call)?)))
}

fn safe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&SafeRow::of(found_folder(state, call)?)))
}

fn found_folder<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a Folder, Refusal> {
    let id = call.param(0).to_ascii_lowercase();
    state.secrets_safe.folders.get(&id).ok_or(FOLDER_NOT_FOUND)
}

fn add_folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.fields()?;
    let parent = fields.required_words("ParentId")?.to_ascii_lowercase();
    if !state.secrets_safe.folders.contains_key(&parent) {
        return Err(FOLDER_NOT_FOUND);
    }
    let folder = new_folder(state, call, &fields, Some(parent))?;
    let answer = Answer::created(&FolderRow::of(&folder));
    state.secrets_safe.folders.insert(folder.id.clone(), folder);
    Ok(answer)
}

fn add_safe(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let folder = new_folder(state, call, &call.fields()?, None)?;
    let answer = Answer::created(&SafeRow::of(&folder));
    state.secrets_safe.folders.insert(folder.id.clone(), folder);
    Ok(answer)
}

fn new_folder(
    state: &mut State,
    call: &Call<'_>,
    fields: &Fields,
    parent: Option<String>,
) -> Result<Folder, Refusal> {
    check_room(state)?;
    Ok(Folder {
        id: state.mint.guid(),
        name: fields.required_words("Name")?,
        description: fields.text("Description")?.unwrap_or_default(),
        parent,
        owner: call.user()?,
    })
}

fn remove_folder(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.param(0).to_ascii_lowercase();
    if !state.secrets_safe.remove_folder(&id) {
        return Err(FOLDER_NOT_FOUND);
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn check_room(state: &State) -> Result<(), Refusal> {
    if state.secrets_safe.is_full() {
        return Err(Refusal::malformed("There are too many secrets or folders"));
    }
    Ok(())
}
