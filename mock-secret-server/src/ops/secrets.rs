//! Reading secrets, and everything that goes with it: check-out, files, approval, audit
//! (soap:§3.5 to soap:§3.9).

use crate::state::{
    ApprovalInfo, AuditSecret, CodeResponse, Command, FileDownloadResult, GetCheckOutStatusResult,
    GroupOrUserRecord, ItemValue, SSHCredentialsResult, Secret, SecretError, SecretItem,
    SecretPermissions, SecretSettings,
};
use crate::wire::parameters::Parameters;
use crate::wire::reply::Writer;

pub(super) fn get(p: &Parameters<'_>) -> Command {
    let response = |record: &Parameters<'_>| CodeResponse {
        error_code: record.text("ErrorCode"),
        comment: record.secret("Comment"),
        additional_comment: record.text("AdditionalComment"),
        ticket_system_id: record.nullable_int("TicketSystemId"),
    };
    Command::GetSecret {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
        load_settings_and_permissions: p.nullable_boolean("loadSettingsAndPermissions"),
        code_responses: p.records("codeResponses").map(response).collect(),
    }
}

pub(super) fn get_legacy(p: &Parameters<'_>) -> Command {
    Command::GetSecretLegacy {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn download(p: &Parameters<'_>) -> Command {
    Command::DownloadFileAttachment {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn download_by_item_id(p: &Parameters<'_>) -> Command {
    Command::DownloadFileAttachmentByItemId {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
        secret_item_id: p.int("secretItemId"),
    }
}

pub(super) fn check_in(p: &Parameters<'_>) -> Command {
    Command::CheckIn {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn check_in_by_key(p: &Parameters<'_>) -> Command {
    Command::CheckInByKey {
        session_key: p.secret("sessionKey"),
    }
}

pub(super) fn get_check_out_status(p: &Parameters<'_>) -> Command {
    Command::GetCheckOutStatus {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn set_check_out_enabled(p: &Parameters<'_>) -> Command {
    Command::SetCheckOutEnabled {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
        set_check_out: p.boolean("setCheckOut"),
        set_password_change_on_check_in: p.boolean("setPasswordChangeOnCheckIn"),
        check_out_interval: p.nullable_int("checkOutInterval"),
    }
}

pub(super) fn expire(p: &Parameters<'_>) -> Command {
    Command::ExpireSecret {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn get_ssh_login(p: &Parameters<'_>) -> Command {
    Command::GetSSHLoginCredentials {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn get_ssh_login_with_machine(p: &Parameters<'_>) -> Command {
    Command::GetSSHLoginCredentialsWithMachine {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
        machine: p.text("machine"),
    }
}

pub(super) fn add_custom_audit(p: &Parameters<'_>) -> Command {
    Command::AddSecretCustomAudit {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
        notes: p.text("notes"),
        ip_address: p.text("ipAddress"),
        reference_id: p.nullable_int("referenceId"),
        ticket_number: p.text("ticketNumber"),
        user_id: p.int("userId"),
    }
}

pub(super) fn get_audit(p: &Parameters<'_>) -> Command {
    Command::GetSecretAudit {
        token: p.secret("token"),
        secret_id: p.int("secretId"),
    }
}

pub(super) fn approve_access(p: &Parameters<'_>) -> Command {
    Command::ApproveSecretAccessRequest {
        approval_id: p.text("approvalId"),
        hours: p.text("hours"),
        user_override: p.boolean("userOverride"),
    }
}

pub(super) fn deny_access(p: &Parameters<'_>) -> Command {
    Command::DenySecretAccessRequest {
        approval_id: p.text("approvalId"),
        user_override: p.boolean("userOverride"),
    }
}

pub(super) fn write_one(w: &mut Writer, secret: &Secret) {
    w.errors(&[]);
    write_secret(w, secret);
}

pub(super) fn write_list(w: &mut Writer, secrets: &[Secret]) {
    w.errors(&[]);
    w.element("Secrets", |w| {
        for secret in secrets {
            write_secret(w, secret);
        }
    });
}

pub(super) fn write_check_out_status(w: &mut Writer, status: &GetCheckOutStatusResult) {
    w.errors(&[]);
    write_secret(w, &status.secret);
    w.int(
        "CheckOutMinutesRemaining",
        status.check_out_minutes_remaining,
    );
    w.boolean("IsCheckedOut", status.is_checked_out);
    w.text(
        "CheckOutUserDisplayName",
        status.check_out_user_display_name.as_deref(),
    );
    w.int("CheckOutUserId", status.check_out_user_id);
}

pub(super) fn write_secret_error(w: &mut Writer, error: &SecretError) {
    w.element("SecretError", |w| {
        w.text("ErrorCode", error.error_code.as_ref());
        w.text("ErrorMessage", error.error_message.as_ref());
        w.boolean("AllowsResponse", error.allows_response);
        w.text("CommentTitle", error.comment_title.as_ref());
        w.text(
            "AdditionalCommentTitle",
            error.additional_comment_title.as_ref(),
        );
    });
}

pub(super) fn write_file(w: &mut Writer, file: &FileDownloadResult) {
    w.errors(&[]);
    w.base64("FileAttachment", file.file_attachment.expose());
    w.text("FileName", &*file.file_name);
}

pub(super) fn write_approval(w: &mut Writer, info: &ApprovalInfo) {
    w.element("ApprovalInfo", |w| {
        w.text("Status", info.status.name());
        w.text("Responder", info.responder.as_deref());
        w.date_time("ResponseDate", info.response_date);
        w.text("ResponseComment", info.response_comment.as_deref());
        w.nullable_date_time("ExpirationDate", info.expiration_date);
    });
}

pub(super) fn write_ssh_login(w: &mut Writer, result: &SSHCredentialsResult) {
    w.errors(&[]);
    w.text("Username", &*result.username);
    w.text("Password", result.password.expose());
    w.text("Host", &*result.host);
    w.text("Port", &*result.port);
}

pub(super) fn write_audit(w: &mut Writer, rows: &[AuditSecret]) {
    w.errors(&[]);
    w.element("SecretAudits", |w| {
        for row in rows {
            w.element("AuditSecret", |w| {
                w.int("AuditSecretId", row.audit_secret_id);
                w.int("SecretId", row.secret_id);
                w.date_time("DateRecorded", row.date_recorded);
                w.text("Action", &*row.action);
                w.text("Notes", row.notes.as_deref());
                w.int("UserId", row.user_id);
                w.text("SecretName", &*row.secret_name);
                w.text("IpAddress", &*row.ip_address);
                w.int("ReferenceId", row.reference_id);
                w.text("ByUserDisplayName", &*row.by_user_display_name);
                w.text("TicketNumber", row.ticket_number.as_deref());
            });
        }
    });
}

fn write_secret(w: &mut Writer, secret: &Secret) {
    w.element("Secret", |w| {
        w.text("Name", &*secret.name);
        if let Some(items) = &secret.items {
            w.element("Items", |w| {
                for item in items {
                    write_item(w, item);
                }
            });
        }
        w.int("Id", secret.id);
        w.int("SecretTypeId", secret.secret_type_id);
        w.int("FolderId", secret.folder_id);
        w.boolean("IsWebLauncher", secret.is_web_launcher);
        w.nullable_int(
            "CheckOutMinutesRemaining",
            secret.check_out_minutes_remaining,
        );
        w.nullable_boolean("IsCheckedOut", secret.is_checked_out);
        w.text(
            "CheckOutUserDisplayName",
            secret.check_out_user_display_name.as_deref(),
        );
        w.nullable_int("CheckOutUserId", secret.check_out_user_id);
        w.nullable_boolean("IsOutOfSync", secret.is_out_of_sync);
        w.nullable_boolean("IsRestricted", secret.is_restricted);
        w.text("OutOfSyncReason", secret.out_of_sync_reason.as_deref());
        if let Some(settings) = &secret.secret_settings {
            write_settings(w, settings);
        }
        if let Some(permissions) = &secret.secret_permissions {
            write_permissions(w, permissions);
        }
        w.nullable_boolean("Active", secret.active);
    });
}

fn write_item(w: &mut Writer, item: &SecretItem) {
    w.element("SecretItem", |w| {
        w.text("Value", item.value.as_ref().map(ItemValue::expose));
        w.nullable_int("Id", item.id);
        w.nullable_int("FieldId", item.field_id);
        w.text("FieldName", item.field_name.as_deref());
        w.boolean("IsFile", item.is_file);
        w.boolean("IsNotes", item.is_notes);
        w.boolean("IsPassword", item.is_password);
        w.text("FieldDisplayName", item.field_display_name.as_deref());
    });
}

fn write_settings(w: &mut Writer, settings: &SecretSettings) {
    w.element("SecretSettings", |w| {
        for (name, value) in [
            ("AutoChangeEnabled", settings.auto_change_enabled),
            (
                "RequiresApprovalForAccess",
                settings.requires_approval_for_access,
            ),
            ("RequiresComment", settings.requires_comment),
            ("CheckOutEnabled", settings.check_out_enabled),
            (
                "CheckOutChangePasswordEnabled",
                settings.check_out_change_password_enabled,
            ),
            ("ProxyEnabled", settings.proxy_enabled),
            (
                "SessionRecordingEnabled",
                settings.session_recording_enabled,
            ),
            ("RestrictSshCommands", settings.restrict_ssh_commands),
            (
                "AllowOwnersUnrestrictedSshCommands",
                settings.allow_owners_unrestricted_ssh_commands,
            ),
        ] {
            w.nullable_boolean(name, value);
        }
        w.nullable_int("PrivilegedSecretId", settings.privileged_secret_id);
        w.element("AssociatedSecretIds", |w| {
            for id in &settings.associated_secret_ids {
                w.int("int", *id);
            }
        });
        w.element("Approvers", |w| {
            for approver in &settings.approvers {
                write_record(w, "GroupOrUserRecord", approver);
            }
        });
        w.element("SshCommandMenuAccessPermissions", |_| {});
        w.boolean("IsChangeToSettings", settings.is_change_to_settings);
    });
}

fn write_permissions(w: &mut Writer, permissions: &SecretPermissions) {
    w.element("SecretPermissions", |w| {
        w.boolean("CurrentUserHasView", permissions.current_user_has_view);
        w.boolean("CurrentUserHasEdit", permissions.current_user_has_edit);
        w.boolean("CurrentUserHasOwner", permissions.current_user_has_owner);
        w.nullable_boolean(
            "InheritPermissionsEnabled",
            permissions.inherit_permissions_enabled,
        );
        w.boolean(
            "IsChangeToPermissions",
            permissions.is_change_to_permissions,
        );
        w.element("Permissions", |w| {
            for permission in &permissions.permissions {
                w.element("Permission", |w| {
                    write_record(w, "UserOrGroup", &permission.user_or_group);
                    w.boolean("View", permission.view);
                    w.boolean("Edit", permission.edit);
                    w.boolean("Owner", permission.owner);
                    w.text(
                        "SecretAccessRoleName",
                        permission.secret_access_role_name.as_deref(),
                    );
                    w.nullable_int("SecretAccessRoleId", permission.secret_access_role_id);
                });
            }
        });
    });
}

fn write_record(w: &mut Writer, element: &str, record: &GroupOrUserRecord) {
    w.element(element, |w| {
        w.text("Name", &*record.name);
        w.text("DomainName", record.domain_name.as_deref());
        w.boolean("IsUser", record.is_user);
        w.nullable_int("GroupId", record.group_id);
        w.nullable_int("UserId", record.user_id);
    });
}
