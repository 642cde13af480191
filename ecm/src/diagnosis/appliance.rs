//! The appliance's side of the documentation: what `ECM.log` says when the link to it fails, and
//! what to look at when a test succeeds and the console stays empty (documented ecm:§7.3, §8). Log
//! lines and cures are those of the code that writes them.

use url::Url;

use crate::link::{ConnectError, Ended, Redirect};
use crate::oauth::TokenError;

/// The documentation's table of failures of the link, in Markdown.
#[must_use]
pub fn appliance_table() -> String {
    let mut out =
        String::from("| what | log line | cause | cure | whose |\n|---|---|---|---|---|\n");
    for (what, error, cause, whose) in refusals() {
        out.push_str(&format!(
            "| {what} | failed to connect to the appliance error={error} | {cause} | {} | {whose} |\n",
            error.next_action()
        ));
    }
    for (what, code, cause, cure, whose) in CLOSED {
        let ended = Ended::Closed {
            code: *code,
            reason: String::new(),
        };
        out.push_str(&format!(
            "| {what} | the link to the appliance was lost reason={ended} | {cause} | {cure} | {whose} |\n"
        ));
    }
    out
}

/// The documentation's table for credentials that a test finds and the console does not show, in
/// Markdown.
#[must_use]
pub fn console_table() -> String {
    let mut out = String::from("| cause | how to see it | cure | whose |\n|---|---|---|---|\n");
    for [cause, sign, cure, whose] in CONSOLE_EMPTY {
        out.push_str(&format!("| {cause} | {sign} | {cure} | {whose} |\n"));
    }
    out
}

const ECM: &str = "ECM administrator";
const APPLIANCE: &str = "appliance administrator";
const NETWORK: &str = "network administrator";

type Refusal = (&'static str, ConnectError, &'static str, &'static str);

fn refusals() -> Vec<Refusal> {
    let host = || "access.acme.example".to_owned();
    let endpoint = || Url::parse("https://access.acme.example/oauth2/token").ok();
    let refused = |status, code: &str, message: &str| ConnectError::Refused {
        status,
        code: code.into(),
        message: message.into(),
    };
    let redirect = |gives_up_encryption| Redirect {
        target: "…".into(),
        gives_up_encryption,
    };
    let mut rows = vec![
        (
            "no token",
            ConnectError::Token(TokenError::Refused {
                status: 401,
                code: "invalid_client".into(),
                message: "…".into(),
            }),
            "client id or client secret is wrong, or the API account is disabled",
            ECM,
        ),
        (
            "token refused",
            refused(401, "access_denied", "…"),
            "the token was revoked, or the account changed since it was issued",
            ECM,
        ),
        (
            "no permission",
            refused(403, "permission_denied", "…"),
            "the API account lacks the ECM permission, is disabled, or may not connect from here",
            APPLIANCE,
        ),
        (
            "too many ECMs",
            refused(409, "ecm_limit_reached", "…"),
            "the group has as many ECMs as it may have",
            APPLIANCE,
        ),
        (
            "no common version",
            refused(426, "version_mismatch", "…"),
            "ECM and appliance are too far apart; the ECM stops",
            ECM,
        ),
        (
            "TLS",
            ConnectError::Tls {
                host: host(),
                reason: "…".into(),
            },
            "the appliance's certificate comes from an authority that this host does not know, is \
             for another name or has expired",
            ECM,
        ),
        (
            "unknown name",
            ConnectError::Dns {
                host: host(),
                reason: "…".into(),
            },
            "site_url is misspelt, or this host's name server does not know it",
            NETWORK,
        ),
        (
            "out of reach",
            ConnectError::Tcp {
                host: host(),
                port: 443,
                reason: "…".into(),
            },
            "a firewall stands between this host and the appliance",
            NETWORK,
        ),
        (
            "redirected",
            ConnectError::Redirected(redirect(false)),
            "site_url is an old address of the appliance, or leads to another site",
            ECM,
        ),
        (
            "redirected to plain http",
            ConnectError::Redirected(redirect(true)),
            "a proxy before the appliance ends TLS and does not tell it, or somebody in between \
             wants to read along",
            APPLIANCE,
        ),
        (
            "no ECM link",
            ConnectError::NotALink("…".into()),
            "something else answers at site_url, or a proxy does not pass WebSockets on",
            NETWORK,
        ),
    ];
    if let Some(endpoint) = endpoint() {
        rows.insert(
            1,
            (
                "token endpoint out of reach",
                ConnectError::Token(TokenError::Unreachable {
                    endpoint,
                    reason: "…".into(),
                }),
                "a firewall stands between this host and the appliance, or site_url is wrong",
                NETWORK,
            ),
        );
    }
    rows
}

type Closed = (&'static str, u16, &'static str, &'static str, &'static str);

const CLOSED: &[Closed] = &[
    (
        "closed: account",
        4401,
        "an administrator changed the API account while the ECM was connected",
        "enable the account, give it the ECM permission, and enter a regenerated secret here; the \
         ECM tries again by itself",
        APPLIANCE,
    ),
    (
        "closed: replaced",
        4409,
        "two ECMs use copies of one state directory and so have one id",
        "give each ECM a state.dir of its own",
        ECM,
    ),
];

const CONSOLE_EMPTY: &[[&str; 4]] = &[
    [
        "the ECM is not connected to this appliance",
        "ECM.log has no `connected to the appliance`; its last line says why (table above)",
        "follow the table above; check site_url, client_id and client_secret",
        ECM,
    ],
    [
        "the API account may not connect ECMs, or ECM connections are off",
        "ECM.log: failed to connect to the appliance, HTTP 403",
        "give the API account Endpoint Credential Manager API: Allow Access",
        APPLIANCE,
    ],
    [
        "the service has stopped",
        "no process, or the monitor does not answer",
        "start `ecm run` again",
        ECM,
    ],
    [
        "there is no way from the ECM to the appliance",
        "a browser on the ECM's host cannot load /login",
        "open TCP 443 from the ECM's host to the appliance",
        NETWORK,
    ],
    [
        "another ECM serves the Jump Group",
        "the appliance's list of ECM clients; ECM.log shows no request",
        "put the Jump Group into the group of this ECM",
        APPLIANCE,
    ],
    [
        "the console sends another user name than the test used (no domain from local and RADIUS \
         users, another domain, a UPN)",
        "at level DEBUG ECM.log shows each `user in` and `user out` of the real request: compare \
         it with `ecm test-settings --explain`",
        "run the test with the name as the console sends it; set Default Domain for Local \
         BeyondTrust Users, or the fall-back to local account",
        ECM,
    ],
    [
        "the Jump Item has another host name than the test used",
        "at level DEBUG ECM.log shows each `search in`",
        "make the Machine field of the secret and the Jump Item agree",
        ECM,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_tables_are_those_in_the_code() {
        let documented = include_str!("../../DIAGNOSIS.md");
        for table in [appliance_table(), console_table()] {
            assert!(
                documented.contains(&table),
                "DIAGNOSIS.md must contain:\n{table}"
            );
        }
    }

    #[test]
    fn every_close_code_with_a_meaning_of_its_own_is_told_apart() {
        let table = appliance_table();
        for code in [
            "4401", "4409", "HTTP 401", "HTTP 403", "HTTP 409", "HTTP 426",
        ] {
            assert!(table.contains(code), "{code}");
        }
    }
}
