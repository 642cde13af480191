//! Managed systems, platforms, workgroups, assets. psafe:§2.3, §2.11.

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::vault::{EntityType, Platform, System, Workgroup};

/// A managed system. The order is that of the wire (`recorded psafe:ELASTIC`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ManagedSystem {
    #[serde(rename = "ManagedSystemID")]
    managed_system_id: i32,
    #[serde(rename = "EntityTypeID")]
    entity_type_id: i32,
    #[serde(rename = "AssetID")]
    asset_id: Option<i32>,
    #[serde(rename = "DatabaseID")]
    database_id: Option<i32>,
    #[serde(rename = "DirectoryID")]
    directory_id: Option<i32>,
    #[serde(rename = "CloudID")]
    cloud_id: Option<i32>,
    #[serde(rename = "WorkgroupID")]
    workgroup_id: Option<i32>,
    host_name: String,
    dns_name: Option<String>,
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
    instance_name: Option<String>,
    is_default_instance: Option<bool>,
    template: Option<String>,
    forest_name: Option<String>,
    #[serde(rename = "UseSSL")]
    use_ssl: Option<bool>,
    #[serde(rename = "OracleInternetDirectoryID")]
    oracle_internet_directory_id: Option<String>,
    oracle_internet_directory_service_name: Option<String>,
    system_name: String,
    #[serde(rename = "PlatformID")]
    platform_id: i32,
    net_bios_name: Option<String>,
    port: Option<i32>,
    timeout: i32,
    description: String,
    contact_email: Option<String>,
    #[serde(rename = "PasswordRuleID")]
    password_rule_id: i32,
    #[serde(rename = "DSSKeyRuleID")]
    dss_key_rule_id: i32,
    release_duration: i32,
    max_release_duration: i32,
    #[serde(rename = "ISAReleaseDuration")]
    isa_release_duration: i32,
    auto_management_flag: bool,
    #[serde(rename = "FunctionalAccountID")]
    functional_account_id: Option<i32>,
    #[serde(rename = "LoginAccountID")]
    login_account_id: Option<i32>,
    elevation_command: Option<String>,
    ssh_key_enforcement_mode: i32,
    check_password_flag: bool,
    change_password_after_any_release_flag: bool,
    reset_password_on_mismatch_flag: bool,
    change_frequency_type: &'static str,
    change_frequency_days: i32,
    change_time: &'static str,
    account_name_format: i32,
    remote_client_type: &'static str,
    #[serde(rename = "ApplicationHostID")]
    application_host_id: Option<i32>,
    is_application_host: bool,
    #[serde(rename = "AccessURL")]
    access_url: Option<String>,
}

impl ManagedSystem {
    pub(crate) fn of(system: &System) -> Self {
        let id_for = |entity| (system.entity == entity).then_some(system.id.0);
        Self {
            managed_system_id: system.id.0,
            entity_type_id: system.entity as i32,
            asset_id: id_for(EntityType::Asset),
            database_id: id_for(EntityType::Database),
            directory_id: id_for(EntityType::Directory),
            cloud_id: id_for(EntityType::Cloud),
            workgroup_id: system.workgroup.map(|id| id.0),
            host_name: system.name.clone(),
            dns_name: system.dns_name.clone(),
            ip_address: system.address.map(|address| address.to_string()),
            instance_name: system.instance.clone(),
            is_default_instance: system.instance.as_ref().map(|_| false),
            template: None,
            forest_name: system.domain.clone(),
            use_ssl: (system.entity == EntityType::Directory).then_some(true),
            oracle_internet_directory_id: None,
            oracle_internet_directory_service_name: None,
            system_name: system.name.clone(),
            platform_id: system.platform.0,
            net_bios_name: system.domain.clone(),
            port: system.port,
            timeout: system.terms.timeout_s,
            description: system.description.clone(),
            contact_email: system.terms.contact_email.clone(),
            password_rule_id: 0,
            dss_key_rule_id: 0,
            release_duration: system.terms.release_min,
            max_release_duration: system.terms.release_max_min,
            isa_release_duration: system.terms.isa_release_min,
            auto_management_flag: false,
            functional_account_id: system.terms.functional_account,
            login_account_id: None,
            elevation_command: None,
            ssh_key_enforcement_mode: 0,
            check_password_flag: false,
            change_password_after_any_release_flag: false,
            reset_password_on_mismatch_flag: false,
            change_frequency_type: "first",
            change_frequency_days: 0,
            change_time: "23:30",
            account_name_format: 0,
            remote_client_type: "None",
            application_host_id: None,
            is_application_host: false,
            access_url: None,
        }
    }
}

/// A platform (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PlatformRow {
    #[serde(rename = "PlatformID")]
    platform_id: i32,
    name: String,
    short_name: String,
    port_flag: bool,
    default_port: Option<i32>,
    supports_elevation_flag: bool,
    domain_name_flag: bool,
    auto_management_flag: bool,
    #[serde(rename = "DSSAutoManagementFlag")]
    dss_auto_management_flag: bool,
    manageable_flag: bool,
    #[serde(rename = "DSSFlag")]
    dss_flag: bool,
    login_account_flag: bool,
    default_session_type: Option<&'static str>,
    application_host_flag: bool,
    requires_application_host: bool,
    #[serde(rename = "RequiresTenantID")]
    requires_tenant_id: bool,
    #[serde(rename = "RequiresObjectID")]
    requires_object_id: bool,
    requires_secret: bool,
}

impl PlatformRow {
    pub(crate) fn of(platform: &Platform) -> Self {
        Self {
            platform_id: platform.id.0,
            name: platform.name.clone(),
            short_name: platform.short_name.clone(),
            port_flag: platform.default_port.is_some(),
            default_port: platform.default_port,
            supports_elevation_flag: platform.supports_keys,
            domain_name_flag: platform.entity == EntityType::Directory,
            auto_management_flag: true,
            dss_auto_management_flag: platform.supports_keys,
            manageable_flag: true,
            dss_flag: platform.supports_keys,
            login_account_flag: platform.supports_keys,
            default_session_type: platform.default_session,
            application_host_flag: false,
            requires_application_host: false,
            requires_tenant_id: false,
            requires_object_id: false,
            requires_secret: false,
        }
    }
}

/// A workgroup.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WorkgroupRow {
    #[serde(rename = "OrganizationID")]
    organization_id: String,
    #[serde(rename = "ID")]
    id: i32,
    #[serde(rename = "Name")]
    name: String,
}

impl WorkgroupRow {
    pub(crate) fn of(workgroup: &Workgroup) -> Self {
        Self {
            organization_id: workgroup.organization.clone(),
            id: workgroup.id.0,
            name: workgroup.name.clone(),
        }
    }
}

/// An asset. Every managed asset is one here, under the number of its system.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssetRow {
    #[serde(rename = "WorkgroupID")]
    workgroup_id: Option<i32>,
    #[serde(rename = "AssetID")]
    asset_id: i32,
    asset_name: String,
    dns_name: Option<String>,
    domain_name: Option<String>,
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
    mac_address: Option<String>,
    asset_type: &'static str,
    operating_system: String,
    create_date: &'static str,
    last_update_date: &'static str,
    description: String,
}

impl AssetRow {
    pub(crate) fn of(system: &System, platform: Option<&Platform>) -> Self {
        Self {
            workgroup_id: system.workgroup.map(|id| id.0),
            asset_id: system.id.0,
            asset_name: system.name.clone(),
            dns_name: system.dns_name.clone(),
            domain_name: system.domain.clone(),
            ip_address: system.address.map(|address| address.to_string()),
            mac_address: None,
            asset_type: "Server",
            operating_system: platform
                .map(|platform| platform.name.clone())
                .unwrap_or_default(),
            create_date: "2025-01-01T00:00:00",
            last_update_date: "2025-01-01T00:00:00",
            description: system.description.clone(),
        }
    }
}

/// A database (`vendor-client psafe:PYLIB`). It stands on no asset here.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DatabaseRow {
    #[serde(rename = "AssetID")]
    asset_id: Option<i32>,
    #[serde(rename = "DatabaseID")]
    database_id: i32,
    #[serde(rename = "PlatformID")]
    platform_id: i32,
    instance_name: Option<String>,
    is_default_instance: bool,
    port: Option<i32>,
    version: Option<String>,
    template: Option<String>,
}

impl DatabaseRow {
    pub(crate) fn of(system: &System) -> Self {
        Self {
            asset_id: None,
            database_id: system.id.0,
            platform_id: system.platform.0,
            instance_name: system.instance.clone(),
            is_default_instance: system.instance.is_none(),
            port: system.port,
            version: None,
            template: None,
        }
    }
}

/// A directory (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DirectoryRow {
    #[serde(rename = "DirectoryID")]
    directory_id: i32,
    #[serde(rename = "WorkgroupID")]
    workgroup_id: Option<i32>,
    #[serde(rename = "PlatformID")]
    platform_id: i32,
    forest_name: String,
    domain_name: String,
    net_bios_name: Option<String>,
    #[serde(rename = "UseSSL")]
    use_ssl: bool,
    port: Option<i32>,
    timeout: i32,
    description: String,
}

impl DirectoryRow {
    pub(crate) fn of(system: &System) -> Self {
        Self {
            directory_id: system.id.0,
            workgroup_id: system.workgroup.map(|id| id.0),
            platform_id: system.platform.0,
            forest_name: system.name.clone(),
            domain_name: system.name.clone(),
            net_bios_name: system.domain.clone(),
            use_ssl: true,
            port: system.port,
            timeout: system.terms.timeout_s,
            description: system.description.clone(),
        }
    }
}
