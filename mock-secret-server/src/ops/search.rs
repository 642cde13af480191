//! Finding secrets (soap:§3.4).

use crate::state::{Command, SecretSummary};
use crate::wire::parameters::Parameters;
use crate::wire::reply::Writer;

pub(super) fn by_field_value(p: &Parameters<'_>) -> Command {
    Command::SearchSecretsByFieldValue {
        token: p.secret("token"),
        field_name: p.text("fieldName"),
        search_term: p.text("searchTerm"),
        show_deleted: p.boolean("showDeleted"),
        show_restricted: p.boolean("showRestricted"),
    }
}

pub(super) fn secrets(p: &Parameters<'_>) -> Command {
    Command::SearchSecrets {
        token: p.secret("token"),
        search_term: p.text("searchTerm"),
        include_deleted: p.nullable_boolean("includeDeleted"),
        include_restricted: p.nullable_boolean("includeRestricted"),
    }
}

pub(super) fn legacy(p: &Parameters<'_>) -> Command {
    Command::SearchSecretsLegacy {
        token: p.secret("token"),
        search_term: p.text("searchTerm"),
    }
}

pub(super) fn by_folder(p: &Parameters<'_>) -> Command {
    Command::SearchSecretsByFolder {
        token: p.secret("token"),
        search_term: p.text("searchTerm"),
        folder_id: p.nullable_int("folderId"),
        include_sub_folders: p.boolean("includeSubFolders"),
        include_deleted: p.nullable_boolean("includeDeleted"),
        include_restricted: p.nullable_boolean("includeRestricted"),
    }
}

pub(super) fn by_exposed_field_value(p: &Parameters<'_>) -> Command {
    Command::SearchSecretsByExposedFieldValue {
        token: p.secret("token"),
        field_name: p.text("fieldName"),
        search_term: p.text("searchTerm"),
        show_deleted: p.boolean("showDeleted"),
        show_restricted: p.boolean("showRestricted"),
        show_partial_matches: p.boolean("showPartialMatches"),
    }
}

pub(super) fn by_exposed_values(p: &Parameters<'_>) -> Command {
    Command::SearchSecretsByExposedValues {
        token: p.secret("token"),
        search_term: p.text("searchTerm"),
        show_deleted: p.boolean("showDeleted"),
        show_restricted: p.boolean("showRestricted"),
        show_partial_matches: p.boolean("showPartialMatches"),
    }
}

pub(super) fn whole_by_field_value(p: &Parameters<'_>) -> Command {
    Command::GetSecretsByFieldValue {
        token: p.secret("token"),
        field_name: p.text("fieldName"),
        search_term: p.text("searchTerm"),
        show_deleted: p.boolean("showDeleted"),
    }
}

pub(super) fn whole_by_exposed_field_value(p: &Parameters<'_>) -> Command {
    Command::GetSecretsByExposedFieldValue {
        token: p.secret("token"),
        field_name: p.text("fieldName"),
        search_term: p.text("searchTerm"),
        show_deleted: p.boolean("showDeleted"),
        show_partial_matches: p.boolean("showPartialMatches"),
    }
}

pub(super) fn write_summaries(w: &mut Writer, rows: &[SecretSummary]) {
    w.errors(&[]);
    w.element("SecretSummaries", |w| {
        for row in rows {
            w.element("SecretSummary", |w| {
                w.int("SecretId", row.secret_id);
                w.text("SecretName", &*row.secret_name);
                w.text("SecretTypeName", &*row.secret_type_name);
                w.int("SecretTypeId", row.secret_type_id);
                w.int("FolderId", row.folder_id);
                w.boolean("IsRestricted", row.is_restricted);
            });
        }
    });
}
