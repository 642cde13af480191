//! Templates and their fields (soap:§3.10).

use crate::state::{Command, SecretField, SecretTemplate, SecretText};
use crate::wire::parameters::Parameters;
use crate::wire::reply::Writer;

pub(super) fn get_fields(p: &Parameters<'_>) -> Command {
    Command::GetSecretTemplateFields {
        token: p.secret("token"),
        secret_type_id: p.int("secretTypeId"),
    }
}

pub(super) fn get_all(p: &Parameters<'_>) -> Command {
    Command::GetSecretTemplates {
        token: p.secret("token"),
    }
}

pub(super) fn generate_password(p: &Parameters<'_>) -> Command {
    Command::GeneratePassword {
        token: p.secret("token"),
        secret_field_id: p.int("secretFieldId"),
    }
}

pub(super) fn write_fields(w: &mut Writer, fields: &[SecretField]) {
    w.errors(&[]);
    write_field_list(w, fields);
}

pub(super) fn write_all(w: &mut Writer, templates: &[SecretTemplate]) {
    w.errors(&[]);
    w.element("SecretTemplates", |w| {
        for template in templates {
            w.element("SecretTemplate", |w| {
                w.int("Id", template.id);
                w.text("Name", &*template.name);
                write_field_list(w, &template.fields);
            });
        }
    });
}

/// `Errors` comes second in this result.
pub(super) fn write_password(w: &mut Writer, password: &SecretText) {
    w.text("GeneratedPassword", password.expose());
    w.errors(&[]);
}

fn write_field_list(w: &mut Writer, fields: &[SecretField]) {
    w.element("Fields", |w| {
        for field in fields {
            w.element("SecretField", |w| {
                w.text("DisplayName", &*field.display_name);
                w.int("Id", field.id);
                w.boolean("IsPassword", field.is_password);
                w.boolean("IsUrl", field.is_url);
                w.boolean("IsNotes", field.is_notes);
                w.boolean("IsFile", field.is_file);
            });
        }
    });
}
