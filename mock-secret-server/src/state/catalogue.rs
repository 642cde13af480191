//! Templates, folders, users and ticket systems, to look up.

use std::sync::Arc;

use super::answer::{Answer, Folder, SecretField, SecretTemplate, User};
use super::contents::{FieldKind, TwoFactor};
use super::model::{FolderRecord, FolderSlot, Template, UserSlot, contains_folded};
use super::refusal::{Refusal, RefusalKind};
use super::role::RolePermission;
use super::{Caller, Vault};

impl Vault {
    pub(super) fn get_secret_template_fields(&self, id: i32) -> Result<Answer, Refusal> {
        let found = self.templates.iter().find(|template| template.id == id);
        let Some(template) = found else {
            return Err(Refusal::new(
                RefusalKind::NotFound,
                "Secret template not found.",
            ));
        };
        Ok(Answer::GetSecretTemplateFields(secret_fields(template)))
    }

    pub(super) fn get_secret_templates(&self) -> Answer {
        let templates = self.templates.iter().map(|template| SecretTemplate {
            id: template.id,
            name: Arc::clone(&template.name),
            fields: secret_fields(template),
        });
        Answer::GetSecretTemplates(templates.collect())
    }

    pub(super) fn generate_password(&mut self, field_id: i32) -> Result<Answer, Refusal> {
        let mut fields = self.templates.iter().flat_map(|template| &template.fields);
        if fields.any(|field| field.id == field_id && field.kind == FieldKind::Password) {
            return Ok(Answer::GeneratePassword(self.source.password()));
        }
        Err(Refusal::new(
            RefusalKind::BadValue,
            "The field is not a password field.",
        ))
    }

    pub(super) fn folder_get(&self, caller: &Caller, id: i32) -> Result<Answer, Refusal> {
        self.folder_slots()
            .find(|&(slot, folder)| {
                folder.id == id && self.level_on_folder(caller.user, slot).is_some()
            })
            .map(|(_, folder)| Answer::GetFolder(self.folder(folder)))
            .ok_or_else(|| {
                let text = "The folder does not exist or user does not have access.";
                Refusal::new(RefusalKind::NotFound, text)
            })
    }

    pub(super) fn search_folders(&self, caller: &Caller, name: &str) -> Answer {
        let found = self.folder_slots().filter(|&(slot, folder)| {
            contains_folded(&folder.name, name) && self.level_on_folder(caller.user, slot).is_some()
        });
        Answer::SearchFolders(found.map(|(_, folder)| self.folder(folder)).collect())
    }

    /// `GetUser`: oneself always, others with View Users (assumed).
    pub(super) fn get_user(&self, caller: &Caller, id: i32) -> Result<Answer, Refusal> {
        let slot = self.directory.by_id(id);
        if slot != Some(caller.user) && !self.permits(caller.user, RolePermission::ViewUsers) {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        match slot {
            Some(slot) => Ok(Answer::GetUser(self.user(slot))),
            None => Err(Refusal::new(RefusalKind::NotFound, "User not found.")),
        }
    }

    pub(super) fn search_users(
        &self,
        caller: &Caller,
        term: &str,
        inactive: bool,
    ) -> Result<Answer, Refusal> {
        if !self.permits(caller.user, RolePermission::ViewUsers) {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        let found = self.directory.slots().filter(|(_, user)| {
            (user.enabled || inactive)
                && (contains_folded(&user.user_name, term)
                    || contains_folded(&user.display_name, term))
        });
        Ok(Answer::GetUsers(
            found.map(|(slot, _)| self.user(slot)).collect(),
        ))
    }

    fn folder_slots(&self) -> impl Iterator<Item = (FolderSlot, &FolderRecord)> {
        (0..).map(FolderSlot).zip(&*self.folders)
    }

    fn folder(&self, folder: &FolderRecord) -> Folder {
        Folder {
            id: folder.id,
            name: Arc::clone(&folder.name),
            type_id: 1,
            parent_folder_id: self.folder_id(folder.parent),
        }
    }

    fn user(&self, slot: UserSlot) -> User {
        let user = self.directory.user(slot);
        let radius = user.two_factor != TwoFactor::Never;
        User {
            id: Some(user.id),
            user_name: Arc::clone(&user.user_name),
            display_name: Arc::clone(&user.display_name),
            domain_id: self.directory.domain_of(slot).map(|domain| domain.id),
            is_application_account: user.application_account,
            radius_two_factor: radius,
            email_two_factor: false,
            radius_user_name: radius.then(|| Arc::clone(&user.user_name)),
            email_address: user.email.clone(),
            enabled: user.enabled,
            duo_two_factor: false,
            oath_two_factor: false,
        }
    }
}

fn secret_fields(template: &Template) -> Vec<SecretField> {
    let fields = template.fields.iter().map(|field| SecretField {
        display_name: Arc::clone(&field.display_name),
        id: field.id,
        is_password: field.kind == FieldKind::Password,
        is_url: field.kind == FieldKind::Url,
        is_notes: field.kind == FieldKind::Notes,
        is_file: field.kind == FieldKind::File,
    });
    fields.collect()
}
