//! Templates and secrets, and the indexes over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::built_in;
use super::super::contents::{FieldKind, NewGrant, NewSecret, NewTemplate, NewValue, SecretRules};
use super::super::index::Index;
use super::super::model::{
    Field, File, FolderSlot, Rare, SecretRecord, Template, TemplateSlot, Value,
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

/// A secret on its way into a vault. What it names is shared with others that name the same.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// There by now.
    pub(crate) id: Option<i32>,
    pub(crate) name: Arc<str>,
    pub(crate) shape: Arc<Shape>,
    /// By its path.
    pub(crate) folder: Option<Arc<str>>,
    /// In the order of the shape's fields.
    pub(crate) values: Vec<Value>,
    /// Where they are not those of most secrets.
    pub(crate) rules: Option<Box<IncomingRules>>,
}

/// The template of a secret, and the fields that have a value, all by name.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) template: Arc<str>,
    pub(crate) fields: Vec<Arc<str>>,
}

/// What few secrets have.
#[derive(Debug)]
pub(crate) struct IncomingRules {
    pub(crate) active: bool,
    pub(crate) permissions: Option<Vec<NewGrant>>,
    pub(crate) rules: SecretRules,
    pub(crate) approvers: Vec<String>,
}

impl Default for IncomingRules {
    fn default() -> Self {
        Self {
            active: true,
            permissions: None,
            rules: SecretRules::default(),
            approvers: Vec::new(),
        }
    }
}

impl From<NewSecret> for Incoming {
    fn from(secret: NewSecret) -> Self {
        let (fields, values): (Vec<_>, Vec<_>) = secret.items.into_iter().unzip();
        let shape = Shape {
            template: secret.template.into(),
            fields: fields.into_iter().map(Arc::from).collect(),
        };
        let rules = IncomingRules {
            active: secret.active,
            permissions: secret.permissions,
            rules: secret.rules,
            approvers: secret.approvers,
        };
        Self {
            id: secret.id,
            name: secret.name.into(),
            shape: Arc::new(shape),
            folder: secret.folder.map(Arc::from),
            values: values.into_iter().map(Value::from).collect(),
            rules: Some(Box::new(rules)),
        }
    }
}

impl From<NewValue> for Value {
    fn from(value: NewValue) -> Self {
        match value {
            NewValue::Text(text) => Self::Plain(text.into()),
            NewValue::Password(text) => Self::Hidden(text),
            NewValue::File { name, bytes } => Self::File(Arc::new(File {
                name: name.into(),
                bytes,
            })),
        }
    }
}

/// What a shape stands for.
struct Form {
    template: TemplateSlot,
    /// For each field of the shape its place in the template; none where there is no such field.
    places: Box<[Option<usize>]>,
}

/// What something was found to stand for, kept until something else comes.
struct Last<K: ?Sized, S>(Option<(Arc<K>, S)>);

impl<K: ?Sized, S> Last<K, S> {
    fn or_find(&mut self, key: &Arc<K>, find: impl FnOnce(&K) -> Loaded<S>) -> Loaded<&S> {
        let (_, found) = match self.0.take() {
            Some((last, found)) if Arc::ptr_eq(&last, key) => self.0.insert((last, found)),
            _ => self.0.insert((Arc::clone(key), find(key)?)),
        };
        Ok(found)
    }
}

impl Origin {
    /// Takes the secrets in, which come in the order of their ids, and indexes them.
    pub(super) fn add_secrets<E: From<ContentsError>>(
        &mut self,
        secrets: impl ExactSizeIterator<Item = Result<Incoming, E>>,
        folders: &FolderPaths,
    ) -> Result<(), E> {
        // Most secrets have the shape and the folder of the one before.
        let mut form_of = Last(None);
        let mut folder_of = Last(None);
        let by_name: BTreeMap<String, TemplateSlot> = (0..)
            .zip(&*self.templates)
            .map(|(place, template)| (template.name.to_lowercase(), TemplateSlot(place)))
            .collect();
        let mut item_ids = 1_i32;
        let mut records = Vec::with_capacity(secrets.len());
        for secret in secrets {
            let secret = secret?;
            let form =
                form_of.or_find(&secret.shape, |shape| self.form(shape, &secret, &by_name))?;
            let folder = match &secret.folder {
                None => None,
                Some(path) => {
                    let found = folder_of.or_find(path, |path| folder(path, &secret, folders))?;
                    Some(*found)
                }
            };
            let rare = self.rare(&secret)?;
            let active = secret.rules.as_ref().is_none_or(|rules| rules.active);
            let (id, name) = (secret.id.unwrap_or(i32::MAX), Arc::clone(&secret.name));
            let values = self.values_of(secret, form)?;
            let first_item = item_ids;
            item_ids = item_ids.saturating_add(i32::try_from(values.len()).unwrap_or(i32::MAX));
            records.push(SecretRecord {
                id,
                first_item,
                template: form.template,
                active,
                folder,
                name,
                values,
                rare,
            });
        }
        self.index = Arc::new(Index::new(&records, &self.templates, self.folders.len()));
        self.secrets = Arc::new(records);
        Ok(())
    }

    fn form(
        &self,
        shape: &Shape,
        of: &Incoming,
        by_name: &BTreeMap<String, TemplateSlot>,
    ) -> Loaded<Form> {
        let name = &shape.template;
        let slot = by_name.get(&name.to_lowercase()).copied().ok_or_else(|| {
            let known = self.templates.iter().map(|one| one.name.to_string());
            let of = format!("secret `{}`", of.name);
            missing(&of, "template", name, known, "templates")
        })?;
        let fields = &self.templates[usize::from(slot.0)].fields;
        let place = |name: &Arc<str>| fields.iter().position(|field| field.is_called(name));
        Ok(Form {
            template: slot,
            places: shape.fields.iter().map(place).collect(),
        })
    }

    fn rare(&self, secret: &Incoming) -> Loaded<Option<Box<Rare>>> {
        let Some(given) = &secret.rules else {
            return Ok(None);
        };
        let of = || format!("secret `{}`", secret.name);
        if given.rules.double_lock.is_some() && given.rules.check_out.is_some() {
            return Err(ContentsError::DoubleLockedCheckOut(secret.name.to_string()));
        }
        let plain = given.rules == SecretRules::default()
            && given.permissions.is_none()
            && given.approvers.is_empty();
        if plain {
            return Ok(None);
        }
        let approvers = self.directory.principals(&given.approvers, &of())?;
        let is_one = |user| approvers.iter().any(|&one| self.directory.is(user, one));
        if given.rules.approval && !self.directory.slots().any(|(user, _)| is_one(user)) {
            return Err(ContentsError::NoApprover(secret.name.to_string()));
        }
        let grants = given.permissions.as_ref();
        Ok(Some(Box::new(Rare {
            grants: grants
                .map(|grants| self.directory.grants(grants, &of()))
                .transpose()?,
            rules: given.rules.clone(),
            approvers,
            ..Rare::default()
        })))
    }

    /// The values in the order of the template's fields.
    fn values_of(&self, secret: Incoming, form: &Form) -> Loaded<Box<[Value]>> {
        let (name, shape) = (&secret.name, &secret.shape);
        let template = &self.templates[usize::from(form.template.0)];
        let fields = &template.fields;
        let mut values = vec![Value::Empty; fields.len()];
        let given = shape.fields.iter().zip(&form.places).zip(secret.values);
        for ((called, place), value) in given {
            let Some(place) = *place else {
                let fields = fields.iter().map(|field| format!("`{}`", field.name));
                return Err(ContentsError::NoField {
                    secret: name.to_string(),
                    template: template.name.to_string(),
                    field: called.to_string(),
                    fields: fields.collect::<Vec<_>>().join(", "),
                });
            };
            let field = &fields[place];
            values[place] = match (value, field.kind) {
                // What is planted hangs on the name that the lab gives the field.
                (Value::Planted(by), FieldKind::Password) if *field.name != **called => {
                    Value::Hidden(by.password(name, called))
                }
                (value @ (Value::Hidden(_) | Value::Planted(_)), FieldKind::Password)
                | (value @ Value::File(_), FieldKind::File) => value,
                (Value::Plain(text), FieldKind::Text | FieldKind::Notes | FieldKind::Url) => {
                    if text.is_empty() {
                        Value::Empty
                    } else {
                        Value::Plain(text)
                    }
                }
                (value, kind) => {
                    return Err(ContentsError::WrongKind {
                        secret: name.to_string(),
                        field: called.to_string(),
                        holds: holds(kind),
                        given: given_as(&value),
                    });
                }
            };
        }
        Ok(values.into())
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

fn folder(path: &str, of: &Incoming, folders: &FolderPaths) -> Loaded<FolderSlot> {
    folders.get(&folded_path(path)).copied().ok_or_else(|| {
        let of = format!("secret `{}`", of.name);
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

fn given_as(value: &Value) -> &'static str {
    match value {
        Value::Empty | Value::Plain(_) => "a text",
        Value::Hidden(_) | Value::Planted(_) => "a password",
        Value::File(_) => "a file",
    }
}
