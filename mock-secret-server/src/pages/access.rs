//! Where an approver answers a request for access to a secret, by the link of the mail or from the
//! list (documented soap:§3.8 that it is done on the pages; the page's form is assumed).

use sim_kit::clock::SimTime;
use sim_kit::exchange::{Reply, Request};

use super::session::{Form, Page, Visit};
use crate::service::Service;
use crate::state::{AccessRequestView, Operate, SecretAccessRequestStatus};
use crate::wsdl::escape_attribute as escape;

const PAGE: Page = Page {
    title: "Secret Access Requests",
    show: list,
    act,
};

/// Answers a request for the page.
pub(crate) fn answer(service: &Service, request: &Request, now: SimTime) -> Reply {
    PAGE.answer(service, request, now)
}

fn act(visit: &Visit<'_>, form: &Form<'_>) -> String {
    let approve = match form.value("act") {
        "approve" => true,
        "deny" => false,
        _ => return "Choose approve or deny.".to_owned(),
    };
    let given = |name: &str| Some(form.value(name)).filter(|value| !value.trim().is_empty());
    let hours = match given("hours").map(|hours| hours.trim().parse()) {
        None => None,
        Some(Ok(hours)) => Some(hours),
        Some(Err(_)) => return "Hours must be a whole number.".to_owned(),
    };
    let act = Operate::AnswerAccessRequest {
        approval_id: form.value("approvalId").to_owned(),
        approver: Some(visit.user.to_owned()),
        approve,
        hours,
        comment: given("comment").map(str::to_owned),
    };
    match visit.service.vault().operate(act, visit.now) {
        Ok(_) => "Saved.".to_owned(),
        Err(error) => format!("Failed to {error}."),
    }
}

/// The requests that the user may answer; or, by the link of a mail, the one.
fn list(visit: &Visit<'_>, _done: &str) -> String {
    let mut requests = visit.service.vault().access_requests_for(visit.user);
    let query = visit.query();
    let asked = query.value("approvalId");
    if !asked.is_empty() {
        requests.retain(|request| request.approval_id.eq_ignore_ascii_case(asked));
    }
    if requests.is_empty() {
        return if asked.is_empty() {
            "<p>Nobody has asked you for access to a Secret.</p>".to_owned()
        } else {
            "<p>There is no such request, or it is not yours to answer.</p>".to_owned()
        };
    }
    let rows: String = requests.iter().map(row).collect();
    format!(
        "<table>\n<tr><th>Secret</th><th>Requester</th><th>Reason</th><th>State</th><th></th></tr>\
         \n{rows}</table>"
    )
}

fn row(request: &AccessRequestView) -> String {
    let form = if request.status == SecretAccessRequestStatus::Pending {
        format!(
            "<form method=\"post\"><input type=\"hidden\" name=\"approvalId\" value=\"{}\">\
             <label>Hours <input name=\"hours\"></label>\
             <label>Comment <input name=\"comment\"></label>\
             <button name=\"act\" value=\"approve\">approve</button>\
             <button name=\"act\" value=\"deny\">deny</button></form>",
            escape(&request.approval_id)
        )
    } else {
        String::new()
    };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{form}</td></tr>\n",
        escape(&request.secret_name),
        escape(&request.requester),
        escape(&request.reason),
        request.status.name(),
    )
}
