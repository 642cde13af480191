//! Of a large lab, a request looks at what it answers, not at everything, and adds what fits.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;
use sim_kit::clock::SimTime;
use sim_kit::seeded::Seed;

use super::{Call, Identity, Source, routes};
use crate::lab::{BulkEntry, Lab};
use crate::settings::Settings;
use crate::state::ids::{AccountId, PlatformId, RegistrationId, SystemId, UserId};
use crate::state::refusal::Refusal;
use crate::state::sign_in::Caller;
use crate::state::vault::{Account, EntityType, System};
use crate::state::{State, visits};
use crate::wire::answer::{Answer, Body};
use crate::wire::read::Fields;

/// Beside the built-in lab, of whose accounts `joe.user` may request a handful.
const SYSTEMS: u32 = 300;
const ACCOUNTS_EACH: u32 = 10;
/// What a request may look at that answers a handful of rows.
const FEW: usize = 150;
const JOE: UserId = UserId(1);
const ADMIN: UserId = UserId(12);
const DIRECTORY: SystemId = SystemId(9);

struct Large {
    state: State,
    settings: Settings,
}

impl Large {
    fn new() -> Self {
        let mut lab = Lab::acme().unwrap();
        lab.bulk = Some(BulkEntry {
            systems: SYSTEMS,
            accounts_per_system: ACCOUNTS_EACH,
            smart_group: Some("Bulk".into()),
        });
        let (mut state, _) = lab.populate(Seed(1), SimTime::SCENARIO_START).unwrap();
        // A directory account that is good for every system.
        let mut everywhere = Account::named(AccountId(9_999), DIRECTORY, "everywhere".into());
        everywhere.api_enabled = true;
        everywhere.domain = Some("ACME".into());
        state.vault.accounts.put(everywhere);
        let systems: Vec<_> = state.vault.systems.values().map(|one| one.id).collect();
        for system in systems {
            state.vault.link(system, AccountId(9_999));
        }
        Self {
            state,
            settings: Settings::default(),
        }
    }

    /// What an operation answers, and how often it looked at a system or an account.
    fn ask(
        &mut self,
        user: UserId,
        name: &str,
        param: &str,
        query: &str,
        body: &str,
    ) -> (Value, usize) {
        let (answer, visits) = visits::during(|| self.try_ask(user, name, param, query, body));
        let value = match answer.unwrap().body {
            Body::Json(text) => serde_json::from_str(text.expose()).unwrap(),
            _ => Value::Null,
        };
        (value, visits)
    }

    fn try_ask(
        &mut self,
        user: UserId,
        name: &str,
        param: &str,
        query: &str,
        body: &str,
    ) -> Result<Answer, Refusal> {
        let route = routes().find(|route| route.name == name).unwrap();
        let identity = Identity {
            authorization: None,
            session: None,
            source: Source {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                forwarded_for: None,
            },
        };
        let call = Call {
            params: vec![param.to_owned()],
            query: Fields::of_form(query.as_bytes()),
            fields: Fields::of_json(body.as_bytes()).unwrap(),
            upload: None,
            identity: &identity,
            caller: Some(Caller {
                user,
                registration: RegistrationId(1),
            }),
            now: SimTime::SCENARIO_START,
            approval_at: SimTime::SCENARIO_START,
            settings: &self.settings,
        };
        (route.run)(&mut self.state, &call)
    }

    /// The same of a list: its rows, which are few of many.
    #[track_caller]
    fn few(&mut self, user: UserId, name: &str, param: &str, query: &str) -> usize {
        let (value, visits) = self.ask(user, name, param, query, "{}");
        assert!(visits <= FEW, "{name} {param} {query}: {visits} visits");
        let rows = value.as_array().or_else(|| value["Data"].as_array());
        rows.unwrap().len()
    }
}

#[test]
fn a_list_of_accounts_looks_at_those_that_the_caller_may_have() {
    let mut large = Large::new();
    for (user, query, rows) in [
        (JOE, "", 10),
        (JOE, "limit=5&offset=5", 5),
        (JOE, "type=system", 7),
        (JOE, "workgroupName=default+workgroup", 0),
        (JOE, "type=domainlinked", 6),
        (ADMIN, "workgroupName=head+office", 3),
        (ADMIN, "workgroupName=head+office&type=system", 3),
        (ADMIN, "type=database", 1),
        (ADMIN, "type=cloud", 0),
        (ADMIN, "type=application", 1),
        (
            ADMIN,
            "type=application&applicationDisplayName=erp+client",
            1,
        ),
        (ADMIN, "type=application&applicationDisplayName=none", 0),
        (
            ADMIN,
            "type=domainlinked&accountName=da-jane@acme.example",
            4,
        ),
        (ADMIN, "accountName=svc-web", 1),
        (ADMIN, "systemName=bulk-00007", 11),
    ] {
        assert_eq!(
            large.few(user, "GET ManagedAccounts", "", query),
            rows,
            "{query}"
        );
    }
    // Who may have everything is shown everything, page by page.
    let (value, visits) = large.ask(
        ADMIN,
        "GET ManagedAccounts",
        "",
        "offset=2000&limit=10",
        "{}",
    );
    assert_eq!(value.as_array().unwrap().len(), 10);
    assert!(visits > 2000, "nothing is counted: {visits}");
}

#[test]
fn one_account_is_found_where_its_system_or_its_name_has_very_many() {
    let mut large = Large::new();
    for id in 10_000..11_000 {
        let name = format!("person{id}");
        let mut account = Account::named(AccountId(id), DIRECTORY, name.into());
        account.api_enabled = true;
        account.domain = Some("ACME".into());
        large.state.vault.accounts.put(account);
    }
    let both = r"systemName=acme.example&accountName=acme\person10999";
    let (row, visits) = large.ask(ADMIN, "GET ManagedAccounts", "", both, "{}");
    assert_eq!(row["AccountId"], 10_999);
    assert!(visits <= FEW, "{visits} visits");
    let of_system = "GET ManagedSystems/{systemID}/ManagedAccounts";
    let (row, visits) = large.ask(ADMIN, of_system, "9", "name=PERSON10999", "{}");
    assert_eq!(row["ManagedAccountID"], 10_999);
    assert!(visits <= FEW, "{visits} visits");
    let set = "workgroupName=Default+Workgroup&assetName=bulk-00300&accountName=account-010";
    let (_, visits) = large.ask(ADMIN, "PUT Credentials", "", set, r#"{"Password":"x"}"#);
    assert!(visits <= FEW, "{visits} visits");
    let add = "POST ManagedSystems/{systemID}/ManagedAccounts";
    let (row, visits) = large.ask(ADMIN, add, "9", "", r#"{"AccountName":"more"}"#);
    assert_eq!(row["ManagedAccountID"], 11_000);
    assert!(visits <= FEW, "{visits} visits");
}

#[test]
fn a_list_of_systems_looks_at_those_that_it_has() {
    let mut large = Large::new();
    let asset = r#"{"AssetName":"new","IPAddress":"10.20.0.99"}"#;
    let (_, visits) = large.ask(ADMIN, "POST Workgroups/{workgroup}/Assets", "2", "", asset);
    assert!(visits <= FEW, "{visits} visits");
    let agent = r#"{"PlatformID":2,"AccountName":"agent"}"#;
    large.ask(ADMIN, "POST FunctionalAccounts", "", "", agent);
    let managed = r#"{"FunctionalAccountID":1}"#;
    large.ask(ADMIN, "PUT ManagedSystems/{id}", "5", "", managed);
    for (name, param, query, rows) in [
        ("GET ManagedSystems", "", "limit=3", 3),
        ("GET ManagedSystems", "", "type=3", 1),
        ("GET ManagedSystems", "", "type=2&limit=5", 1),
        ("GET ManagedSystems", "", "type=1&limit=5", 5),
        ("GET ManagedSystems", "", "name=web01", 1),
        ("GET Workgroups/{id}/ManagedSystems", "2", "", 4),
        (
            "GET Workgroups/{id}/ManagedSystems",
            "2",
            "type=1&limit=2",
            2,
        ),
        ("GET Workgroups/{id|name}/Assets", "Head Office", "", 5),
        ("GET Workgroups/{id|name}/Assets", "2", "limit=2", 2),
        ("GET FunctionalAccounts", "", "", 1),
        ("GET FunctionalAccounts/{id}/ManagedSystems", "1", "", 1),
        ("GET Databases", "", "", 1),
        ("GET Directories", "", "", 1),
    ] {
        assert_eq!(large.few(ADMIN, name, param, query), rows, "{name} {query}");
    }
    let (page, _) = large.ask(ADMIN, "GET ManagedSystems", "", "limit=1", "{}");
    assert_eq!(
        page["TotalCount"],
        9 + SYSTEMS,
        "the new asset is not managed"
    );
    let (page, _) = large.ask(ADMIN, "GET ManagedSystems", "", "limit=1&type=1", "{}");
    assert_eq!(page["TotalCount"], 7 + SYSTEMS);
}

#[test]
fn systems_that_are_added_are_bounded_whether_they_are_managed_or_not() {
    let mut large = Large::new();
    for id in 1000..10_998 {
        let asset = System::named(SystemId(id), EntityType::Asset, "more", PlatformId(2));
        large.state.vault.systems.put(asset);
    }
    let add = "POST Workgroups/{workgroup}/Assets";
    let asset = r#"{"AssetName":"new"}"#;
    for _ in 0..2 {
        let (added, _) = large.ask(ADMIN, add, "2", "", asset);
        let id = added["AssetID"].to_string();
        let manage = "POST Assets/{assetID}/ManagedSystems";
        large.ask(ADMIN, manage, &id, "", r#"{"PlatformID":2}"#);
    }
    let refused = large.try_ask(ADMIN, add, "2", "", asset).err();
    let full = Refusal::malformed("There are too many entries");
    assert_eq!(refused, Some(full));
    // What is managed no more is an asset still.
    large.ask(ADMIN, "DELETE ManagedSystems/{id}", "10998", "", "{}");
    assert!(large.try_ask(ADMIN, add, "2", "", asset).is_err());
}
