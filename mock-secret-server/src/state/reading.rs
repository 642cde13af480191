//! `GetSecret` and the other ways to the values of a secret (soap:§3.5, soap:§3.9).

use std::sync::Arc;

use super::answer::{
    Answer, FileDownloadResult, SSHCredentialsResult, Secret, SecretItem, SecretPermissions,
    SecretSettings,
};
use super::audit::Event;
use super::command::CodeResponse;
use super::contents::{FieldKind, Level};
use super::model::{SecretRecord, SecretSlot, Value};
use super::refusal::{Refusal, RefusalKind};
use super::text::ItemValue;
use super::{Caller, Vault};
use crate::settings::{AbsentText, FileAccess, FileItemValue, HiddenPassword, UnloadedSettings};

impl Vault {
    pub(super) fn get_secret(
        &mut self,
        caller: &Caller,
        id: i32,
        with_settings: bool,
        responses: &[CodeResponse],
    ) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        if self.settings.hidden_launcher_password == HiddenPassword::Refuse
            && self.hides_password(caller, slot)
        {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        let (slot, said) = self.open(caller, id, responses)?;
        self.record(caller, slot, said.event("WEBSERVICE VIEW"));
        let mut secret = self.shown(caller, slot, with_settings);
        secret.items = Some(self.items(caller, slot));
        Ok(Answer::GetSecret(Box::new(secret)))
    }

    /// Everything about a secret but its items.
    pub(super) fn shown(&self, caller: &Caller, slot: SecretSlot, with_settings: bool) -> Secret {
        let secret = self.secret(slot);
        let held = secret.check_out();
        let holder = held.map(|held| self.directory.user(held.holder));
        let blank = self.settings.unloaded_settings == UnloadedSettings::Blank;
        Secret {
            name: Arc::clone(&secret.name),
            items: None,
            id: secret.id,
            secret_type_id: self.template(secret.template).id,
            folder_id: self.folder_id(secret.folder),
            is_web_launcher: false,
            check_out_minutes_remaining: held.map(|held| held.minutes_left(caller.now)),
            is_checked_out: held.map(|_| true),
            check_out_user_display_name: holder
                .map(|user| Arc::clone(&user.display_name))
                .or_else(|| self.absent_text()),
            check_out_user_id: holder.map(|user| user.id),
            is_out_of_sync: None,
            is_restricted: Some(secret.rules().restricted()),
            out_of_sync_reason: self.absent_text(),
            secret_settings: if with_settings {
                Some(self.secret_settings(slot))
            } else {
                blank.then(SecretSettings::default)
            },
            secret_permissions: if with_settings {
                Some(self.secret_permissions(caller.user, secret))
            } else {
                blank.then(SecretPermissions::default)
            },
            active: Some(secret.active),
        }
    }

    fn absent_text(&self) -> Option<Arc<str>> {
        match self.settings.absent_texts {
            AbsentText::Empty => Some("".into()),
            AbsentText::Omitted => None,
        }
    }

    /// The items that the "Exposed" operations give: no password, no file, no audit (documented
    /// soap:§3.4).
    pub(super) fn exposed_secret(&self, caller: &Caller, slot: SecretSlot) -> Secret {
        let record = self.secret(slot);
        let fields = self.template(record.template).fields.iter().enumerate();
        let shown = fields.filter(|(_, field)| field.exposed);
        let items = shown
            .map(|(place, _)| self.item(record, place, false))
            .collect();
        Secret {
            items: Some(items),
            ..self.shown(caller, slot, false)
        }
    }

    pub(super) fn download_file_attachment(
        &mut self,
        caller: &Caller,
        id: i32,
    ) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        let secret = self.secret(slot);
        let fields = self.template(secret.template).fields.iter().enumerate();
        let mut files = fields.filter(|(_, field)| field.kind == FieldKind::File);
        let first = files.next().map(|(place, _)| secret.item_id(place));
        if files.next().is_some() {
            let text = self.settings.several_files_text.clone();
            return Err(Refusal::new(RefusalKind::SeveralFiles, text));
        }
        self.download_file_attachment_by_item_id(caller, id, first.unwrap_or_default())
    }

    pub(super) fn download_file_attachment_by_item_id(
        &mut self,
        caller: &Caller,
        id: i32,
        item_id: i32,
    ) -> Result<Answer, Refusal> {
        let slot = match self.settings.file_access {
            FileAccess::AsGetSecret => self.open(caller, id, &[])?.0,
            FileAccess::ViewOnly => self.visible(caller, id)?,
        };
        let secret = self.secret(slot);
        let mut values = secret.values.iter().enumerate();
        let file = values.find_map(|(place, value)| match value {
            Value::File(file) if secret.item_id(place) == item_id => Some(Arc::clone(file)),
            _ => None,
        });
        let Some(file) = file else {
            return Err(Refusal::new(
                RefusalKind::NoFile,
                "File attachment not found.",
            ));
        };
        self.record(caller, slot, Event::of("WEBSERVICE FILE DOWNLOAD"));
        Ok(Answer::FileDownload(FileDownloadResult {
            file_attachment: file.bytes.clone(),
            file_name: Arc::clone(&file.name),
        }))
    }

    /// Log-on data for the SSH proxy: the caller's name and a password for one use (assumed
    /// soap:§3.9).
    pub(super) fn ssh_login_credentials(
        &mut self,
        caller: &Caller,
        id: i32,
    ) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        // Before anything that checks out.
        if !self.secret(slot).rules().proxy {
            let text = "SSH proxy is not enabled for this Secret.";
            return Err(Refusal::new(RefusalKind::BadValue, text));
        }
        let (slot, said) = self.open(caller, id, &[])?;
        self.record(caller, slot, said.event("WEBSERVICE SSH PROXY"));
        Ok(Answer::SSHCredentials(SSHCredentialsResult {
            username: Arc::clone(&self.directory.user(caller.user).user_name),
            password: self.source.password(),
            host: self.settings.ssh_proxy_host.as_str().into(),
            port: self.settings.ssh_proxy_port.to_string().into(),
        }))
    }

    fn items(&self, caller: &Caller, slot: SecretSlot) -> Vec<SecretItem> {
        let secret = self.secret(slot);
        let hidden = self.hides_password(caller, slot);
        (0..secret.values.len())
            .map(|place| self.item(secret, place, hidden))
            .collect()
    }

    fn item(&self, secret: &SecretRecord, place: usize, hidden: bool) -> SecretItem {
        let field = &self.template(secret.template).fields[place];
        let value = match &secret.values[place] {
            Value::Hidden(_) | Value::Planted(_) if hidden => ItemValue::Plain("".into()),
            Value::Hidden(text) => ItemValue::Hidden(text.clone()),
            Value::Planted(by) => ItemValue::Hidden(by.password(&secret.name, &field.name)),
            Value::Plain(text) => ItemValue::Plain(Arc::clone(text)),
            Value::File(file) if self.settings.file_item_value == FileItemValue::Name => {
                ItemValue::Plain(Arc::clone(&file.name))
            }
            Value::Empty | Value::File(_) => ItemValue::Plain("".into()),
        };
        SecretItem {
            value: Some(value),
            id: Some(secret.item_id(place)),
            field_id: Some(field.id),
            field_name: Some(Arc::clone(&field.name)),
            is_file: field.kind == FieldKind::File,
            is_notes: field.kind == FieldKind::Notes,
            is_password: field.kind == FieldKind::Password,
            field_display_name: Some(Arc::clone(&field.display_name)),
        }
    }

    fn hides_password(&self, caller: &Caller, slot: SecretSlot) -> bool {
        let secret = self.secret(slot);
        secret.rules().hide_launcher_password
            && self.level_on(caller.user, secret) < Some(Level::Edit)
    }

    fn secret_settings(&self, slot: SecretSlot) -> SecretSettings {
        let secret = self.secret(slot);
        let rules = secret.rules();
        let approvers = secret.rare.as_ref().map_or(&[][..], |rare| &rare.approvers);
        SecretSettings {
            auto_change_enabled: Some(rules.auto_change),
            requires_approval_for_access: Some(rules.approval),
            requires_comment: Some(rules.comment),
            check_out_enabled: Some(rules.check_out.is_some()),
            check_out_change_password_enabled: Some(
                rules.check_out.is_some_and(|rule| rule.change_password),
            ),
            proxy_enabled: Some(rules.proxy),
            session_recording_enabled: Some(false),
            restrict_ssh_commands: Some(false),
            allow_owners_unrestricted_ssh_commands: Some(false),
            privileged_secret_id: None,
            associated_secret_ids: Vec::new(),
            approvers: approvers
                .iter()
                .map(|&one| self.directory.record(one))
                .collect(),
            is_change_to_settings: false,
        }
    }
}
