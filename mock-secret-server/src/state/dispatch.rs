//! From a command to the room that carries it out.

use std::net::IpAddr;

use sim_kit::clock::SimTime;

use super::answer::Answer;
use super::approval::Response;
use super::audit::CustomAudit;
use super::command::Command;
use super::log_on::Credentials;
use super::refusal::{Refusal, RefusalKind};
use super::search::{Query, Wanted};
use super::{Caller, Vault};
use crate::settings::{Profile, RefusedPayload, UnknownField, WebServices};

impl Vault {
    /// Carries out one call of the web service.
    ///
    /// # Errors
    /// The vendor's negative answer, which travels as HTTP 200.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a command is spent; its secrets go with it"
    )]
    pub fn apply(
        &mut self,
        command: Command,
        now: SimTime,
        from: IpAddr,
    ) -> Result<Answer, Refusal> {
        self.serves()
            .and_then(|()| self.dispatch(&command, now, from))
            .map_err(|refusal| self.worded(&command, refusal))
    }

    fn serves(&self) -> Result<(), Refusal> {
        let settings = &self.settings;
        let (kind, text) = if settings.profile == Profile::Platform {
            (
                RefusalKind::PlatformProfile,
                &settings.platform_refusal_text,
            )
        } else if settings.web_services == WebServices::On {
            return Ok(());
        } else {
            (RefusalKind::WebServicesOff, &settings.web_services_off_text)
        };
        Err(Refusal::new(kind, text.clone()))
    }

    /// The refusal as the settings word it. Only where the result has a `SecretError` may that
    /// stand alone: elsewhere an empty `Errors` would read as success.
    fn worded(&self, command: &Command, mut refusal: Refusal) -> Refusal {
        let settings = &self.settings;
        if !command.result_has_secret_error() {
            refusal.secret_error = None;
        }
        if settings.zero_information {
            let general = &settings.zero_information_text;
            refusal.text = general.clone().into();
            if let Some(error) = &mut refusal.secret_error {
                error.error_message = general.clone().into();
            }
        }
        if settings.secret_error_only && refusal.secret_error.is_some() {
            refusal.text = "".into();
        }
        refusal.payload_empty = settings.refused_payload == RefusedPayload::Empty;
        refusal
    }

    /// The operations that need no token.
    fn dispatch(
        &mut self,
        command: &Command,
        now: SimTime,
        from: IpAddr,
    ) -> Result<Answer, Refusal> {
        match command {
            Command::Authenticate {
                username,
                password,
                organization,
                domain,
            } => {
                let credentials = Credentials {
                    username: username.clone(),
                    password: password.clone(),
                    organization: organization.clone(),
                    domain: domain.clone(),
                    radius: None,
                };
                self.authenticate(&credentials, now, from)
            }
            Command::AuthenticateRADIUS {
                username,
                password,
                organization,
                domain,
                radius_password,
            } => {
                let credentials = Credentials {
                    username: username.clone(),
                    password: password.clone(),
                    organization: organization.clone(),
                    domain: domain.clone(),
                    radius: Some(radius_password.clone().unwrap_or_else(|| "".into())),
                };
                self.authenticate(&credentials, now, from)
            }
            Command::VersionGet => Ok(Answer::Version(self.version())),
            Command::CheckInByKey { session_key } => {
                self.check_in_by_key(session_key.as_ref(), now, from)
            }
            Command::ApproveSecretAccessRequest {
                approval_id,
                hours,
                user_override,
            } => {
                let response = Response {
                    approve: true,
                    hours: hours.clone(),
                    user_override: *user_override,
                    by: None,
                    comment: None,
                };
                self.answer_request(approval_id.as_deref().unwrap_or_default(), response, now)
                    .map(Answer::RequestApproval)
            }
            Command::DenySecretAccessRequest {
                approval_id,
                user_override,
            } => {
                let response = Response {
                    approve: false,
                    hours: None,
                    user_override: *user_override,
                    by: None,
                    comment: None,
                };
                self.answer_request(approval_id.as_deref().unwrap_or_default(), response, now)
                    .map(Answer::RequestApproval)
            }
            _ => {
                let caller = self.caller(command.token(), now, from)?;
                match query_of(command) {
                    Some(query) => self.search(&caller, command, query),
                    None => self.dispatch_as(&caller, command),
                }
            }
        }
    }

    fn search(
        &self,
        caller: &Caller,
        command: &Command,
        mut query: Query<'_>,
    ) -> Result<Answer, Refusal> {
        if let Some(field) = query.wanted.field()
            && self.settings.unknown_search_field == UnknownField::Refuse
            && !self.some_template_has(field)
        {
            let text = self.settings.unknown_search_field_text.clone();
            return Err(Refusal::new(RefusalKind::NotFound, text));
        }
        Ok(match command {
            Command::GetSecretsByFieldValue { .. }
            | Command::GetSecretsByExposedFieldValue { .. } => {
                query.restricted = self.settings.whole_secrets_show_restricted;
                let found = self.find(caller, query).into_iter();
                let secrets = found.map(|slot| self.exposed_secret(caller, slot));
                Answer::GetSecretsByFieldValue(secrets.collect())
            }
            _ => Answer::SearchSecrets(self.summaries(caller, query)),
        })
    }

    /// The operations in a user's context, searches apart.
    fn dispatch_as(&mut self, caller: &Caller, command: &Command) -> Result<Answer, Refusal> {
        match command {
            Command::GetTokenIsValid { .. } => Ok(self.get_token_is_valid()),
            Command::WhoAmI { .. } => Ok(self.who_am_i(caller)),
            Command::ImpersonateUser {
                username,
                organization,
                domain,
                ..
            } => {
                let (name, domain) = (username.as_deref(), domain.as_deref());
                self.impersonate_user(caller, name, organization.as_deref(), domain)
            }
            Command::GetSecret {
                secret_id,
                load_settings_and_permissions,
                code_responses,
                ..
            } => {
                let settings = load_settings_and_permissions.unwrap_or(false);
                self.get_secret(caller, *secret_id, settings, code_responses)
            }
            Command::GetSecretLegacy { secret_id, .. } => {
                self.get_secret(caller, *secret_id, false, &[])
            }
            Command::DownloadFileAttachment { secret_id, .. } => {
                self.download_file_attachment(caller, *secret_id)
            }
            Command::DownloadFileAttachmentByItemId {
                secret_id,
                secret_item_id,
                ..
            } => self.download_file_attachment_by_item_id(caller, *secret_id, *secret_item_id),
            Command::CheckIn { secret_id, .. } => self.check_in(caller, *secret_id),
            Command::GetCheckOutStatus { secret_id, .. } => {
                self.get_check_out_status(caller, *secret_id)
            }
            Command::SetCheckOutEnabled {
                secret_id: id,
                set_check_out: enabled,
                set_password_change_on_check_in: change,
                check_out_interval: interval,
                ..
            } => self.set_check_out_enabled(caller, *id, *enabled, *change, *interval),
            Command::GetSSHLoginCredentials { secret_id, .. } => {
                self.ssh_login_credentials(caller, *secret_id)
            }
            Command::GetSSHLoginCredentialsWithMachine { secret_id, .. } => {
                self.ssh_login_credentials(caller, *secret_id)
            }
            Command::ExpireSecret { secret_id, .. } => self.expire_secret(caller, *secret_id),
            _ => self.dispatch_administration(caller, command),
        }
    }

    fn dispatch_administration(
        &mut self,
        caller: &Caller,
        command: &Command,
    ) -> Result<Answer, Refusal> {
        match command {
            Command::GetSecretTemplateFields { secret_type_id, .. } => {
                self.get_secret_template_fields(*secret_type_id)
            }
            Command::GetSecretTemplates { .. } => Ok(self.get_secret_templates()),
            Command::GeneratePassword {
                secret_field_id, ..
            } => self.generate_password(*secret_field_id),
            Command::AddSecretCustomAudit {
                secret_id,
                notes,
                ip_address,
                reference_id,
                ticket_number,
                user_id,
                ..
            } => {
                let custom = CustomAudit {
                    notes: notes.clone(),
                    ip_address: ip_address.clone(),
                    reference_id: *reference_id,
                    ticket_number: ticket_number.clone(),
                    user_id: *user_id,
                };
                self.add_secret_custom_audit(caller, *secret_id, custom)
            }
            Command::GetSecretAudit { secret_id, .. } => self.get_secret_audit(caller, *secret_id),
            Command::GetTicketSystems { .. } => {
                Ok(Answer::GetTicketSystems(self.ticket_systems.clone()))
            }
            Command::ChangePassword {
                current_password,
                new_password,
                ..
            } => self.change_password(caller, current_password.as_ref(), new_password.clone()),
            Command::FolderGet { folder_id, .. } => self.folder_get(caller, *folder_id),
            Command::SearchFolders { folder_name, .. } => {
                Ok(self.search_folders(caller, folder_name.as_deref().unwrap_or_default()))
            }
            Command::GetUser { user_id, .. } => self.get_user(caller, *user_id),
            Command::SearchUsers {
                search_term,
                include_inactive_users,
                ..
            } => {
                let term = search_term.as_deref().unwrap_or_default();
                self.search_users(caller, term, *include_inactive_users)
            }
            // Every other variant was taken by the match that calls this one; a new variant that
            // nobody serves is denied rather than half done.
            _ => Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied")),
        }
    }
}

/// The search that a command asks for, if it is one.
fn query_of(command: &Command) -> Option<Query<'_>> {
    let plain = |wanted, deleted, restricted| Query {
        wanted,
        deleted,
        restricted,
        folder: None,
    };
    let query = match command {
        Command::SearchSecretsByFieldValue {
            field_name,
            search_term,
            show_deleted,
            show_restricted,
            ..
        } => {
            let wanted = Wanted::FieldValue {
                field: text(field_name),
                value: text(search_term),
            };
            plain(wanted, *show_deleted, *show_restricted)
        }
        Command::SearchSecrets {
            search_term,
            include_deleted,
            include_restricted,
            ..
        } => plain(
            Wanted::Name(text(search_term)),
            include_deleted.unwrap_or(false),
            include_restricted.unwrap_or(false),
        ),
        Command::SearchSecretsLegacy { search_term, .. } => {
            plain(Wanted::Name(text(search_term)), false, false)
        }
        Command::SearchSecretsByFolder {
            search_term,
            folder_id,
            include_sub_folders,
            include_deleted,
            include_restricted,
            ..
        } => Query {
            wanted: Wanted::Name(text(search_term)),
            deleted: include_deleted.unwrap_or(false),
            restricted: include_restricted.unwrap_or(false),
            folder: folder_id.map(|id| (id, *include_sub_folders)),
        },
        _ => return exposed_query_of(command),
    };
    Some(query)
}

/// The search among fields that are exposed for display. Whether those that give whole secrets show
/// restricted ones is decided by whoever carries them out.
fn exposed_query_of(command: &Command) -> Option<Query<'_>> {
    let plain = |wanted, deleted, restricted| Query {
        wanted,
        deleted,
        restricted,
        folder: None,
    };
    let query = match command {
        Command::SearchSecretsByExposedFieldValue {
            field_name,
            search_term,
            show_deleted,
            show_restricted,
            show_partial_matches,
            ..
        } => {
            let wanted = exposed(Some(field_name), search_term, *show_partial_matches);
            plain(wanted, *show_deleted, *show_restricted)
        }
        Command::SearchSecretsByExposedValues {
            search_term,
            show_deleted,
            show_restricted,
            show_partial_matches,
            ..
        } => {
            let wanted = exposed(None, search_term, *show_partial_matches);
            plain(wanted, *show_deleted, *show_restricted)
        }
        Command::GetSecretsByFieldValue {
            field_name,
            search_term,
            show_deleted,
            ..
        } => plain(
            exposed(Some(field_name), search_term, true),
            *show_deleted,
            false,
        ),
        Command::GetSecretsByExposedFieldValue {
            field_name,
            search_term,
            show_deleted,
            show_partial_matches,
            ..
        } => {
            let wanted = exposed(Some(field_name), search_term, *show_partial_matches);
            plain(wanted, *show_deleted, false)
        }
        _ => return None,
    };
    Some(query)
}

fn exposed<'a>(
    field: Option<&'a Option<String>>,
    value: &'a Option<String>,
    partial: bool,
) -> Wanted<'a> {
    Wanted::Exposed {
        field: field.map(text),
        value: text(value),
        partial,
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}
