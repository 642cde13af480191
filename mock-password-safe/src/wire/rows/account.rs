//! Managed accounts, in their two shapes. psafe:§2.1, §2.2.

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::listing::Row;
use crate::state::vault::Account;
use crate::wire::{date, json};

/// A row of `GET ManagedAccounts`: what the caller may request. The order is that of the wire
/// (`recorded psafe:ELASTIC`). Mind the casing: `SystemId` here, `SystemID` in requests.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RequestableAccount<'r> {
    #[serde(rename = "PlatformID")]
    platform_id: i32,
    system_id: i32,
    system_name: &'r str,
    instance_name: &'r str,
    domain_name: Option<&'r str>,
    account_id: i32,
    account_name: &'r str,
    user_principal_name: &'r str,
    #[serde(rename = "ApplicationID")]
    application_id: Option<i32>,
    application_display_name: Option<&'r str>,
    maximum_release_duration: i32,
    default_release_duration: i32,
    last_change_date: Option<String>,
    next_change_date: Option<String>,
    change_state: i32,
    is_changing: bool,
    #[serde(rename = "IsISAAccess")]
    is_isa_access: bool,
    #[serde(rename = "PreferredNodeID")]
    preferred_node_id: &'static str,
    account_description: &'r str,
    totp_enabled: bool,
    totp_parameters: Option<String>,
}

/// Room for what most rows hold, bytes.
const ROW_USUAL: usize = 768;

/// No node is preferred.
const NO_NODE: &str = "00000000-0000-0000-0000-000000000000";

impl<'r> RequestableAccount<'r> {
    pub(crate) fn of(row: &Row<'r>) -> Self {
        let Row {
            system,
            account,
            application,
            is_isa,
        } = *row;
        Self {
            platform_id: system.platform.0,
            system_id: system.id.0,
            system_name: &system.name,
            instance_name: system.instance.as_deref().unwrap_or_default(),
            domain_name: account.domain.as_deref(),
            account_id: account.id.0,
            account_name: &account.name,
            user_principal_name: account.rare().upn.as_deref().unwrap_or_default(),
            application_id: application.map(|app| app.id.0),
            application_display_name: application.map(|app| app.display_name.as_str()),
            maximum_release_duration: account.release_max_min,
            default_release_duration: account.release_min,
            last_change_date: account.changed_at.map(date::print),
            next_change_date: None,
            change_state: 0,
            is_changing: false,
            is_isa_access: is_isa,
            preferred_node_id: NO_NODE,
            account_description: &account.description,
            totp_enabled: account.rare().totp.is_some(),
            totp_parameters: None,
        }
    }
}

impl RequestableAccount<'_> {
    /// The rows as an array, as they would be serialised.
    pub(crate) fn array(rows: &[Row<'_>]) -> String {
        let mut out = String::with_capacity(rows.len() * ROW_USUAL + "[]".len());
        out.push('[');
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            RequestableAccount::of(row).write(&mut out);
        }
        out.push(']');
        out
    }

    fn write(&self, out: &mut String) {
        out.push_str("{\"PlatformID\":");
        json::int(out, self.platform_id);
        out.push_str(",\"SystemId\":");
        json::int(out, self.system_id);
        out.push_str(",\"SystemName\":");
        json::text(out, self.system_name);
        out.push_str(",\"InstanceName\":");
        json::text(out, self.instance_name);
        out.push_str(",\"DomainName\":");
        json::nullable_text(out, self.domain_name);
        out.push_str(",\"AccountId\":");
        json::int(out, self.account_id);
        out.push_str(",\"AccountName\":");
        json::text(out, self.account_name);
        out.push_str(",\"UserPrincipalName\":");
        json::text(out, self.user_principal_name);
        out.push_str(",\"ApplicationID\":");
        match self.application_id {
            Some(id) => json::int(out, id),
            None => out.push_str("null"),
        }
        out.push_str(",\"ApplicationDisplayName\":");
        json::nullable_text(out, self.application_display_name);
        out.push_str(",\"MaximumReleaseDuration\":");
        json::int(out, self.maximum_release_duration);
        out.push_str(",\"DefaultReleaseDuration\":");
        json::int(out, self.default_release_duration);
        out.push_str(",\"LastChangeDate\":");
        json::nullable_text(out, self.last_change_date.as_deref());
        out.push_str(",\"NextChangeDate\":");
        json::nullable_text(out, self.next_change_date.as_deref());
        out.push_str(",\"ChangeState\":");
        json::int(out, self.change_state);
        out.push_str(",\"IsChanging\":");
        json::flag(out, self.is_changing);
        out.push_str(",\"IsISAAccess\":");
        json::flag(out, self.is_isa_access);
        out.push_str(",\"PreferredNodeID\":");
        json::text(out, self.preferred_node_id);
        out.push_str(",\"AccountDescription\":");
        json::text(out, self.account_description);
        out.push_str(",\"TotpEnabled\":");
        json::flag(out, self.totp_enabled);
        out.push_str(",\"TotpParameters\":");
        json::nullable_text(out, self.totp_parameters.as_deref());
        out.push('}');
    }
}

/// `ManagedAccountModel`: what an administrator sees (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ManagedAccount {
    #[serde(rename = "ManagedAccountID")]
    managed_account_id: i32,
    #[serde(rename = "ManagedSystemID")]
    managed_system_id: i32,
    domain_name: Option<String>,
    account_name: String,
    distinguished_name: Option<String>,
    password_fallback_flag: bool,
    user_principal_name: Option<String>,
    #[serde(rename = "SAMAccountName")]
    sam_account_name: Option<String>,
    login_account_flag: bool,
    description: String,
    #[serde(rename = "PasswordRuleID")]
    password_rule_id: i32,
    api_enabled: bool,
    release_notification_email: Option<String>,
    change_services_flag: bool,
    restart_services_flag: bool,
    change_tasks_flag: bool,
    release_duration: i32,
    max_release_duration: i32,
    #[serde(rename = "ISAReleaseDuration")]
    isa_release_duration: i32,
    max_concurrent_requests: u16,
    auto_management_flag: bool,
    #[serde(rename = "DSSAutoManagementFlag")]
    dss_auto_management_flag: bool,
    check_password_flag: bool,
    reset_password_on_mismatch_flag: bool,
    change_password_after_any_release_flag: bool,
    change_frequency_type: &'static str,
    change_frequency_days: i32,
    change_time: &'static str,
    #[serde(rename = "ParentAccountID")]
    parent_account_id: Option<i32>,
    is_subscribed_account: bool,
    last_change_date: Option<String>,
    next_change_date: Option<String>,
    is_changing: bool,
    change_state: i32,
    use_own_credentials: bool,
    #[serde(rename = "WorkgroupID")]
    workgroup_id: Option<i32>,
    #[serde(rename = "ChangeIISAppPoolFlag")]
    change_iis_app_pool_flag: bool,
    #[serde(rename = "RestartIISAppPoolFlag")]
    restart_iis_app_pool_flag: bool,
    change_windows_auto_logon_flag: bool,
    change_com_plus_flag: bool,
    #[serde(rename = "ChangeDComFlag")]
    change_dcom_flag: bool,
    #[serde(rename = "ChangeSComFlag")]
    change_scom_flag: bool,
    #[serde(rename = "ObjectID")]
    object_id: Option<String>,
}

impl ManagedAccount {
    pub(crate) fn of(account: &Account) -> Self {
        Self {
            managed_account_id: account.id.0,
            managed_system_id: account.system.0,
            domain_name: account.domain.as_deref().map(str::to_owned),
            account_name: account.name.to_string(),
            distinguished_name: account.domain.as_ref().map(|_| String::new()),
            password_fallback_flag: false,
            user_principal_name: account.rare().upn.clone(),
            sam_account_name: account.domain.as_ref().map(|_| account.name.to_string()),
            login_account_flag: false,
            description: account.description.to_string(),
            password_rule_id: 0,
            api_enabled: account.api_enabled,
            release_notification_email: None,
            change_services_flag: false,
            restart_services_flag: false,
            change_tasks_flag: false,
            release_duration: account.release_min,
            max_release_duration: account.release_max_min,
            isa_release_duration: account.isa_release_min,
            max_concurrent_requests: account.concurrent_max,
            auto_management_flag: account.auto_management,
            dss_auto_management_flag: false,
            check_password_flag: false,
            reset_password_on_mismatch_flag: false,
            change_password_after_any_release_flag: account.rotates_after_release,
            change_frequency_type: "first",
            change_frequency_days: 0,
            change_time: "23:30",
            parent_account_id: None,
            is_subscribed_account: false,
            last_change_date: account.changed_at.map(date::print),
            next_change_date: None,
            is_changing: false,
            change_state: 0,
            use_own_credentials: false,
            workgroup_id: None,
            change_iis_app_pool_flag: false,
            restart_iis_app_pool_flag: false,
            change_windows_auto_logon_flag: false,
            change_com_plus_flag: false,
            change_dcom_flag: false,
            change_scom_flag: false,
            object_id: None,
        }
    }
}

/// `POST ManagedAccounts/{id}/Credentials/Test`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestResult {
    #[serde(rename = "Success")]
    pub(crate) success: bool,
}

/// `GET ManagedAccounts/{id}/Credentials?type=totp` (`documented psafe:DOC-new`).
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneTimeCode {
    #[serde(rename = "Code")]
    pub(crate) code: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_is_written_as_it_would_be_serialised(
            texts in prop::array::uniform8(any::<Option<String>>()),
            numbers in prop::array::uniform7(any::<i32>()),
            flags in prop::array::uniform3(any::<bool>()),
        ) {
            let text = |at: usize| texts[at].as_deref();
            let row = RequestableAccount {
                platform_id: numbers[0],
                system_id: numbers[1],
                system_name: text(0).unwrap_or("web01"),
                instance_name: text(1).unwrap_or_default(),
                domain_name: text(2),
                account_id: numbers[2],
                account_name: text(3).unwrap_or("\"\\\u{7f}\u{0}é"),
                user_principal_name: text(4).unwrap_or_default(),
                application_id: flags[0].then_some(numbers[3]),
                application_display_name: text(5),
                maximum_release_duration: numbers[4],
                default_release_duration: numbers[5],
                last_change_date: texts[6].clone(),
                next_change_date: texts[7].clone(),
                change_state: numbers[6],
                is_changing: flags[0],
                is_isa_access: flags[1],
                preferred_node_id: NO_NODE,
                account_description: text(6).unwrap_or_default(),
                totp_enabled: flags[2],
                totp_parameters: texts[5].clone(),
            };
            let mut written = String::new();
            row.write(&mut written);
            prop_assert_eq!(written, serde_json::to_string(&row).unwrap_or_default());
        }
    }
}
