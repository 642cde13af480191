//! Users, folders and ticket systems. In some of these results `Errors` comes last (soap:§2.2).

use crate::state::{Command, Folder, TicketSystem, User};
use crate::wire::parameters::Parameters;
use crate::wire::reply::Writer;

pub(super) fn get_ticket_systems(p: &Parameters<'_>) -> Command {
    Command::GetTicketSystems {
        token: p.secret("token"),
    }
}

pub(super) fn folder_get(p: &Parameters<'_>) -> Command {
    Command::FolderGet {
        token: p.secret("token"),
        folder_id: p.int("folderId"),
    }
}

pub(super) fn search_folders(p: &Parameters<'_>) -> Command {
    Command::SearchFolders {
        token: p.secret("token"),
        folder_name: p.text("folderName"),
    }
}

pub(super) fn get_user(p: &Parameters<'_>) -> Command {
    Command::GetUser {
        token: p.secret("token"),
        user_id: p.int("userId"),
    }
}

pub(super) fn search_users(p: &Parameters<'_>) -> Command {
    Command::SearchUsers {
        token: p.secret("token"),
        search_term: p.text("searchTerm"),
        include_inactive_users: p.boolean("includeInactiveUsers"),
    }
}

pub(super) fn write_ticket_systems(w: &mut Writer, systems: &[TicketSystem]) {
    w.element("TicketSystems", |w| {
        for system in systems {
            w.element("TicketSystem", |w| {
                w.int("TicketSystemId", system.ticket_system_id);
                w.text("Name", &*system.name);
                w.text("Description", system.description.as_deref());
                w.boolean("IsDefault", system.is_default);
            });
        }
    });
    w.errors(&[]);
    w.boolean("Success", true);
}

pub(super) fn write_folder(w: &mut Writer, folder: &Folder) {
    write_one_folder(w, folder);
    w.errors(&[]);
    w.boolean("Success", true);
}

pub(super) fn write_folders(w: &mut Writer, folders: &[Folder]) {
    w.errors(&[]);
    w.element("Folders", |w| {
        for folder in folders {
            write_one_folder(w, folder);
        }
    });
}

pub(super) fn write_user(w: &mut Writer, user: &User) {
    write_one_user(w, user);
    w.errors(&[]);
}

pub(super) fn write_users(w: &mut Writer, users: &[User]) {
    w.element("Users", |w| {
        for user in users {
            write_one_user(w, user);
        }
    });
    w.errors(&[]);
}

fn write_one_folder(w: &mut Writer, folder: &Folder) {
    w.element("Folder", |w| {
        w.int("Id", folder.id);
        w.text("Name", &*folder.name);
        w.int("TypeId", folder.type_id);
        w.int("ParentFolderId", folder.parent_folder_id);
    });
}

fn write_one_user(w: &mut Writer, user: &User) {
    w.element("User", |w| {
        w.nullable_int("Id", user.id);
        w.text("UserName", &*user.user_name);
        w.text("DisplayName", &*user.display_name);
        w.nullable_int("DomainId", user.domain_id);
        w.boolean("IsApplicationAccount", user.is_application_account);
        w.boolean("RadiusTwoFactor", user.radius_two_factor);
        w.boolean("EmailTwoFactor", user.email_two_factor);
        w.text("RadiusUserName", user.radius_user_name.as_deref());
        w.text("EmailAddress", user.email_address.as_deref());
        w.boolean("Enabled", user.enabled);
        w.boolean("DuoTwoFactor", user.duo_two_factor);
        w.boolean("OATHTwoFactor", user.oath_two_factor);
    });
}
