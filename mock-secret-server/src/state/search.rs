//! The search operations (soap:§3.4). None of them audits, checks out or shows a password.

use std::sync::Arc;

use super::answer::SecretSummary;
use super::model::{FolderSlot, SecretRecord, SecretSlot, contains_folded, same_folded};
use super::{Caller, Vault};

/// What a search looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// The exact value of a field that is no password, notes included.
    FieldValue { field: &'a str, value: &'a str },
    /// A part of the secret's name; empty is all.
    Name(&'a str),
    /// The value, or a part of it, of one field or any field that is exposed for display.
    Exposed {
        field: Option<&'a str>,
        value: &'a str,
        partial: bool,
    },
}

/// A search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) deleted: bool,
    pub(super) restricted: bool,
    /// The folder by its id, and whether those below count.
    pub(super) folder: Option<(i32, bool)>,
}

impl Vault {
    /// The secrets that match and that the caller may view, in the order of their ids.
    pub(super) fn find(&self, caller: &Caller, query: Query<'_>) -> Vec<SecretSlot> {
        let fits = |slot: &SecretSlot| {
            let secret = &self.secrets[slot.0 as usize];
            (secret.active || query.deleted)
                && (query.restricted || !secret.rules().restricted())
                && self.matches(secret, query.wanted)
                && query
                    .folder
                    .is_none_or(|(id, below)| self.lies_in(secret.folder, id, below))
                && self.level_on(caller.user, secret).is_some()
        };
        match query.wanted {
            Wanted::FieldValue { field, value } => {
                let value = self.term(value);
                self.index
                    .candidates(field, value)
                    .iter()
                    .copied()
                    .filter(fits)
                    .collect()
            }
            _ => (0..)
                .map(SecretSlot)
                .take(self.secrets.len())
                .filter(fits)
                .collect(),
        }
    }

    pub(super) fn summaries(&self, caller: &Caller, query: Query<'_>) -> Vec<SecretSummary> {
        self.find(caller, query)
            .into_iter()
            .map(|slot| self.summary(slot))
            .collect()
    }

    fn summary(&self, slot: SecretSlot) -> SecretSummary {
        let secret = self.secret(slot);
        let template = self.template(secret.template);
        SecretSummary {
            secret_id: secret.id,
            secret_name: Arc::clone(&secret.name),
            secret_type_name: Arc::clone(&template.name),
            secret_type_id: template.id,
            folder_id: self.folder_id(secret.folder),
            is_restricted: secret.rules().restricted(),
        }
    }

    fn matches(&self, secret: &SecretRecord, wanted: Wanted<'_>) -> bool {
        let fields = &self.template(secret.template).fields;
        match wanted {
            Wanted::Name(part) => contains_folded(&secret.name, part),
            Wanted::FieldValue { field, value } => {
                let value = self.term(value);
                fields.iter().enumerate().any(|(place, one)| {
                    one.is_called(field)
                        && secret
                            .plain(place)
                            .is_some_and(|held| self.same_value(held, value))
                })
            }
            Wanted::Exposed {
                field,
                value,
                partial,
            } => fields.iter().enumerate().any(|(place, one)| {
                one.exposed
                    && field.is_none_or(|name| one.is_called(name))
                    && secret.plain(place).is_some_and(|held| {
                        if partial {
                            contains_folded(held, value)
                        } else {
                            self.same_value(held, value)
                        }
                    })
            }),
        }
    }

    fn term<'a>(&self, term: &'a str) -> &'a str {
        if self.settings.search_trims_term {
            term.trim()
        } else {
            term
        }
    }

    fn same_value(&self, held: &str, wanted: &str) -> bool {
        if self.settings.search_case_sensitive {
            held == wanted
        } else {
            same_folded(held, wanted)
        }
    }

    /// Whether `folder` is the one with this id, or lies below it. -1 is the root.
    fn lies_in(&self, folder: Option<FolderSlot>, id: i32, below: bool) -> bool {
        let mut at = folder;
        loop {
            if self.folder_id(at) == id {
                return true;
            }
            match at {
                Some(slot) if below => at = self.folders[slot.0 as usize].parent,
                _ => return false,
            }
        }
    }
}
