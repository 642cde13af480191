//! Managed accounts: what a caller may request, and what an administrator manages. psafe:§2.1,
//! §2.2, §2.6.

use sim_kit::exchange::StatusCode;

use super::{
    Access, Call, Route, Run, created, flag, gives, int, many_or_one, nothing, ok, one_of, route,
    text,
};
use crate::secret::Secret;
use crate::state::State;
use crate::state::ids::{AccountId, SystemId};
use crate::state::listing::{Filter, RowType};
use crate::state::people::{Feature, Level};
use crate::state::refusal::Refusal;
use crate::state::vault::{Account, Password};
use crate::wire::answer::Answer;
use crate::wire::read::Fields;
use crate::wire::rows::account::{ManagedAccount, RequestableAccount};

const READ: Access = Access::Feature(Feature::AccountManagement, Level::Read);
const FULL: Access = Access::Feature(Feature::AccountManagement, Level::FullControl);
const SYSTEM_READ: Access = Access::Feature(Feature::SystemManagement, Level::Read);
const SYSTEM_FULL: Access = Access::Feature(Feature::SystemManagement, Level::FullControl);

/// Exactly this text, as a JSON string (`vendor-client psafe:GO`).
pub(crate) const ACCOUNT_NOT_FOUND: Refusal = Refusal::NotFound("Managed Account not found");
pub(crate) const SYSTEM_NOT_FOUND: Refusal = Refusal::NotFound("Managed System not found");

/// The members of a managed account that the simulator keeps.
const CHANGED: &[super::Param] = &[
    text("AccountName").at_most(245),
    PASSWORD,
    DOMAIN,
    UPN,
    text("Description").at_most(1024),
    flag("ApiEnabled"),
    RELEASE,
    RELEASE_MAX,
    RELEASE_ISA,
    CONCURRENT,
    flag("AutoManagementFlag"),
    flag("ChangePasswordAfterAnyReleaseFlag"),
    text("PrivateKey").at_most(KEY_MAX),
    text("Passphrase"),
];
const ADDED: &[super::Param] = &[
    text("AccountName").required().at_most(245),
    PASSWORD,
    DOMAIN,
    UPN,
    text("Description").at_most(1024),
    flag("ApiEnabled"),
    RELEASE,
    RELEASE_MAX,
    RELEASE_ISA,
    CONCURRENT,
    flag("AutoManagementFlag"),
    flag("ChangePasswordAfterAnyReleaseFlag"),
    text("PrivateKey").at_most(KEY_MAX),
    text("Passphrase"),
];
/// Characters of a private key at most.
pub(super) const KEY_MAX: usize = 32_000;
const PASSWORD: super::Param = text("Password").at_most(128);
const DOMAIN: super::Param = text("DomainName").at_most(50);
const UPN: super::Param = text("UserPrincipalName").at_most(500);
const RELEASE: super::Param = int("ReleaseDuration").between(1, 525_600);
const RELEASE_MAX: super::Param = int("MaxReleaseDuration").between(1, 525_600);
const RELEASE_ISA: super::Param = int("ISAReleaseDuration").between(1, 525_600);
const CONCURRENT: super::Param = int("MaxConcurrentRequests").between(0, 999);
/// The minor version of the body model, whichever (`documented psafe:DOC-new`).
pub(super) const VERSION: super::Param = text("version").at_most(8);

/// `documented psafe:DOC-ma`.
const ROW_TYPES: &[&str] = &[
    "system",
    "recent",
    "domainlinked",
    "database",
    "cloud",
    "application",
];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET ManagedAccounts",
        summary: "The accounts that the caller may request; one object when both names are given",
        access: Access::SignedIn,
        query: &[
            text("systemName").at_most(129),
            text("accountName").at_most(246),
            int("systemID"),
            text("workgroupName").at_most(256),
            text("applicationDisplayName").at_most(256),
            text("ipAddress").at_most(45),
            one_of("type", ROW_TYPES),
            int("limit").between(0, i32::MAX),
            int("offset").between(0, i32::MAX),
        ],
        body: &[],
        gives: ok(many_or_one::<RequestableAccount>),
        run: list,
    },
    Route {
        name: "GET ManagedAccounts/{id}",
        summary: "One managed account",
        access: READ,
        query: &[],
        body: &[],
        gives: ok(gives::<ManagedAccount>),
        run: get,
    },
    Route {
        name: "GET ManagedSystems/{systemID}/ManagedAccounts",
        summary: "The accounts of a system; one object when a name is given",
        access: READ,
        query: &[
            text("name").at_most(246),
            int("limit").between(0, i32::MAX),
            int("offset").between(0, i32::MAX),
        ],
        body: &[],
        gives: ok(many_or_one::<ManagedAccount>),
        run: of_system,
    },
    Route {
        name: "POST ManagedSystems/{systemID}/ManagedAccounts",
        summary: "Add an account to a system",
        access: FULL,
        query: &[VERSION],
        body: ADDED,
        gives: created(gives::<ManagedAccount>),
        run: add,
    },
    Route {
        name: "PUT ManagedAccounts/{id}",
        summary: "Change an account",
        access: FULL,
        query: &[VERSION],
        body: CHANGED,
        gives: ok(gives::<ManagedAccount>),
        run: change,
    },
    Route {
        name: "DELETE ManagedAccounts/{id}",
        summary: "Remove an account",
        access: FULL,
        query: &[],
        body: &[],
        gives: nothing(200),
        run: remove,
    },
    Route {
        name: "GET ManagedSystems/{systemID}/LinkedAccounts",
        summary: "The directory accounts linked to a system",
        access: SYSTEM_READ,
        query: &[],
        body: &[],
        gives: ok(gives::<Vec<ManagedAccount>>),
        run: linked,
    },
    Route {
        name: "POST ManagedSystems/{systemID}/LinkedAccounts/{accountID}",
        summary: "Link a directory account to a system",
        access: SYSTEM_FULL,
        query: &[],
        body: &[],
        gives: created(gives::<ManagedAccount>),
        run: link,
    },
    Route {
        name: "DELETE ManagedSystems/{systemID}/LinkedAccounts/{accountID}",
        summary: "Unlink a directory account from a system",
        access: SYSTEM_FULL,
        query: &[],
        body: &[],
        gives: nothing(200),
        run: unlink,
    },
    removing(
        "DELETE ManagedSystems/{systemID}/LinkedAccounts",
        "Unlink every directory account from a system",
        SYSTEM_FULL,
        unlink_all,
    ),
    removing(
        "DELETE ManagedSystems/{systemID}/ManagedAccounts",
        "Remove every account of a system",
        FULL,
        remove_all,
    ),
    removing(
        "DELETE ManagedSystems/{systemID}/ManagedAccounts/{name}",
        "Remove an account of a system by its name",
        FULL,
        remove_named,
    ),
];

const fn removing(name: &'static str, summary: &'static str, access: Access, run: Run) -> Route {
    route(name, summary, access, &[], &[], nothing(200), run)
}

/// Rows at most when the query does not say (`documented psafe:DOC-ma`).
const LIMIT_DEFAULT: usize = 1000;

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let user = call.user()?;
    let filter = filter(&call.query)?;
    let (limit, offset) = call.page(LIMIT_DEFAULT)?;
    if wants_one(&filter, call) {
        let rows = state.list(user, &filter, 1, 0);
        let row = rows.first().ok_or(ACCOUNT_NOT_FOUND)?;
        return Ok(Answer::ok(&RequestableAccount::of(row)));
    }
    let rows = state.list(user, &filter, limit, offset);
    Ok(Answer::of_text(RequestableAccount::array(&rows)))
}

/// One object instead of an array: both names, or a directory account's name alone
/// (`documented psafe:DOC-ma`).
fn wants_one(filter: &Filter, call: &Call<'_>) -> bool {
    let Some(account) = &filter.account_name else {
        return false;
    };
    let alone = filter.system_id.is_none() && filter.address.is_none() && filter.row_type.is_none();
    filter.system_name.is_some()
        || (alone && account.contains('\\') && call.settings.directory_account_alone_is_object)
}

fn filter(query: &Fields) -> Result<Filter, Refusal> {
    let row_type = query.words("type")?.and_then(|word| RowType::parse(&word));
    let address = query
        .words("ipAddress")?
        .map(|text| {
            text.trim()
                .parse()
                .map_err(|_| Refusal::malformed("ipAddress is not valid"))
        })
        .transpose()?;
    let needs = |wanted: &[RowType]| row_type.is_some_and(|kind| wanted.contains(&kind));
    if address.is_some() && !needs(&[RowType::System, RowType::DomainLinked, RowType::Database]) {
        return Err(Refusal::malformed(
            "ipAddress needs type system, domainlinked or database",
        ));
    }
    let application = query.words("applicationDisplayName")?;
    if application.is_some() && !needs(&[RowType::Application]) {
        return Err(Refusal::malformed(
            "applicationDisplayName needs type application",
        ));
    }
    Ok(Filter {
        system_name: query.words("systemName")?,
        account_name: query.words("accountName")?,
        system_id: query.id("systemID")?,
        workgroup: query.words("workgroupName")?,
        application,
        address,
        row_type,
    })
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&ManagedAccount::of(account(
        state,
        call.id(0)?,
    )?)))
}

fn of_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    if let Some(name) = call.query.words("name")? {
        let found = named(state, system, &name).ok_or(ACCOUNT_NOT_FOUND)?;
        return Ok(Answer::ok(&ManagedAccount::of(found)));
    }
    let (limit, offset) = call.page(usize::MAX)?;
    let accounts = state.vault.accounts_of(system).skip(offset).take(limit);
    Ok(Answer::ok(
        &accounts.map(ManagedAccount::of).collect::<Vec<_>>(),
    ))
}

fn add(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    let fields = &call.fields;
    let name = fields.required_words("AccountName")?;
    if named(state, system, &name).is_some() {
        return Err(name_taken());
    }
    if state.vault.is_full() {
        return Err(Refusal::malformed("There are too many accounts"));
    }
    let id = state.vault.next_account_id();
    let mut account = Account::named(id, system, name.into());
    apply(&mut account, fields)?;
    account.changed_at = Some(call.now);
    let answer = Answer::created(&ManagedAccount::of(&account));
    state.vault.accounts.put(account);
    Ok(answer)
}

fn change(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let mut changed = account(state, call.id(0)?)?.clone();
    if let Some(name) = fields.words("AccountName")? {
        let taken = named(state, changed.system, &name);
        if taken.is_some_and(|other| other.id != changed.id) {
            return Err(name_taken());
        }
        changed.name = name.into();
    }
    apply(&mut changed, fields)?;
    let answer = Answer::ok(&ManagedAccount::of(&changed));
    state.vault.accounts.put(changed);
    Ok(answer)
}

/// Takes over what the body says.
fn apply(account: &mut Account, fields: &Fields) -> Result<(), Refusal> {
    let minutes = |name: &str, old: i32| Ok(fields.id(name)?.unwrap_or(old));
    account.release_max_min = minutes("MaxReleaseDuration", account.release_max_min)?;
    account.isa_release_min = minutes("ISAReleaseDuration", account.isa_release_min)?;
    let longest = account.release_max_min;
    account.release_min = match fields.id("ReleaseDuration")? {
        Some(minutes) if minutes > longest => {
            return Err(Refusal::malformed(
                "ReleaseDuration is longer than MaxReleaseDuration",
            ));
        }
        given => given.unwrap_or(account.release_min.min(longest)),
    };
    if let Some(count) = fields.int("MaxConcurrentRequests")? {
        account.concurrent_max = u16::try_from(count).unwrap_or(account.concurrent_max);
    }
    for (name, slot) in [
        ("ApiEnabled", &mut account.api_enabled),
        ("AutoManagementFlag", &mut account.auto_management),
        (
            "ChangePasswordAfterAnyReleaseFlag",
            &mut account.rotates_after_release,
        ),
    ] {
        if let Some(value) = fields.flag(name)? {
            *slot = value;
        }
    }
    if let Some(description) = fields.text("Description")? {
        account.description = description.into();
    }
    if let Some(domain) = fields.words("DomainName")? {
        account.domain = Some(domain.into());
    }
    if let Some(upn) = fields.words("UserPrincipalName")? {
        account.rare_mut().upn = Some(upn);
    }
    if let Some(password) = fields.words("Password")? {
        account.password = Password::Planted(Secret::new(password).into());
    }
    if let Some(key) = fields.words("PrivateKey")? {
        account.rare_mut().key = Some(Secret::new(key));
    }
    if let Some(passphrase) = fields.words("Passphrase")? {
        account.rare_mut().passphrase = Some(Secret::new(passphrase));
    }
    Ok(())
}

fn remove(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = account(state, call.id(0)?)?.id;
    state.remove_account(id, call.now);
    Ok(Answer::empty(StatusCode::OK))
}

fn remove_all(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    state.remove_accounts_of(system, call.now);
    Ok(Answer::empty(StatusCode::OK))
}

fn remove_named(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    let id = named(state, system, call.param(1)).map(|account| account.id);
    state.remove_account(id.ok_or(ACCOUNT_NOT_FOUND)?, call.now);
    Ok(Answer::empty(StatusCode::OK))
}

fn name_taken() -> Refusal {
    Refusal::malformed("An account with this name already exists")
}

/// The account of this name on a system.
fn named<'a>(state: &'a State, system: SystemId, name: &str) -> Option<&'a Account> {
    let mut near = state.vault.accounts_near(vec![system], name);
    near.find(|account| account.name.eq_ignore_ascii_case(name))
}

fn linked(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    let rows = state.vault.linked_accounts(system).map(ManagedAccount::of);
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

fn link(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    let id = account(state, call.id(1)?)?.id;
    if !state.vault.link(system, id) {
        return Err(Refusal::malformed(
            "Only directory accounts can be linked, and only to assets and databases",
        ));
    }
    Ok(Answer::created(&ManagedAccount::of(account(state, id.0)?)))
}

fn unlink(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    if !state.vault.unlink(system, AccountId(call.id(1)?)) {
        return Err(ACCOUNT_NOT_FOUND);
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn unlink_all(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let system = system_id(state, call)?;
    let linked = state.vault.linked_accounts(system);
    let linked: Vec<_> = linked.map(|account| account.id).collect();
    for account in linked {
        state.vault.unlink(system, account);
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn account(state: &State, id: i32) -> Result<&Account, Refusal> {
    state
        .vault
        .accounts
        .get(&AccountId(id))
        .ok_or(ACCOUNT_NOT_FOUND)
}

fn system_id(state: &State, call: &Call<'_>) -> Result<SystemId, Refusal> {
    let id = SystemId(call.id(0)?);
    let system = state.vault.systems.get(&id);
    if system.is_some_and(|system| system.managed) {
        Ok(id)
    } else {
        Err(SYSTEM_NOT_FOUND)
    }
}
