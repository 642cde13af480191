//! Managed systems, platforms, workgroups, assets. psafe:§2.3, §2.11.

use std::net::IpAddr;

use super::{
    Access, Call, Gives, Param, Route, Run, gives, int, many_or_one, many_or_page, ok, route, text,
};
use crate::ops::accounts::SYSTEM_NOT_FOUND;
use crate::state::State;
use crate::state::ids::{SystemId, WorkgroupId};
use crate::state::people::{Feature, Level};
use crate::state::refusal::Refusal;
use crate::state::vault::{EntityType, System};
use crate::wire::answer::Answer;
use crate::wire::rows::Page;
use crate::wire::rows::system::{AssetRow, ManagedSystem, PlatformRow, WorkgroupRow};

const READ: Access = Access::Feature(Feature::SystemManagement, Level::Read);
const LIMIT: Param = int("limit").between(0, i32::MAX);
const OFFSET: Param = int("offset").between(0, i32::MAX);
pub(super) const PAGED: &[Param] = &[
    LIMIT,
    OFFSET,
    int("type").between(1, 4),
    text("name").at_most(129),
];
pub(super) const SYSTEMS: Gives = ok(many_or_page::<ManagedSystem>);

const fn systems(name: &'static str, summary: &'static str, run: Run) -> Route {
    route(name, summary, READ, PAGED, &[], SYSTEMS, run)
}

const fn one(name: &'static str, summary: &'static str, run: Run) -> Route {
    route(
        name,
        summary,
        READ,
        &[],
        &[],
        ok(gives::<ManagedSystem>),
        run,
    )
}

pub(crate) const ROUTES: &[Route] = &[
    systems(
        "GET ManagedSystems",
        "Managed systems; a page when a limit is given",
        list,
    ),
    one("GET ManagedSystems/{id}", "One managed system", get),
    one(
        "GET Assets/{assetID}/ManagedSystems",
        "The managed system of an asset",
        get_asset,
    ),
    one(
        "GET Databases/{databaseID}/ManagedSystems",
        "The managed system of a database",
        get_database,
    ),
    one(
        "GET Directories/{directoryID}/ManagedSystems",
        "The managed system of a directory",
        get_directory,
    ),
    systems(
        "GET Workgroups/{id}/ManagedSystems",
        "The managed systems of a workgroup",
        of_workgroup,
    ),
    Route {
        name: "GET Platforms",
        summary: "The platforms; DefaultSessionType tells RDP from SSH",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<Vec<PlatformRow>>),
        run: platforms,
    },
    Route {
        name: "GET Platforms/{id}",
        summary: "One platform",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<PlatformRow>),
        run: platform,
    },
    Route {
        name: "GET Workgroups",
        summary: "The workgroups; one object when a name is given",
        access: Access::SignedIn,
        query: &[text("name")],
        body: &[],
        gives: ok(many_or_one::<WorkgroupRow>),
        run: workgroups,
    },
    Route {
        name: "GET Workgroups/{id}",
        summary: "One workgroup",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<WorkgroupRow>),
        run: workgroup,
    },
    Route {
        name: "GET Workgroups/{id|name}/Assets",
        summary: "The assets of a workgroup; a page when a limit is given",
        access: Access::SignedIn,
        query: &[LIMIT, OFFSET, text("name").at_most(128)],
        body: &[],
        gives: ok(many_or_page::<AssetRow>),
        run: assets,
    },
    Route {
        name: "GET Assets/{id}",
        summary: "One asset",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<AssetRow>),
        run: asset,
    },
    Route {
        name: "POST Assets/Search",
        summary: "Assets whose members are exactly these",
        access: Access::SignedIn,
        query: &[LIMIT, OFFSET],
        body: &[
            text("AssetName").at_most(128),
            text("DnsName").at_most(255),
            text("DomainName").at_most(64),
            text("IPAddress").at_most(45),
        ],
        gives: ok(many_or_page::<AssetRow>),
        run: search_assets,
    },
];

/// Rows at most once paging is used (`documented psafe:DOC-new`).
const LIMIT_DEFAULT: usize = 100_000;

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let vault = &state.vault;
    let wanted = Wanted::of(call)?;
    match (&wanted.name, wanted.entity) {
        (None, None) => {
            let managed = || vault.systems.values().filter(|system| system.managed);
            page(call, managed, || vault.managed_count(), ManagedSystem::of)
        }
        (None, Some(entity)) => {
            let count = || vault.count_of_entity(entity);
            page(call, || vault.of_entity(entity), count, ManagedSystem::of)
        }
        // The index also knows DNS names and domains; what is left are those of this name.
        (Some(name), _) => those_wanted(call, || vault.systems_named(name)),
    }
}

/// Of these systems, those that the query of the call wants.
pub(super) fn those_wanted<'a, I>(call: &Call<'_>, near: impl Fn() -> I) -> Result<Answer, Refusal>
where
    I: Iterator<Item = &'a System>,
{
    let wanted = Wanted::of(call)?;
    let matching = || near().filter(|system| wanted.fits(system));
    paged(call, matching, ManagedSystem::of)
}

fn of_workgroup(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = WorkgroupId(call.id(0)?);
    if !state.vault.workgroups.contains_key(&group) {
        return Err(Refusal::NotFound("Workgroup not found"));
    }
    let name = call.query.words("name")?;
    those_wanted(call, || in_workgroup(state, group, name.as_deref()))
}

/// What the query of a list of managed systems narrows it to.
struct Wanted {
    entity: Option<EntityType>,
    name: Option<String>,
}

impl Wanted {
    fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        let number = call.query.int("type")?;
        Ok(Self {
            entity: number.and_then(EntityType::numbered),
            name: call.query.words("name")?,
        })
    }

    fn fits(&self, system: &System) -> bool {
        system.managed
            && self.entity.is_none_or(|entity| system.entity == entity)
            && is_named(system, self.name.as_deref())
    }
}

fn is_named(system: &System, name: Option<&str>) -> bool {
    name.is_none_or(|name| system.name.eq_ignore_ascii_case(name))
}

/// The systems and assets of a workgroup, those that go by a name where one is wanted.
fn in_workgroup<'a>(
    state: &'a State,
    group: WorkgroupId,
    name: Option<&'a str>,
) -> Box<dyn Iterator<Item = &'a System> + 'a> {
    match name {
        Some(name) => {
            let named = state.vault.systems_named(name);
            Box::new(named.filter(move |system| system.workgroup == Some(group)))
        }
        None => Box::new(state.vault.of_workgroup(group)),
    }
}

/// A bare array without `limit`, a page with it (`documented psafe:DOC-ms`).
fn paged<'a, I, R>(
    call: &Call<'_>,
    matching: impl Fn() -> I,
    row: impl Fn(&'a System) -> R,
) -> Result<Answer, Refusal>
where
    I: Iterator<Item = &'a System>,
    R: serde::Serialize,
{
    page(call, &matching, || matching().count(), row)
}

/// The same, with a way to count that need not look at each.
fn page<'a, I, R>(
    call: &Call<'_>,
    matching: impl Fn() -> I,
    count: impl FnOnce() -> usize,
    row: impl Fn(&'a System) -> R,
) -> Result<Answer, Refusal>
where
    I: Iterator<Item = &'a System>,
    R: serde::Serialize,
{
    if call.query.int("limit")?.is_none() {
        return Ok(Answer::ok(&matching().map(row).collect::<Vec<_>>()));
    }
    let (limit, offset) = call.page(LIMIT_DEFAULT)?;
    let data = matching().skip(offset).take(limit).map(row).collect();
    Ok(Answer::ok(&Page {
        total_count: count(),
        data,
    }))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&ManagedSystem::of(system(state, call, None)?)))
}

fn get_asset(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&ManagedSystem::of(system(
        state,
        call,
        Some(EntityType::Asset),
    )?)))
}

fn get_database(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&ManagedSystem::of(system(
        state,
        call,
        Some(EntityType::Database),
    )?)))
}

fn get_directory(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&ManagedSystem::of(system(
        state,
        call,
        Some(EntityType::Directory),
    )?)))
}

fn system<'a>(
    state: &'a State,
    call: &Call<'_>,
    entity: Option<EntityType>,
) -> Result<&'a System, Refusal> {
    state
        .vault
        .systems
        .get(&SystemId(call.id(0)?))
        .filter(|system| system.managed)
        .filter(|system| entity.is_none_or(|entity| system.entity == entity))
        .ok_or(SYSTEM_NOT_FOUND)
}

fn platforms(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(
        &state
            .vault
            .platforms
            .values()
            .map(PlatformRow::of)
            .collect::<Vec<_>>(),
    ))
}

fn platform(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = crate::state::ids::PlatformId(call.id(0)?);
    let found = state
        .vault
        .platforms
        .get(&id)
        .ok_or(Refusal::NotFound("Platform not found"))?;
    Ok(Answer::ok(&PlatformRow::of(found)))
}

fn workgroups(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut all = state.vault.workgroups.values();
    match call.query.words("name")? {
        None => Ok(Answer::ok(&all.map(WorkgroupRow::of).collect::<Vec<_>>())),
        Some(name) => {
            let found = all.find(|group| group.name.eq_ignore_ascii_case(&name));
            let found = found.ok_or(Refusal::NotFound("Workgroup not found"))?;
            Ok(Answer::ok(&WorkgroupRow::of(found)))
        }
    }
}

fn workgroup(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = state.vault.workgroups.get(&WorkgroupId(call.id(0)?));
    Ok(Answer::ok(&WorkgroupRow::of(
        found.ok_or(Refusal::NotFound("Workgroup not found"))?,
    )))
}

/// The workgroup of a path, by number or by name.
pub(super) fn workgroup_named(state: &State, wanted: &str) -> Result<WorkgroupId, Refusal> {
    let groups = &state.vault.workgroups;
    if let Ok(id) = wanted.parse().map(WorkgroupId)
        && groups.contains_key(&id)
    {
        return Ok(id);
    }
    let mut groups = groups.values();
    let found = groups.find(|group| group.name.eq_ignore_ascii_case(wanted));
    Ok(found.ok_or(Refusal::NotFound("Workgroup not found"))?.id)
}

pub(super) const ASSET_NOT_FOUND: Refusal = Refusal::NotFound("Asset not found");

fn assets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = workgroup_named(state, call.param(0))?;
    let name = call.query.words("name")?;
    let name = name.as_deref();
    let near = || in_workgroup(state, group, name);
    let fits = |system: &&System| system.entity == EntityType::Asset && is_named(system, name);
    paged(
        call,
        || near().filter(fits),
        |system| asset_row(state, system),
    )
}

fn asset(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = state.vault.systems.get(&SystemId(call.id(0)?));
    let found = found.filter(|system| system.entity == EntityType::Asset);
    Ok(Answer::ok(&asset_row(state, found.ok_or(ASSET_NOT_FOUND)?)))
}

fn search_assets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let wanted = |name| call.fields.words(name);
    let (name, dns, domain) = (
        wanted("AssetName")?,
        wanted("DnsName")?,
        wanted("DomainName")?,
    );
    // What is no address is nobody's.
    let address = wanted("IPAddress")?.map(|text| text.trim().parse::<IpAddr>().ok());
    let same = |wanted: &Option<String>, own: Option<&str>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| own.is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
    };
    let fits = |system: &&System| {
        same(&name, Some(&system.name))
            && same(&dns, system.dns_name.as_deref())
            && same(&domain, system.domain.as_deref())
            && address.is_none_or(|wanted| wanted.is_some() && system.address == wanted)
    };
    let named = name.as_deref().or(dns.as_deref()).or(domain.as_deref());
    paged(
        call,
        || assets_near(state, named, address.flatten()).filter(fits),
        |system| asset_row(state, system),
    )
}

/// The assets among which those are that go by this name (asset name, DNS name or domain), or else
/// that have this address; all of them without either.
fn assets_near<'a>(
    state: &'a State,
    named: Option<&'a str>,
    address: Option<IpAddr>,
) -> impl Iterator<Item = &'a System> {
    let vault = &state.vault;
    let near: Box<dyn Iterator<Item = &'a System> + 'a> = match (named, address) {
        (Some(name), _) => Box::new(vault.systems_named(name)),
        (None, Some(address)) => Box::new(vault.systems_at(address)),
        (None, None) => Box::new(vault.systems.values()),
    };
    near.filter(|system| system.entity == EntityType::Asset)
}

fn asset_row(state: &State, system: &System) -> AssetRow {
    AssetRow::of(system, state.vault.platforms.get(&system.platform))
}
