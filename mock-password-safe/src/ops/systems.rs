//! Managed systems, platforms, workgroups, assets. psafe:§2.3, §2.11.

use super::{Access, Call, Gives, Param, Route, gives, int, many_or_one, many_or_page, ok, text};
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
const PAGED: &[Param] = &[int("limit"), int("offset"), int("type"), text("name")];
const SYSTEMS: Gives = ok(many_or_page::<ManagedSystem>);

const fn systems(
    name: &'static str,
    summary: &'static str,
    run: fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>,
) -> Route {
    Route {
        name,
        summary,
        access: READ,
        query: PAGED,
        body: &[],
        gives: SYSTEMS,
        run,
    }
}

const fn one(
    name: &'static str,
    summary: &'static str,
    run: fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>,
) -> Route {
    Route {
        name,
        summary,
        access: READ,
        query: &[],
        body: &[],
        gives: ok(gives::<ManagedSystem>),
        run,
    }
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
        query: &[int("limit"), int("offset"), text("name")],
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
        query: &[int("limit"), int("offset")],
        body: &[
            text("AssetName"),
            text("DnsName"),
            text("DomainName"),
            text("IPAddress"),
        ],
        gives: ok(many_or_page::<AssetRow>),
        run: search_assets,
    },
];

/// Rows at most once paging is used (`documented psafe:DOC-new`).
const LIMIT_DEFAULT: usize = 100_000;

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    many(state, call, |_| true)
}

fn of_workgroup(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = WorkgroupId(call.id(0)?);
    if !state.vault.workgroups.contains_key(&group) {
        return Err(Refusal::NotFound("Workgroup not found"));
    }
    many(state, call, |system| system.workgroup == Some(group))
}

fn many(
    state: &State,
    call: &Call<'_>,
    which: impl Fn(&System) -> bool,
) -> Result<Answer, Refusal> {
    let entity = call.query.int("type")?;
    let name = call.query.words("name")?;
    let matching: Vec<&System> = state
        .vault
        .systems
        .values()
        .filter(|system| which(system))
        .filter(|system| entity.is_none_or(|entity| system.entity as i64 == entity))
        .filter(|system| {
            name.as_ref()
                .is_none_or(|name| system.name.eq_ignore_ascii_case(name))
        })
        .collect();
    paged(call, &matching, |system| ManagedSystem::of(system))
}

/// A bare array without `limit`, a page with it (`documented psafe:DOC-ms`).
fn paged<T, R: serde::Serialize>(
    call: &Call<'_>,
    matching: &[T],
    row: impl Fn(&T) -> R,
) -> Result<Answer, Refusal> {
    if call.query.int("limit")?.is_none() {
        return Ok(Answer::ok(&matching.iter().map(row).collect::<Vec<_>>()));
    }
    let (limit, offset) = call.page(LIMIT_DEFAULT)?;
    let data = matching.iter().skip(offset).take(limit).map(row).collect();
    Ok(Answer::ok(&Page {
        total_count: matching.len(),
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

fn assets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let wanted = call.param(0);
    let group = state
        .vault
        .workgroups
        .values()
        .find(|group| group.name.eq_ignore_ascii_case(wanted) || group.id.0.to_string() == wanted)
        .ok_or(Refusal::NotFound("Workgroup not found"))?
        .id;
    let name = call.query.words("name")?;
    let matching: Vec<&System> = all_assets(state)
        .filter(|system| system.workgroup == Some(group))
        .filter(|system| {
            name.as_ref()
                .is_none_or(|name| system.name.eq_ignore_ascii_case(name))
        })
        .collect();
    paged(call, &matching, |system| asset_row(state, system))
}

fn asset(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    let found = all_assets(state).find(|system| system.id == id);
    Ok(Answer::ok(&asset_row(
        state,
        found.ok_or(Refusal::NotFound("Asset not found"))?,
    )))
}

fn search_assets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let wanted = |name| fields.words(name);
    let (name, dns, domain, address) = (
        wanted("AssetName")?,
        wanted("DnsName")?,
        wanted("DomainName")?,
        wanted("IPAddress")?,
    );
    let same = |wanted: &Option<String>, own: Option<&str>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| own.is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
    };
    let matching: Vec<&System> = all_assets(state)
        .filter(|system| {
            let own_address = system.address.map(|address| address.to_string());
            same(&name, Some(&system.name))
                && same(&dns, system.dns_name.as_deref())
                && same(&domain, system.domain.as_deref())
                && same(&address, own_address.as_deref())
        })
        .collect();
    paged(call, &matching, |system| asset_row(state, system))
}

fn all_assets(state: &State) -> impl Iterator<Item = &System> {
    state
        .vault
        .systems
        .values()
        .filter(|system| system.entity == EntityType::Asset)
}

fn asset_row(state: &State, system: &System) -> AssetRow {
    AssetRow::of(system, state.vault.platforms.get(&system.platform))
}
