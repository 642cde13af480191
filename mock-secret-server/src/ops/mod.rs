//! The operations: parameters into commands, answers into results. One file per family.

mod accounts;
mod directory;
mod search;
mod secrets;
mod templates;

use sim_kit::exchange::Request;

use crate::schema::{Field, Kind, Operation, Schema};
use crate::state::{Answer, Command, Refusal};
use crate::wire::parameters::Parameters;
use crate::wire::reply::Writer;

/// Where a call came in: results that hold addresses are made absolute with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The request, for scheme and authority.
    pub(crate) request: &'a Request,
    /// The application's root path.
    pub(crate) root: &'a str,
}

/// The command for an operation; `None` when the operation is known but has nothing behind it.
pub(crate) fn command(operation: &Operation, p: &Parameters<'_>) -> Option<Command> {
    Some(match operation.name {
        "Authenticate" => accounts::authenticate(p),
        "AuthenticateRADIUS" => accounts::authenticate_radius(p),
        "GetTokenIsValid" => accounts::get_token_is_valid(p),
        "ImpersonateUser" => accounts::impersonate_user(p),
        "WhoAmI" => accounts::who_am_i(p),
        "VersionGet" => Command::VersionGet,
        "ChangePassword" => accounts::change_password(p),
        "SearchSecretsByFieldValue" => search::by_field_value(p),
        "SearchSecrets" => search::secrets(p),
        "SearchSecretsLegacy" => search::legacy(p),
        "SearchSecretsByFolder" => search::by_folder(p),
        "SearchSecretsByExposedFieldValue" => search::by_exposed_field_value(p),
        "SearchSecretsByExposedValues" => search::by_exposed_values(p),
        "GetSecretsByFieldValue" => search::whole_by_field_value(p),
        "GetSecretsByExposedFieldValue" => search::whole_by_exposed_field_value(p),
        "GetSecret" => secrets::get(p),
        "GetSecretLegacy" => secrets::get_legacy(p),
        "DownloadFileAttachment" => secrets::download(p),
        "DownloadFileAttachmentByItemId" => secrets::download_by_item_id(p),
        "CheckIn" => secrets::check_in(p),
        "CheckInByKey" => secrets::check_in_by_key(p),
        "GetCheckOutStatus" => secrets::get_check_out_status(p),
        "SetCheckOutEnabled" => secrets::set_check_out_enabled(p),
        "ExpireSecret" => secrets::expire(p),
        "GetSSHLoginCredentials" => secrets::get_ssh_login(p),
        "GetSSHLoginCredentialsWithMachine" => secrets::get_ssh_login_with_machine(p),
        "AddSecretCustomAudit" => secrets::add_custom_audit(p),
        "GetSecretAudit" => secrets::get_audit(p),
        "ApproveSecretAccessRequest" => secrets::approve_access(p),
        "DenySecretAccessRequest" => secrets::deny_access(p),
        "GetSecretTemplateFields" => templates::get_fields(p),
        "GetSecretTemplates" => templates::get_all(p),
        "GeneratePassword" => templates::generate_password(p),
        "GetTicketSystems" => directory::get_ticket_systems(p),
        "FolderGet" => directory::folder_get(p),
        "SearchFolders" => directory::search_folders(p),
        "GetUser" => directory::get_user(p),
        "SearchUsers" => directory::search_users(p),
        _ => return None,
    })
}

/// Writes the members of a result, in the schema's order.
pub(crate) fn write_answer(w: &mut Writer, answer: &Answer, place: Place<'_>) {
    match answer {
        Answer::Authenticate(token) => accounts::write_token(w, token),
        Answer::Impersonate(result) => accounts::write_impersonation(w, result, place),
        Answer::TokenIsValid(result) => accounts::write_token_is_valid(w, result),
        Answer::UserInfo(result) => accounts::write_user_info(w, result),
        Answer::Version(version) => accounts::write_version(w, version),
        Answer::SearchSecrets(rows) => search::write_summaries(w, rows),
        Answer::GetSecretsByFieldValue(rows) => secrets::write_list(w, rows),
        Answer::GetSecret(secret) => secrets::write_one(w, secret),
        Answer::GetCheckOutStatus(status) => secrets::write_check_out_status(w, status),
        Answer::FileDownload(file) => secrets::write_file(w, file),
        Answer::WebService => w.errors(&[]),
        Answer::RequestApproval(info) => secrets::write_approval(w, info),
        Answer::SSHCredentials(result) => secrets::write_ssh_login(w, result),
        Answer::GetSecretAudit(rows) => secrets::write_audit(w, rows),
        Answer::GetSecretTemplateFields(fields) => templates::write_fields(w, fields),
        Answer::GetSecretTemplates(rows) => templates::write_all(w, rows),
        Answer::GeneratePassword(password) => templates::write_password(w, password),
        Answer::GetTicketSystems(rows) => directory::write_ticket_systems(w, rows),
        Answer::GetFolder(folder) => directory::write_folder(w, folder),
        Answer::SearchFolders(rows) => directory::write_folders(w, rows),
        Answer::GetUser(user) => directory::write_user(w, user),
        Answer::GetUsers(rows) => directory::write_users(w, rows),
    }
}

/// Writes a refusal in the shape of the operation's result: the text where the type has a place
/// for it, and of the rest what the serializer cannot leave out, at its default.
pub(crate) fn write_refusal(
    w: &mut Writer,
    operation: &Operation,
    refusal: &Refusal,
    place: Place<'_>,
) {
    for field in Schema::get().fields(operation.result) {
        match field.name {
            "Errors" if refusal.text.is_empty() => w.errors(&[]),
            "Errors" => w.errors(&[&refusal.text]),
            "ErrorMessage" => w.text("ErrorMessage", refusal.text.as_ref()),
            "SecretError" => {
                if let Some(error) = &refusal.secret_error {
                    secrets::write_secret_error(w, error);
                }
            }
            "AuthorizeURL" => {
                if let Some(path) = &refusal.authorize_url {
                    accounts::write_authorize_url(w, path, place);
                }
            }
            _ => write_default(w, field, refusal.payload_empty),
        }
    }
}

fn write_default(w: &mut Writer, field: &Field, payload_empty: bool) {
    if field.optional {
        match field.kind {
            Kind::String if payload_empty => w.text(field.name, ""),
            Kind::Named(list) if payload_empty && list.starts_with("ArrayOf") => {
                w.element(field.name, |_| {});
            }
            _ => {}
        }
        return;
    }
    match field.kind {
        _ if field.nillable => w.nil(field.name),
        Kind::Int => w.int(field.name, 0),
        Kind::Boolean => w.boolean(field.name, false),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_belongs_to_the_operation_of_its_name() {
        let mut mocked = 0;
        for operation in &Schema::get().operations {
            if let Some(command) = command(operation, &Parameters::default()) {
                assert_eq!(command.operation(), operation.name);
                let fields = Schema::get().fields(operation.result);
                assert_eq!(
                    command.result_has_secret_error(),
                    fields.iter().any(|field| field.name == "SecretError"),
                    "{}",
                    operation.name
                );
                mocked += 1;
            }
        }
        assert_eq!(mocked, 38);
    }
}
