//! The search operations (soap:§3.4). None of them audits, checks out or shows a password.

use std::sync::Arc;

use super::answer::SecretSummary;
use super::fold::{Part, is_like, same_folded};
use super::model::{Field, FolderSlot, SecretRecord, SecretSlot, TemplateSlot};
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

impl<'a> Wanted<'a> {
    /// The field that is named.
    pub(super) fn field(self) -> Option<&'a str> {
        match self {
            Self::FieldValue { field, .. } => Some(field),
            Self::Exposed { field, .. } => field,
            Self::Name(_) => None,
        }
    }

    fn term(self) -> &'a str {
        match self {
            Self::FieldValue { value, .. } | Self::Exposed { value, .. } => value,
            Self::Name(part) => part,
        }
    }

    fn partial(self) -> bool {
        match self {
            Self::FieldValue { .. } => false,
            Self::Exposed { partial, .. } => partial,
            Self::Name(_) => true,
        }
    }
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

/// What a search compares, worked out once.
struct Sought<'a> {
    name: bool,
    /// For each template, the places of the fields that are looked at, once it has been met: a
    /// search through the index meets few.
    places: Vec<Option<Box<[usize]>>>,
    wanted: Wanted<'a>,
    test: Test<'a>,
}

/// How a text is compared with the term.
pub(super) enum Test<'a> {
    Same { term: &'a str, by_case: bool },
    Like { pattern: &'a str, by_case: bool },
    Contains(Part<'a>),
    ContainsByCase(&'a str),
}

impl Test<'_> {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Same { term, by_case } => text == *term || !by_case && same_folded(text, term),
            Self::Like { pattern, by_case } => is_like(text, pattern, *by_case),
            Self::Contains(part) => part.is_in(text),
            Self::ContainsByCase(part) => text.contains(part),
        }
    }
}

impl Sought<'_> {
    fn is(&mut self, vault: &Vault, secret: &SecretRecord) -> bool {
        if self.name && self.test.holds(&secret.name) {
            return true;
        }
        let wanted = self.wanted;
        let places = self.places[usize::from(secret.template.0)]
            .get_or_insert_with(|| vault.places(secret.template, wanted));
        places.iter().any(|&place| {
            let text = secret.plain(place);
            text.is_some_and(|text| self.test.holds(text))
        })
    }
}

impl Vault {
    /// The secrets that match and that the caller may view, in the order of their ids.
    pub(super) fn find(&self, caller: &Caller, query: Query<'_>) -> Vec<SecretSlot> {
        let mut sought = self.sought(query.wanted);
        let candidates = self.candidates(&query, &sought.test);
        // Secrets of a folder without permissions of their own are seen or not seen together.
        let mut seen: Vec<Option<bool>> = vec![None; self.folders.len()];
        let mut sees = |secret: &SecretRecord| match secret.folder {
            Some(folder) if !secret.has_own_grants() => *seen[folder.0 as usize]
                .get_or_insert_with(|| self.level_on_folder(caller.user, folder).is_some()),
            _ => self.level_on(caller.user, secret).is_some(),
        };
        // The cheapest first.
        let mut fits = |secret: &SecretRecord| {
            (secret.active || query.deleted)
                && (query.restricted || !secret.rules().restricted())
                && query
                    .folder
                    .is_none_or(|(id, below)| self.lies_in(secret.folder, id, below))
                && sees(secret)
                && sought.is(self, secret)
        };
        let mut fits = |slot: &SecretSlot| fits(self.secret(*slot));
        match candidates {
            Some(mut slots) => {
                slots.retain(&mut fits);
                slots
            }
            None => self.secrets.slots().filter(fits).collect(),
        }
    }

    pub(super) fn summaries(&self, caller: &Caller, query: Query<'_>) -> Vec<SecretSummary> {
        self.find(caller, query)
            .into_iter()
            .map(|slot| self.summary(slot))
            .collect()
    }

    /// Whether any template has a field of that name.
    pub(super) fn some_template_has(&self, field: &str) -> bool {
        let mut fields = self.templates.iter().flat_map(|one| &one.fields);
        fields.any(|one| one.is_called(field))
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

    fn sought<'a>(&self, wanted: Wanted<'a>) -> Sought<'a> {
        Sought {
            name: matches!(wanted, Wanted::Name(_)),
            places: vec![None; self.templates.len()],
            wanted,
            test: self.test(wanted),
        }
    }

    /// The places of a template's fields that a search looks at.
    fn places(&self, template: TemplateSlot, wanted: Wanted<'_>) -> Box<[usize]> {
        let looked_at = |field: &Field| match wanted {
            Wanted::Name(_) => self.settings.search_indexed_fields && field.exposed,
            Wanted::FieldValue { field: name, .. } => field.is_called(name),
            Wanted::Exposed { field: name, .. } => {
                field.exposed && name.is_none_or(|name| field.is_called(name))
            }
        };
        let fields = self.template(template).fields.iter().enumerate();
        let fields = fields.filter(|(_, field)| looked_at(field));
        fields.map(|(place, _)| place).collect()
    }

    fn test<'a>(&self, wanted: Wanted<'a>) -> Test<'a> {
        let settings = &self.settings;
        let (term, by_case) = (self.term(wanted), settings.search_case_sensitive);
        if wanted.partial() {
            return if by_case {
                Test::ContainsByCase(term)
            } else {
                Test::Contains(Part::new(term))
            };
        }
        if settings.search_wildcards && term.contains(['%', '_']) {
            return Test::Like {
                pattern: term,
                by_case,
            };
        }
        Test::Same { term, by_case }
    }

    fn term<'a>(&self, wanted: Wanted<'a>) -> &'a str {
        if self.settings.search_trims_term {
            wanted.term().trim()
        } else {
            wanted.term()
        }
    }

    /// Whether `folder` is the one with this id, or lies below it. -1 is the root.
    pub(super) fn lies_in(&self, folder: Option<FolderSlot>, id: i32, below: bool) -> bool {
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
