//! Tools > Manage Applications: where a user answers an application's request to act on their
//! behalf, and takes the answer back (documented soap:§3.3; the page's form is assumed).

use sim_kit::clock::SimTime;
use sim_kit::exchange::{Reply, Request};

use super::session::{Form, Page, Visit};
use crate::service::Service;
use crate::state::{Operate, Trust, TrustView};
use crate::wsdl::escape_attribute as escape;

const PAGE: Page = Page {
    title: "Manage Applications",
    show: list,
    act,
};

/// Answers a request for the page.
pub(crate) fn answer(service: &Service, request: &Request, now: SimTime) -> Reply {
    PAGE.answer(service, request, now)
}

fn act(visit: &Visit<'_>, form: &Form<'_>) -> String {
    let (caller, user) = (form.value("caller").to_owned(), visit.user.to_owned());
    let act = match form.value("act") {
        "approve" => Operate::ApproveImpersonation { caller, user },
        "deny" => Operate::DenyImpersonation { caller, user },
        "revoke" => Operate::RevokeImpersonation { caller, user },
        _ => return "Choose approve, deny or revoke.".to_owned(),
    };
    match visit.service.vault().operate(act, visit.now) {
        Ok(_) => "Saved.".to_owned(),
        Err(error) => format!("Failed to {error}."),
    }
}

/// All trusts of the user; or, by the link of a mail, the one that it asked for.
fn list(visit: &Visit<'_>, done: &str) -> String {
    let mut trusts = visit.service.vault().trusts();
    trusts.retain(|trust| &*trust.user == visit.user);
    let query = visit.query();
    let asked = query.value("requestId");
    let mut note = String::new();
    if !asked.is_empty() {
        let open = |trust: &TrustView| trust.request_id.as_deref() == Some(asked);
        if trusts.iter().any(open) {
            trusts.retain(open);
            note.push_str("<p>The request that you were asked to answer:</p>\n");
        } else if done.is_empty() {
            note.push_str("<p>That request is not open, or not yours to answer.</p>\n");
        }
    }
    if trusts.is_empty() {
        return note + "<p>No application has asked to act on your behalf.</p>";
    }
    let rows: String = trusts.iter().map(row).collect();
    format!(
        "{note}<table>\n<tr><th>Application account</th><th>State</th><th></th></tr>\n{rows}</table>"
    )
}

fn row(trust: &TrustView) -> String {
    let acts: &[&str] = match trust.state {
        Trust::Pending => &["approve", "deny"],
        Trust::Approved => &["revoke"],
        Trust::None | Trust::Denied | Trust::Revoked => &["approve"],
    };
    let caller = escape(&trust.caller);
    let buttons: String = acts
        .iter()
        .map(|act| format!("<button name=\"act\" value=\"{act}\">{act}</button>"))
        .collect();
    format!(
        "<tr><td>{caller}</td><td>{}</td><td><form method=\"post\"><input type=\"hidden\" \
         name=\"caller\" value=\"{caller}\">{buttons}</form></td></tr>\n",
        trust.state.name()
    )
}
