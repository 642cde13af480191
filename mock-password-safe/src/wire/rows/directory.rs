//! Users, groups, functional accounts. psafe:§2.10, §2.11.

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::people::{Group, User, UserKind};
use crate::state::vault::{FunctionalAccount, Vault};

/// A user. The client secret never travels.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UserRow {
    #[serde(rename = "UserID")]
    user_id: i32,
    user_name: String,
    domain_name: Option<String>,
    distinguished_name: Option<String>,
    first_name: String,
    last_name: String,
    email_address: String,
    last_login_date: Option<String>,
    last_login_authentication_type: Option<String>,
    last_login_configuration_name: Option<String>,
    #[serde(rename = "LastLoginSAMLIDPURL")]
    last_login_saml_idp_url: Option<String>,
    #[serde(rename = "LastLoginSSOURL")]
    last_login_sso_url: Option<String>,
    is_quarantined: bool,
    is_active: bool,
    #[serde(rename = "ClientID")]
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(rename = "AccessPolicyID")]
    access_policy_id: Option<i32>,
    user_type: &'static str,
}

impl UserRow {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            user_id: user.id.0,
            user_name: user.name.clone(),
            domain_name: user.domain.clone(),
            distinguished_name: None,
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email_address: user.email.clone(),
            last_login_date: None,
            last_login_authentication_type: None,
            last_login_configuration_name: None,
            last_login_saml_idp_url: None,
            last_login_sso_url: None,
            is_quarantined: user.quarantined,
            is_active: user.active,
            client_id: user.client_id.clone(),
            client_secret: None,
            access_policy_id: user.policy.map(|id| id.0),
            user_type: match user.kind {
                UserKind::BeyondInsight => "BeyondInsight",
                UserKind::ActiveDirectory => "ActiveDirectory",
                UserKind::Application => "Application",
            },
        }
    }
}

/// A user group.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GroupRow {
    #[serde(rename = "GroupID")]
    group_id: i32,
    name: String,
    distinguished_name: Option<String>,
    group_type: &'static str,
    account_attribute: Option<String>,
    description: String,
    is_active: bool,
    #[serde(rename = "ApplicationRegistrationIDs")]
    registrations: Vec<i32>,
}

impl GroupRow {
    pub(crate) fn of(group: &Group) -> Self {
        Self {
            group_id: group.id.0,
            name: group.name.clone(),
            distinguished_name: None,
            group_type: "BeyondInsight",
            account_attribute: None,
            description: String::new(),
            is_active: true,
            registrations: group.registrations.iter().map(|id| id.0).collect(),
        }
    }
}

/// A functional account (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionalAccountRow {
    #[serde(rename = "FunctionalAccountID")]
    functional_account_id: i32,
    #[serde(rename = "PlatformID")]
    platform_id: i32,
    domain_name: Option<String>,
    account_name: String,
    display_name: String,
    description: String,
    elevation_command: Option<String>,
    system_reference_count: usize,
    #[serde(rename = "TenantID")]
    tenant_id: Option<String>,
    #[serde(rename = "ObjectID")]
    object_id: Option<String>,
    azure_instance: Option<String>,
}

impl FunctionalAccountRow {
    pub(crate) fn of(account: &FunctionalAccount, vault: &Vault) -> Self {
        Self {
            functional_account_id: account.id,
            platform_id: account.platform.0,
            domain_name: account.domain.clone(),
            account_name: account.name.clone(),
            display_name: account.display_name.clone(),
            description: account.description.clone(),
            elevation_command: account.elevation_command.clone(),
            system_reference_count: vault.count_of(account.id),
            tenant_id: account.tenant.clone(),
            object_id: account.object.clone(),
            azure_instance: account.azure_instance.clone(),
        }
    }
}
