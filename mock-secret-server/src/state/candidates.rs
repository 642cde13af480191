//! Which secrets a search has to look at: as few as an index can tell.

use super::Vault;
use super::fold::same_folded;
use super::model::{FolderSlot, SecretSlot};
use super::search::{Query, Test, Wanted};

impl Vault {
    /// The secrets that may match, in order; nothing where that may be any.
    pub(super) fn candidates(&self, query: &Query<'_>, test: &Test<'_>) -> Option<Vec<SecretSlot>> {
        self.by_text(query.wanted, test)
            .or_else(|| self.by_folder(query.folder))
    }

    fn by_text(&self, wanted: Wanted<'_>, test: &Test<'_>) -> Option<Vec<SecretSlot>> {
        let part = match test {
            Test::Same { term, .. } => return Some(self.by_value(wanted, term)),
            Test::Like { .. } => return None,
            Test::Contains(part) => part.text(),
            // Small letters of what is beyond ASCII depend on what stands around them.
            Test::ContainsByCase(part) if part.is_ascii() => part,
            Test::ContainsByCase(_) => return None,
        };
        if part.is_empty() {
            return None;
        }
        let index = &self.index;
        Some(match wanted {
            Wanted::Name(_) if self.settings.search_indexed_fields => {
                merged([index.names.containing(part), index.exposed.containing(part)])
            }
            Wanted::Name(_) => index.names.containing(part),
            Wanted::Exposed { .. } => index.exposed.containing(part),
            Wanted::FieldValue { .. } => return None,
        })
    }

    fn by_value(&self, wanted: Wanted<'_>, value: &str) -> Vec<SecretSlot> {
        if let Some(field) = wanted.field() {
            return self.index.holding(field, value).collect();
        }
        let fields = self.templates.iter().flat_map(|one| &one.fields);
        let mut names: Vec<&str> = Vec::new();
        for field in fields.filter(|field| field.exposed) {
            if !names.iter().any(|name| same_folded(name, &field.name)) {
                names.push(&field.name);
            }
        }
        let found = names.into_iter();
        merged(found.map(|name| self.index.holding(name, value).collect()))
    }

    fn by_folder(&self, folder: Option<(i32, bool)>) -> Option<Vec<SecretSlot>> {
        let (id, below) = folder?;
        let slots = (0..self.folders.len()).filter_map(|place| u32::try_from(place).ok());
        let all = std::iter::once(None).chain(slots.map(|slot| Some(FolderSlot(slot))));
        let within = all.filter(|&folder| self.lies_in(folder, id, below));
        Some(merged(
            within.map(|folder| self.index.lying_in(folder).to_vec()),
        ))
    }
}

/// One list in order, each secret once.
fn merged(lists: impl IntoIterator<Item = Vec<SecretSlot>>) -> Vec<SecretSlot> {
    let mut all = Vec::new();
    let mut sorted = true;
    for mut list in lists {
        sorted &= all.is_empty() || list.is_empty();
        all.append(&mut list);
    }
    if !sorted {
        all.sort_unstable();
        all.dedup();
    }
    all
}
