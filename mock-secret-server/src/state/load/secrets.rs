//! Templates and secrets, and the index over their values.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::super::built_in;
use super::super::contents::{FieldKind, NewSecret, NewTemplate, NewValue, SecretRules};
use super::super::index::{FieldIndex, Verbatim, key};
use super::super::model::{
    Field, File, FolderSlot, Item, Rare, SecretRecord, SecretSlot, Template, TemplateSlot, Value,
};
use super::super::origin::Origin;
use super::{ContentsError, FolderPaths, Loaded, folded_path, missing, same_name};

/// Ids of templates that the lab adds start here, above the built-in ones.
const FIRST_TEMPLATE_ID: i32 = 7001;
/// Ids of fields start here.
const FIRST_FIELD_ID: i32 = 61;

pub(super) fn templates(added: Vec<NewTemplate>) -> Loaded<Vec<Template>> {
    let mut all: Vec<NewTemplate> = built_in::templates()
        .filter(|built_in| !added.iter().any(|one| same_name(&one.name, &built_in.name)))
        .collect();
    all.extend(added);
    let mut field_ids = FIRST_FIELD_ID..;
    let mut free_ids = FIRST_TEMPLATE_ID..;
    let mut templates: Vec<Template> = Vec::with_capacity(all.len());
    for template in all {
        let taken = |id: i32| templates.iter().any(|one| one.id == id);
        let id = template
            .id
            .or_else(|| free_ids.find(|&id| !taken(id)))
            .unwrap_or(i32::MAX);
        if taken(id)
            || templates
                .iter()
                .any(|one| same_name(&one.name, &template.name))
        {
            return Err(ContentsError::Duplicate {
                what: "template",
                name: template.name,
            });
        }
        let fields = template.fields.into_iter().map(|field| {
            let name: Arc<str> = field.name.into();
            Field {
                id: field_ids.next().unwrap_or(i32::MAX),
                display_name: field
                    .display_name
                    .map_or_else(|| Arc::clone(&name), Arc::from),
                name,
                kind: field.kind,
                exposed: field.exposed,
            }
        });
        templates.push(Template {
            id,
            fields: fields.collect(),
            name: template.name.into(),
        });
    }
    Ok(templates)
}

/// Texts that stand in many secrets are kept once. Two texts of one hash are kept apart.
#[derive(Default)]
struct Interned(HashMap<u64, Arc<str>, BuildHasherDefault<Verbatim>>);

impl Interned {
    fn text(&mut self, text: String) -> Arc<str> {
        match self.0.entry(key("", &text)) {
            Entry::Occupied(kept) if **kept.get() == *text => Arc::clone(kept.get()),
            Entry::Occupied(_) => text.into(),
            Entry::Vacant(place) => Arc::clone(place.insert(text.into())),
        }
    }
}

/// What a name was found to stand for, kept until another name comes.
struct Last<S>(Option<(String, S)>);

impl<S: Copy> Last<S> {
    fn or_find(&mut self, name: &str, find: impl FnOnce(&str) -> Loaded<S>) -> Loaded<S> {
        match &self.0 {
            Some((last, found)) if last == name => Ok(*found),
            _ => {
                let found = find(name)?;
                self.0 = Some((name.to_owned(), found));
                Ok(found)
            }
        }
    }
}

impl Origin {
    /// Takes the secrets in, which come in the order of their ids, and indexes them.
    pub(super) fn add_secrets<E: From<ContentsError>>(
        &mut self,
        secrets: impl ExactSizeIterator<Item = Result<NewSecret, E>>,
        folders: &FolderPaths,
    ) -> Result<(), E> {
        // Most secrets name a template and a folder as the one before did.
        let mut template_of = Last(None);
        let mut folder_of = Last(None);
        let by_name: BTreeMap<String, TemplateSlot> = (0..)
            .zip(&*self.templates)
            .map(|(place, template)| (template.name.to_lowercase(), TemplateSlot(place)))
            .collect();
        let mut interned = Interned::default();
        let mut item_ids = 1..;
        self.secrets = Vec::with_capacity(secrets.len());
        for secret in secrets {
            let secret = secret?;
            let id = secret.id.unwrap_or(i32::MAX);
            let template = template_of.or_find(&secret.template, |name| {
                by_name.get(&name.to_lowercase()).copied().ok_or_else(|| {
                    let known = self
                        .templates
                        .iter()
                        .map(|template| template.name.to_string());
                    let of = format!("secret `{}`", secret.name);
                    missing(&of, "template", name, known, "templates")
                })
            })?;
            let folder = match &secret.folder {
                None => None,
                Some(path) => {
                    Some(folder_of.or_find(path, |path| folder(path, &secret.name, folders))?)
                }
            };
            let rare = self.rare(&secret)?;
            let name = secret.name.as_str().into();
            let active = secret.active;
            let items = self.items_of(secret, template, &mut interned, &mut item_ids)?;
            self.secrets.push(Arc::new(SecretRecord {
                id,
                template,
                active,
                folder,
                name,
                items,
                rare,
            }));
        }
        self.index = Arc::new(self.indexed(interned.0.len()));
        Ok(())
    }

    fn rare(&self, secret: &NewSecret) -> Loaded<Option<Box<Rare>>> {
        let of = || format!("secret `{}`", secret.name);
        if secret.rules.double_lock.is_some() && secret.rules.check_out.is_some() {
            return Err(ContentsError::DoubleLockedCheckOut(secret.name.clone()));
        }
        let plain = secret.rules == SecretRules::default()
            && secret.permissions.is_none()
            && secret.approvers.is_empty();
        if plain {
            return Ok(None);
        }
        let approvers = self.directory.principals(&secret.approvers, &of())?;
        let is_one = |user| approvers.iter().any(|&one| self.directory.is(user, one));
        if secret.rules.approval && !self.directory.slots().any(|(user, _)| is_one(user)) {
            return Err(ContentsError::NoApprover(secret.name.clone()));
        }
        let grants = secret.permissions.as_ref();
        Ok(Some(Box::new(Rare {
            grants: grants
                .map(|grants| self.directory.grants(grants, &of()))
                .transpose()?,
            rules: secret.rules.clone(),
            approvers,
            ..Rare::default()
        })))
    }

    fn items_of(
        &self,
        secret: NewSecret,
        template: TemplateSlot,
        interned: &mut Interned,
        ids: &mut impl Iterator<Item = i32>,
    ) -> Loaded<Box<[Item]>> {
        let template = &self.templates[usize::from(template.0)];
        let mut items: Vec<Item> = template
            .fields
            .iter()
            .map(|_| Item {
                id: ids.next().unwrap_or(i32::MAX),
                value: Value::Empty,
            })
            .collect();
        for (name, value) in secret.items {
            let Some(place) = template
                .fields
                .iter()
                .position(|field| field.is_called(&name))
            else {
                let fields = template
                    .fields
                    .iter()
                    .map(|field| format!("`{}`", field.name));
                return Err(ContentsError::NoField {
                    secret: secret.name,
                    template: template.name.to_string(),
                    field: name,
                    fields: fields.collect::<Vec<_>>().join(", "),
                });
            };
            items[place].value = match (value, template.fields[place].kind) {
                (NewValue::Password(text), FieldKind::Password) => Value::Hidden(text),
                (NewValue::File { name, bytes }, FieldKind::File) => Value::File(Arc::new(File {
                    name: name.into(),
                    bytes,
                })),
                (NewValue::Text(text), FieldKind::Text | FieldKind::Notes | FieldKind::Url) => {
                    if text.is_empty() {
                        Value::Empty
                    } else {
                        Value::Plain(interned.text(text))
                    }
                }
                (value, kind) => {
                    let given = given(&value);
                    let (secret, holds) = (secret.name, holds(kind));
                    return Err(ContentsError::WrongKind {
                        secret,
                        field: name,
                        holds,
                        given,
                    });
                }
            };
        }
        Ok(items.into())
    }

    fn indexed(&self, values: usize) -> FieldIndex {
        let mut index = FieldIndex::with_capacity(values);
        for (slot, secret) in (0..).map(SecretSlot).zip(&self.secrets) {
            let fields = &self.templates[usize::from(secret.template.0)].fields;
            for (place, field) in fields.iter().enumerate() {
                let Some(value) = secret.plain(place) else {
                    continue;
                };
                index.insert(&field.name, value, slot);
                if field.display_name != field.name {
                    index.insert(&field.display_name, value, slot);
                }
            }
        }
        index.shrink();
        index
    }
}

/// Gives every secret its id and puts them in the order of these. Free ids go on above the highest
/// one given.
pub(crate) fn identified<T>(
    mut secrets: Vec<T>,
    id: impl Fn(&T) -> Option<i32>,
    set_id: impl Fn(&mut T, i32),
    name: impl Fn(&T) -> &str,
) -> Loaded<Vec<T>> {
    let highest = secrets.iter().filter_map(&id).max().unwrap_or(0);
    let mut free = highest.max(0).saturating_add(1)..;
    for secret in &mut secrets {
        if id(secret).is_none() {
            set_id(secret, free.next().unwrap_or(i32::MAX));
        }
    }
    secrets.sort_unstable_by_key(&id);
    match secrets.windows(2).find(|pair| id(&pair[0]) == id(&pair[1])) {
        None => Ok(secrets),
        Some(pair) => Err(ContentsError::Duplicate {
            what: "the id of secret",
            name: name(&pair[1]).to_owned(),
        }),
    }
}

fn folder(path: &str, secret: &str, folders: &FolderPaths) -> Loaded<FolderSlot> {
    folders.get(&folded_path(path)).copied().ok_or_else(|| {
        let of = format!("secret `{secret}`");
        missing(&of, "folder", path, folders.keys().cloned(), "folders")
    })
}

fn holds(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text | FieldKind::Notes | FieldKind::Url => "a text",
        FieldKind::Password => "a password",
        FieldKind::File => "a file",
    }
}

fn given(value: &NewValue) -> &'static str {
    match value {
        NewValue::Text(_) => "a text",
        NewValue::Password(_) => "a password",
        NewValue::File { .. } => "a file",
    }
}
