//! The few pages of the appliance that an ECM's administrator looks at.

use std::fmt::Write as _;

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use crate::site::Site;
use crate::state::ecms::EcmClient;

/// `GET /check_health`: for load balancers, 200 when well (documented sra:§3; the body is assumed).
pub(crate) fn check_health() -> Reply {
    Reply::new(StatusCode::OK, "text/plain; charset=utf-8", "1")
}

/// Any path that the site does not have.
pub(crate) fn not_found() -> Reply {
    let body = page(
        "Document Not Found",
        "<p>The requested document was not found.</p>",
    );
    html(StatusCode::NOT_FOUND, body)
}

/// `/login`, reduced to Status > Information > ECM Clients (documented ecm:§3.1; the columns are
/// assumed ecm:§4.3). Nobody signs in: there is nothing here to protect.
pub(crate) fn login(site: &Site) -> Reply {
    let state = site.state();
    let mut rows = String::new();
    for ecm in state.ecms.iter() {
        let active = state
            .ecms
            .route(&ecm.group)
            .is_some_and(|first| first.connection == ecm.connection);
        row(&mut rows, ecm, active);
    }
    if rows.is_empty() {
        rows.push_str("<tr><td colspan=\"9\">No ECM is connected.</td></tr>");
    }
    let heads = [
        "ECM Group",
        "Hostname",
        "ECM Version",
        "Plugin",
        "Plugin Version",
        "IP Address",
        "Connected Since",
        "Last Request",
        "Receives Requests",
    ];
    let heads: String = heads
        .iter()
        .map(|head| format!("<th>{head}</th>"))
        .collect();
    let body = format!(
        "<nav>Status &gt; Information</nav><h2>ECM Clients</h2><table><thead><tr>{heads}</tr>\
         </thead><tbody>{rows}</tbody></table>\
         <p>Simulated appliance of ECM Lab; not a BeyondTrust product.</p>"
    );
    let title = format!(
        "{} - {}",
        escaped(&state.directory.company),
        state.directory.product.full_name()
    );
    html(StatusCode::OK, page(&title, &body))
}

fn row(rows: &mut String, ecm: &EcmClient, active: bool) {
    let said = ecm.announced.clone().unwrap_or_default();
    let cells = [
        ecm.group.clone(),
        said.hostname,
        said.ecm_version,
        said.plugin_name,
        said.plugin_version,
        ecm.address.to_string(),
        ecm.connected_at.to_rfc3339(),
        ecm.last_request_at
            .map_or_else(String::new, |at| at.to_rfc3339()),
        if active { "yes" } else { "no" }.to_owned(),
    ];
    rows.push_str("<tr>");
    for cell in cells {
        let _ = write!(rows, "<td>{}</td>", escaped(&cell));
    }
    rows.push_str("</tr>");
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         </head><body><h1>{title}</h1>{body}</body></html>\n"
    )
}

fn html(status: StatusCode, body: String) -> Reply {
    Reply::new(status, "text/html; charset=utf-8", body)
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// An ECM says what it likes about itself; none of it may become markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_ecm_says_becomes_markup() {
        assert_eq!(
            escaped("<a href='x'>&\""),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
        );
    }
}
