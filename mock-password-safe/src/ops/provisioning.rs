//! What administrators and provisioning tools add and change: assets, managed systems, workgroups,
//! functional accounts, databases, directories. psafe:§2.3, §2.11.

use std::net::IpAddr;

use sim_kit::exchange::StatusCode;

use super::accounts::{self, SYSTEM_NOT_FOUND};
use super::systems::{ASSET_NOT_FOUND, PAGED, SYSTEMS, those_wanted, workgroup_named};
use super::{
    Access, Call, Param, Route, created, flag, gives, int, nothing, ok, one_of, route, text,
};
use crate::state::State;
use crate::state::ids::{PlatformId, SystemId, WorkgroupId};
use crate::state::people::{Feature, Level};
use crate::state::refusal::Refusal;
use crate::state::vault::{EntityType, FunctionalAccount, System, Workgroup};
use crate::wire::answer::Answer;
use crate::wire::read::Fields;
use crate::wire::rows::directory::FunctionalAccountRow;
use crate::wire::rows::system::{AssetRow, DatabaseRow, DirectoryRow, ManagedSystem, WorkgroupRow};

const READ: Access = Access::Feature(Feature::SystemManagement, Level::Read);
const FULL: Access = Access::Feature(Feature::SystemManagement, Level::FullControl);
const VERSION: &[Param] = &[accounts::VERSION];
const PLATFORM: Param = int("PlatformID");
const MINUTES: (i32, i32) = (1, 525_600);
/// The members of a managed system that the simulator keeps; the others that clients send are
/// read and left (`vendor-client psafe:PYLIB`).
const TERMS: [Param; 14] = [
    text("ContactEmail").at_most(128),
    text("Description").at_most(255),
    int("Port").between(1, 65_535),
    int("Timeout").between(1, 3600),
    int("ReleaseDuration").between(MINUTES.0, MINUTES.1),
    int("MaxReleaseDuration").between(MINUTES.0, MINUTES.1),
    int("ISAReleaseDuration").between(MINUTES.0, MINUTES.1),
    int("FunctionalAccountID"),
    int("PasswordRuleID"),
    flag("AutoManagementFlag"),
    flag("CheckPasswordFlag"),
    flag("ChangePasswordAfterAnyReleaseFlag"),
    one_of("ChangeFrequencyType", &["first", "last", "xdays"]),
    text("ChangeTime").at_most(5),
];
const MANAGE: &[Param] = &[
    PLATFORM.required(),
    TERMS[0],
    TERMS[1],
    TERMS[2],
    TERMS[3],
    TERMS[4],
    TERMS[5],
    TERMS[6],
    TERMS[7],
    TERMS[8],
    TERMS[9],
    TERMS[10],
    TERMS[11],
    TERMS[12],
    TERMS[13],
];
const SYSTEM: &[Param] = &[
    PLATFORM,
    text("HostName").at_most(128),
    text("DnsName").at_most(255),
    text("IPAddress").at_most(45),
    text("InstanceName").at_most(100),
    int("WorkgroupID"),
    TERMS[0],
    TERMS[1],
    TERMS[2],
    TERMS[3],
    TERMS[4],
    TERMS[5],
    TERMS[6],
    TERMS[7],
];
const ASSET: &[Param] = &[
    text("IPAddress").at_most(45),
    text("AssetName").at_most(128),
    text("DnsName").at_most(255),
    text("DomainName").at_most(64),
    text("MacAddress").at_most(128),
    text("AssetType").at_most(64),
    text("Description").at_most(255),
    text("OperatingSystem").at_most(255),
];
const FUNCTIONAL_ACCOUNT: &[Param] = &[
    PLATFORM.required(),
    text("AccountName").required().at_most(245),
    text("DomainName").at_most(500),
    text("DisplayName").at_most(100),
    text("Description").at_most(1000),
    text("Password"),
    text("PrivateKey"),
    text("Passphrase"),
    text("ElevationCommand").at_most(80),
    text("TenantID").at_most(36),
    text("ObjectID").at_most(36),
    text("Secret"),
    text("ServiceAccountEmail").at_most(255),
    text("AzureInstance").at_most(64),
];

pub(crate) const ROUTES: &[Route] = &[
    route(
        "POST Assets/{assetID}/ManagedSystems",
        "Manage an asset; 200 when it is managed already",
        FULL,
        VERSION,
        MANAGE,
        created(gives::<ManagedSystem>),
        manage,
    ),
    route(
        "PUT ManagedSystems/{id}",
        "Change a managed system",
        FULL,
        VERSION,
        SYSTEM,
        ok(gives::<ManagedSystem>),
        change,
    ),
    route(
        "DELETE ManagedSystems/{id}",
        "Manage a system no longer; its accounts go with it",
        FULL,
        VERSION,
        &[],
        nothing(200),
        remove,
    ),
    route(
        "POST Workgroups",
        "Add a workgroup",
        FULL,
        VERSION,
        &[
            text("Name").required().at_most(256),
            text("OrganizationID").at_most(36),
        ],
        created(gives::<WorkgroupRow>),
        add_workgroup,
    ),
    route(
        "POST Workgroups/{workgroup}/Assets",
        "Add an asset to a workgroup",
        FULL,
        VERSION,
        ASSET,
        created(gives::<AssetRow>),
        add_asset,
    ),
    route(
        "GET FunctionalAccounts",
        "The functional accounts",
        Access::SignedIn,
        VERSION,
        &[],
        ok(gives::<Vec<FunctionalAccountRow>>),
        functional_accounts,
    ),
    route(
        "GET FunctionalAccounts/{id}",
        "One functional account",
        Access::SignedIn,
        VERSION,
        &[],
        ok(gives::<FunctionalAccountRow>),
        functional_account,
    ),
    route(
        "POST FunctionalAccounts",
        "Add a functional account; what it keeps secret is not kept",
        FULL,
        VERSION,
        FUNCTIONAL_ACCOUNT,
        created(gives::<FunctionalAccountRow>),
        add_functional_account,
    ),
    route(
        "DELETE FunctionalAccounts/{id}",
        "Remove a functional account that no system uses",
        FULL,
        VERSION,
        &[],
        nothing(200),
        remove_functional_account,
    ),
    Route {
        name: "GET FunctionalAccounts/{id}/ManagedSystems",
        summary: "The managed systems that a functional account is for",
        access: READ,
        query: PAGED,
        body: &[],
        gives: SYSTEMS,
        run: systems_of_functional_account,
    },
    route(
        "GET Databases",
        "The databases",
        Access::SignedIn,
        VERSION,
        &[],
        ok(gives::<Vec<DatabaseRow>>),
        databases,
    ),
    route(
        "GET Directories",
        "The directories",
        Access::SignedIn,
        VERSION,
        &[],
        ok(gives::<Vec<DirectoryRow>>),
        directories,
    ),
];

fn manage(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    let asset = state.vault.systems.get(&id);
    let asset = asset.filter(|asset| asset.entity == EntityType::Asset);
    let mut asset = asset.ok_or(ASSET_NOT_FOUND)?.clone();
    let was_managed = asset.managed;
    asset.managed = true;
    apply(state, &mut asset, &call.fields)?;
    let row = ManagedSystem::of(&asset);
    state.vault.systems.put(asset);
    Ok(Answer::json(
        if was_managed {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        },
        &row,
    ))
}

fn change(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let mut system = managed(state, call)?.clone();
    if let Some(name) = fields.words("HostName")? {
        system.name = name;
    }
    system.dns_name = fields.words("DnsName")?.or(system.dns_name);
    system.address = address(fields)?.or(system.address);
    system.instance = fields.words("InstanceName")?.or(system.instance);
    if let Some(workgroup) = fields.id("WorkgroupID")?.map(WorkgroupId) {
        if !state.vault.workgroups.contains_key(&workgroup) {
            return Err(Refusal::malformed("WorkgroupID is not valid"));
        }
        system.workgroup = Some(workgroup);
    }
    apply(state, &mut system, fields)?;
    let row = ManagedSystem::of(&system);
    state.vault.systems.put(system);
    Ok(Answer::ok(&row))
}

/// Takes over what the body says of how a system is managed.
fn apply(state: &State, system: &mut System, fields: &Fields) -> Result<(), Refusal> {
    if let Some(platform) = fields.id("PlatformID")?.map(PlatformId) {
        let known = state.vault.platforms.get(&platform);
        if known.is_none_or(|known| known.entity != system.entity) {
            return Err(Refusal::malformed("PlatformID is not valid"));
        }
        system.platform = platform;
    }
    if let Some(id) = fields.id("FunctionalAccountID")? {
        if !state.vault.functional_accounts.contains_key(&id) {
            return Err(Refusal::malformed("FunctionalAccountID is not valid"));
        }
        system.terms.functional_account = Some(id);
    }
    let terms = &mut system.terms;
    for (name, slot) in [
        ("Timeout", &mut terms.timeout_s),
        ("ReleaseDuration", &mut terms.release_min),
        ("MaxReleaseDuration", &mut terms.release_max_min),
        ("ISAReleaseDuration", &mut terms.isa_release_min),
    ] {
        *slot = fields.id(name)?.unwrap_or(*slot);
    }
    if terms.release_min > terms.release_max_min {
        if fields.value("ReleaseDuration").is_some() {
            return Err(Refusal::malformed(
                "ReleaseDuration is longer than MaxReleaseDuration",
            ));
        }
        terms.release_min = terms.release_max_min;
    }
    terms.contact_email = fields.words("ContactEmail")?.or(terms.contact_email.take());
    system.port = fields.id("Port")?.or(system.port);
    if let Some(description) = fields.text("Description")? {
        system.description = description;
    }
    Ok(())
}

fn remove(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = managed(state, call)?.id;
    state.remove_system(id, call.now);
    Ok(Answer::empty(StatusCode::OK))
}

fn managed<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a System, Refusal> {
    let found = state.vault.systems.get(&SystemId(call.id(0)?));
    found
        .filter(|system| system.managed)
        .ok_or(SYSTEM_NOT_FOUND)
}

/// Entries of each kind at most; of systems, over those that there were at the start.
const ENTRIES_MAX: usize = 10_000;

fn check_room(entries: usize) -> Result<(), Refusal> {
    if entries < ENTRIES_MAX {
        return Ok(());
    }
    Err(Refusal::malformed("There are too many entries"))
}

fn add_workgroup(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let name = call.fields.required_words("Name")?;
    let groups = &state.vault.workgroups;
    check_room(groups.len())?;
    if groups
        .values()
        .any(|own| own.name.eq_ignore_ascii_case(&name))
    {
        return Err(Refusal::Taken("A workgroup with this name already exists"));
    }
    let id = groups.keys().next_back().map_or(1, |id| id.0 + 1);
    let organization = call.fields.words("OrganizationID")?;
    let group = Workgroup {
        id: WorkgroupId(id),
        name,
        organization: organization.unwrap_or_else(|| state.mint.guid()),
    };
    let answer = Answer::created(&WorkgroupRow::of(&group));
    state.vault.workgroups.insert(group.id, group);
    Ok(answer)
}

fn add_asset(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let workgroup = workgroup_named(state, call.param(0))?;
    let address = address(fields)?;
    let name = fields.words("AssetName")?;
    let name = name.or_else(|| address.map(|address| address.to_string()));
    let name = name.ok_or_else(|| Refusal::malformed("IPAddress or AssetName is required"))?;
    let id = state.vault.next_system_id();
    // Managed or not: an asset never goes away.
    check_room(state.vault.systems.added())?;
    let mut asset = System::named(id, EntityType::Asset, &name, PlatformId(1));
    asset.managed = false;
    asset.workgroup = Some(workgroup);
    asset.address = address;
    asset.dns_name = fields.words("DnsName")?;
    asset.domain = fields.words("DomainName")?;
    asset.description = fields.text("Description")?.unwrap_or_default();
    let platform = state.vault.platforms.get(&asset.platform);
    let answer = Answer::created(&AssetRow::of(&asset, platform));
    state.vault.systems.put(asset);
    Ok(answer)
}

fn address(fields: &Fields) -> Result<Option<IpAddr>, Refusal> {
    let parse = |text: String| {
        let bad = |_| Refusal::malformed("IPAddress is not valid");
        text.trim().parse().map_err(bad)
    };
    fields.words("IPAddress")?.map(parse).transpose()
}

fn functional_accounts(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = state.vault.functional_accounts.values();
    let rows = rows.map(|account| FunctionalAccountRow::of(account, &state.vault));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

const FUNCTIONAL_ACCOUNT_NOT_FOUND: Refusal = Refusal::NotFound("Functional Account not found");

fn functional_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = state.vault.functional_accounts.get(&call.id(0)?);
    let found = found.ok_or(FUNCTIONAL_ACCOUNT_NOT_FOUND)?;
    Ok(Answer::ok(&FunctionalAccountRow::of(found, &state.vault)))
}

fn add_functional_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let platform = PlatformId(fields.required_id("PlatformID")?);
    if !state.vault.platforms.contains_key(&platform) {
        return Err(Refusal::malformed("PlatformID is not valid"));
    }
    check_room(state.vault.functional_accounts.len())?;
    let name = fields.required_words("AccountName")?;
    let account = FunctionalAccount {
        id: state.vault.next_functional_account_id(),
        platform,
        domain: fields.words("DomainName")?,
        display_name: fields.words("DisplayName")?.unwrap_or_else(|| name.clone()),
        name,
        description: fields.text("Description")?.unwrap_or_default(),
        elevation_command: fields.words("ElevationCommand")?,
        tenant: fields.words("TenantID")?,
        object: fields.words("ObjectID")?,
        azure_instance: fields.words("AzureInstance")?,
    };
    let answer = Answer::created(&FunctionalAccountRow::of(&account, &state.vault));
    state.vault.functional_accounts.insert(account);
    Ok(answer)
}

fn remove_functional_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.id(0)?;
    if state.vault.count_of(id) > 0 {
        return Err(Refusal::Taken(
            "Managed systems use this functional account",
        ));
    }
    let removed = state.vault.functional_accounts.remove(&id);
    removed.ok_or(FUNCTIONAL_ACCOUNT_NOT_FOUND)?;
    Ok(Answer::empty(StatusCode::OK))
}

fn systems_of_functional_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.id(0)?;
    if !state.vault.functional_accounts.contains_key(&id) {
        return Err(FUNCTIONAL_ACCOUNT_NOT_FOUND);
    }
    those_wanted(call, || state.vault.systems_of(id))
}

fn databases(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = state.vault.of_entity(EntityType::Database);
    Ok(Answer::ok(&rows.map(DatabaseRow::of).collect::<Vec<_>>()))
}

fn directories(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = state.vault.of_entity(EntityType::Directory);
    Ok(Answer::ok(&rows.map(DirectoryRow::of).collect::<Vec<_>>()))
}
