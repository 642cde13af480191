//! Operations that the vendor documents and real clients may call, and that this simulator does
//! not have. They answer 405 and say so: a 404 would blame the caller's path, and a 501 would make
//! some of the vendor's clients try again (`vendor-client psafe:GO`).

use super::{Access, Call, Route, nothing};
use crate::state::State;
use crate::state::refusal::Refusal;
use crate::wire::answer::Answer;

const fn known(name: &'static str) -> Route {
    Route {
        name,
        summary: "Documented by the vendor, not simulated",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: nothing(405),
        run: refuse,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    known("POST ManagedSystems"),
    known("PUT ManagedSystems/{id}"),
    known("DELETE ManagedSystems/{id}"),
    known("DELETE ManagedSystems/{systemID}/ManagedAccounts"),
    known("DELETE ManagedSystems/{systemID}/ManagedAccounts/{name}"),
    known("DELETE ManagedSystems/{systemID}/LinkedAccounts"),
    known("GET FunctionalAccounts/{id}/ManagedSystems"),
    known("GET SmartRules/{id}/ManagedSystems"),
    known("GET SmartRules/{id}/ManagedAccounts"),
    known("GET QuickRules/{id}/ManagedSystems"),
    known("GET QuickRules/{id}/ManagedAccounts"),
    known("GET ManagedAccounts/{id}/Credentials"),
    known("POST Assets/{id}/ManagedSystems"),
    known("POST Workgroups"),
    known("POST Workgroups/{workgroup}/Assets"),
    known("GET Databases"),
    known("GET Directories"),
    known("POST FunctionalAccounts"),
    known("POST Sessions/Admin"),
    known("POST Users/{id}/RecycleClientSecret"),
];

fn refuse(_: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    Err(Refusal::NotSimulated)
}
