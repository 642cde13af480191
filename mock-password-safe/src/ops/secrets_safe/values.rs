//! Reading, adding, changing and moving secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sim_kit::exchange::StatusCode;

use super::{Call, SECRET_NOT_FOUND, id, secret, secret_mut};
use crate::digest;
use crate::secret::Secret;
use crate::state::State;
use crate::state::refusal::Refusal;
use crate::state::secrets_safe::{Content, OnDuplicate, SecretsSafe, TeamSecret, free_name};
use crate::wire::answer::Answer;
use crate::wire::date;
use crate::wire::read::Fields;
use crate::wire::rows::Page;
use crate::wire::rows::secrets_safe::{MovedSecretsRow, SecretRow, View};

/// How the caller sees secrets: by the minor version of the body model, 3.0 when none is named
/// (`documented psafe:DOC-new`).
pub(crate) fn view(call: &Call<'_>) -> Result<View, Refusal> {
    let minor = call.query.words("version")?;
    Ok(View {
        minor: minor
            .and_then(|word| word.trim().strip_prefix("3.")?.parse().ok())
            .unwrap_or(0),
        decrypt: call.query.flag("decrypt")?.unwrap_or(true),
        user: call.user()?,
    })
}

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let view = view(call)?;
    let separator = call.query.words("separator")?;
    let separator = separator.as_deref().unwrap_or("/");
    let path = call.query.words("path")?;
    let title = call.query.words("title")?;
    let favorite = call.query.flag("favorite")?;
    let after = call.query.words("afterdate")?.map(|text| {
        let after = date::read(&text);
        after.ok_or_else(|| Refusal::malformed("afterdate is not a date"))
    });
    let after = after.transpose()?;
    let store = &state.secrets_safe;
    let folder = path.as_ref().map(|path| {
        let names: Vec<&str> = path
            .split(separator)
            .filter(|name| !name.is_empty())
            .collect();
        store.folder_at(&names).map(|folder| folder.id.as_str())
    });
    let matching = || {
        store.secrets.values().filter(|secret| {
            folder.is_none_or(|wanted| {
                wanted.is_some_and(|id| secret.folder == id || secret.shares.contains(id))
            }) && title
                .as_ref()
                .is_none_or(|title| secret.title.eq_ignore_ascii_case(title))
                && favorite.is_none_or(|wanted| secret.favorite_of.contains(&view.user) == wanted)
                && after.is_none_or(|after| secret.modified_at >= after)
        })
    };
    let (limit, offset) = call.page(1000)?;
    let page = matching().skip(offset).take(limit);
    let data: Vec<_> = page
        .map(|secret| SecretRow::of(secret, state, view))
        .collect();
    if view.minor >= 2 {
        let total_count = matching().count();
        return Ok(Answer::ok(&Page { total_count, data }));
    }
    Ok(Answer::ok(&data))
}

pub(super) fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let secret = secret(state, call)?;
    Ok(Answer::ok(&SecretRow::of(secret, state, view(call)?)))
}

pub(super) fn get_kind(state: &mut State, call: &Call<'_>, kind: &str) -> Result<Answer, Refusal> {
    if secret(state, call)?.content.word() != kind {
        return Err(Refusal::NotFound("The secret is of another kind"));
    }
    get(state, call)
}

pub(super) fn download(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    bytes_of(&secret(state, call)?.content)
}

pub(super) fn bytes_of(content: &Content) -> Result<Answer, Refusal> {
    let Content::File { name, base64, .. } = content else {
        return Err(Refusal::NotFound("The secret is not a file"));
    };
    let bytes = STANDARD.decode(base64.expose());
    Ok(Answer::file(name, bytes.map_err(|_| SECRET_NOT_FOUND)?))
}

pub(super) fn add(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let view = view(call)?;
    let folder = call.param(0).to_ascii_lowercase();
    let content = match content(&call.fields, call)? {
        Some(content) => content,
        None => return Err(Refusal::malformed("The secret has no value")),
    };
    let draft = SecretDraft::read(&call.fields)?;
    let id = draft.add(state, call, &folder, content)?;
    let added = state.secrets_safe.secrets.get(&id);
    let added = added.ok_or(SECRET_NOT_FOUND)?;
    Ok(Answer::created(&SecretRow::of(added, state, view)))
}

/// The value in a body, of whichever kind its route takes.
fn content(fields: &Fields, call: &Call<'_>) -> Result<Option<Content>, Refusal> {
    if let Some(upload) = &call.upload {
        let bytes = STANDARD.decode(upload.base64.expose()).unwrap_or_default();
        let name = fields.words("FileName")?;
        return Ok(Some(Content::File {
            name: name.unwrap_or_else(|| upload.name.clone()),
            base64: upload.base64.clone(),
            hash: digest::file_hash(&bytes),
        }));
    }
    if let Some(text) = fields.words("Text")? {
        return Ok(Some(Content::Text(Secret::new(text))));
    }
    let (username, password) = (fields.words("Username")?, fields.words("Password")?);
    Ok(username.zip(password).map(|(username, password)| {
        let password = Secret::new(password);
        Content::Credential { username, password }
    }))
}

/// What is told of a secret beside its value.
#[derive(Default)]
pub(crate) struct SecretDraft {
    title: Option<String>,
    description: Option<String>,
    notes: Option<String>,
    urls: Option<Vec<String>>,
    /// On, with a seed; or off.
    totp: Option<Option<Secret>>,
}

impl SecretDraft {
    /// A title and nothing else.
    pub(crate) fn titled(title: &str) -> Self {
        Self {
            title: Some(title.to_owned()),
            ..Self::default()
        }
    }

    fn read(fields: &Fields) -> Result<Self, Refusal> {
        let urls = fields.value("Urls").and_then(serde_json::Value::as_array);
        let url = |row: &serde_json::Value| Some(row.get("Url")?.as_str()?.to_owned());
        let seed = fields.words("TotpSecretKey")?;
        let totp = match fields.flag("TotpEnabled")? {
            None => None,
            Some(false) => Some(None),
            Some(true) => {
                let seed = seed.and_then(|text| digest::totp_seed(&text));
                let bad = || Refusal::malformed("TotpSecretKey is not a base32 text");
                Some(Some(seed.ok_or_else(bad)?))
            }
        };
        Ok(Self {
            title: fields.words("Title")?,
            description: fields.text("Description")?,
            notes: fields.text("Notes")?,
            urls: urls.map(|rows| rows.iter().filter_map(url).collect()),
            totp,
        })
    }

    /// Adds a secret and gives its id.
    pub(crate) fn add(
        self,
        state: &mut State,
        call: &Call<'_>,
        folder: &str,
        content: Content,
    ) -> Result<String, Refusal> {
        check_room(state)?;
        if !state.secrets_safe.folders.contains_key(folder) {
            return Err(Refusal::NotFound("Folder not found"));
        }
        let ids = [state.mint.guid(), state.mint.guid()];
        let title = self.title.as_deref().unwrap_or_default();
        let mut secret =
            TeamSecret::new(ids, folder.to_owned(), title, content).made(call.user()?, call.now);
        self.apply(&mut secret)?;
        keep(state, secret)
    }

    fn apply(self, secret: &mut TeamSecret) -> Result<(), Refusal> {
        if let Some(totp) = self.totp {
            if secret.content.word() != "Credential" {
                return Err(Refusal::malformed("Only credentials have one-time codes"));
            }
            secret.totp = totp;
        }
        secret.title = self
            .title
            .unwrap_or_else(|| std::mem::take(&mut secret.title));
        if let Some(description) = self.description {
            secret.description = description;
        }
        if let Some(notes) = self.notes {
            secret.notes = notes;
        }
        if let Some(urls) = self.urls {
            secret.urls = urls;
        }
        Ok(())
    }
}

pub(super) fn change_kind(
    state: &mut State,
    call: &Call<'_>,
    kind: Option<&str>,
) -> Result<Answer, Refusal> {
    if kind.is_some_and(|kind| secret(state, call).is_ok_and(|own| own.content.word() != kind)) {
        return Err(Refusal::malformed("The secret is of another kind"));
    }
    let id = change(state, call)?;
    let changed = state.secrets_safe.secrets.get(&id);
    let changed = changed.ok_or(SECRET_NOT_FOUND)?;
    Ok(Answer::ok(&SecretRow::of(changed, state, view(call)?)))
}

pub(super) fn change_file(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    change_kind(state, call, Some("File"))?;
    Ok(Answer::no_content())
}

/// Takes over what the body says; what it leaves out stays. A new value is a new version.
fn change(state: &mut State, call: &Call<'_>) -> Result<String, Refusal> {
    let fields = &call.fields;
    let mut changed = secret(state, call)?.clone();
    if let Some(folder) = fields.words("FolderId")? {
        let folder = folder.to_ascii_lowercase();
        if !state.secrets_safe.folders.contains_key(&folder) {
            return Err(Refusal::NotFound("Folder not found"));
        }
        changed.folder = folder;
    }
    SecretDraft::read(fields)?.apply(&mut changed)?;
    let value = match &changed.content {
        Content::Credential { username, password } => {
            let name = fields.words("Username")?;
            let new = fields.words("Password")?.map(Secret::new);
            (name.is_some() || new.is_some()).then(|| Content::Credential {
                username: name.unwrap_or_else(|| username.clone()),
                password: new.unwrap_or_else(|| password.clone()),
            })
        }
        _ => content(fields, call)?,
    };
    if let Some(content) = value {
        let version = state.mint.guid();
        changed.set(version, content, call.user()?, call.now);
    }
    changed.modified_by = call.user()?;
    changed.modified_at = call.now;
    keep(state, changed)
}

/// Keeps a secret and gives its id.
fn keep(state: &mut State, secret: TeamSecret) -> Result<String, Refusal> {
    let id = secret.id.clone();
    if state.secrets_safe.put(secret) {
        return Ok(id);
    }
    Err(Refusal::malformed("There is no room for more secrets"))
}

pub(super) fn remove(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let removed = state.secrets_safe.secrets.remove(&id(call));
    removed.ok_or(SECRET_NOT_FOUND)?;
    Ok(Answer::empty(StatusCode::OK))
}

/// The word of a move.
pub(crate) fn on_duplicate(call: &Call<'_>) -> Result<OnDuplicate, Refusal> {
    let word = call.fields.required_words("DuplicateNameAction")?;
    Ok(match word.to_ascii_lowercase().as_str() {
        "rename" => OnDuplicate::Rename,
        "skip" => OnDuplicate::Skip,
        _ => OnDuplicate::Stop,
    })
}

/// Moves what can be moved and tells what became of the rest (`vendor-client psafe:PYLIB` for the
/// members of the answer). With `Stop`, one title that is taken keeps everything where it is.
/// A share is moved by the id of its secret (assumed).
pub(super) fn move_secrets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let to = call.fields.required_words("DestinationFolderId")?;
    let to = to.to_ascii_lowercase();
    let store = &mut state.secrets_safe;
    if !store.folders.contains_key(&to) {
        return Err(Refusal::NotFound("Folder not found"));
    }
    let on_duplicate = on_duplicate(call)?;
    let ids = |name| -> Result<Vec<String>, Refusal> {
        let ids = call.fields.texts(name)?.unwrap_or_default();
        Ok(ids.iter().map(|id| id.to_ascii_lowercase()).collect())
    };
    let (secrets, shares) = (ids("SecretIds")?, ids("ShareIds")?);
    let taken = |store: &SecretsSafe, id: &String| {
        let secret = store.secrets.get(id);
        secret.is_some_and(|own| own.folder != to && store.has_title(&to, &own.title))
    };
    if on_duplicate == OnDuplicate::Stop && secrets.iter().any(|id| taken(store, id)) {
        return Err(Refusal::Taken(
            "A secret with this title already exists there",
        ));
    }
    let mut done = MovedSecretsRow::to(&to, secrets.len(), shares.len());
    for id in secrets {
        let duplicate = taken(store, &id);
        let title = store.secrets.get(&id).map(|secret| secret.title.clone());
        match title {
            None => done.secrets_not_found.push(id),
            Some(_) if duplicate && on_duplicate == OnDuplicate::Skip => {
                done.secrets_skipped.push(id);
            }
            Some(title) => {
                let new = duplicate.then(|| free_name(&title, |name| store.has_title(&to, name)));
                if let Some(secret) = store.secrets.get_mut(&id) {
                    secret.folder.clone_from(&to);
                    secret.shares.remove(&to);
                    secret.title = new.unwrap_or(title);
                }
                done.secrets_moved_count += 1;
                if duplicate {
                    done.secrets_renamed.push(id);
                }
            }
        }
    }
    for id in shares {
        match store.secrets.get_mut(&id) {
            Some(secret) if !secret.shares.is_empty() => {
                secret.shares.clear();
                secret.shares.insert(to.clone());
                done.shares_moved_count += 1;
            }
            _ => done.shares_not_found.push(id),
        }
    }
    Ok(Answer::ok(&done))
}

pub(super) fn favorite(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let wanted = call.fields.flag("Favorite")?.unwrap_or(false);
    let user = call.user()?;
    let secret = secret_mut(state, call)?;
    if wanted {
        secret.favorite_of.insert(user);
    } else {
        secret.favorite_of.remove(&user);
    }
    Ok(Answer::no_content())
}

pub(crate) fn check_room(state: &State) -> Result<(), Refusal> {
    if state.secrets_safe.is_full() {
        return Err(Refusal::malformed("There are too many secrets or folders"));
    }
    Ok(())
}
