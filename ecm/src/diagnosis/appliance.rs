//! The appliance's side of the documentation: what `ECM.log` says when the link to it fails, and
//! what to look at when a test succeeds and the console stays empty (documented ecm:§7.3, §8). Log
//! lines and cures are those of the code that writes them.

use url::Url;

use crate::link::{ConnectError, Ended, Obstacle, Redirect, TlsFault};
use crate::oauth::TokenError;

/// A failure of the link as the documentation knows it.
#[derive(Clone, Debug)]
pub struct LinkRow {
    /// Its name.
    pub what: &'static str,
    /// The line of `ECM.log`, for an appliance at `access.acme.example`; an ellipsis stands for what
    /// is particular to a case.
    pub line: String,
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub cure: &'static str,
    /// Who does it.
    pub whose: &'static str,
}

/// The rows of [`appliance_table`].
#[must_use]
pub fn link_rows() -> Vec<LinkRow> {
    const SITE: &str = "site=access.acme.example:443";
    let refusals = token_refusals().into_iter().chain(refusals());
    let refused = refusals.map(|(what, error, cause, whose)| LinkRow {
        what,
        line: match error.is_final() {
            true => format!("stopped error=failed to connect: {error}"),
            false => format!("failed to connect to the appliance {SITE} error={error}"),
        },
        cause,
        cure: error.next_action(),
        whose,
    });
    let closed = CLOSED.iter().map(|&(what, code, cause, cure, whose)| {
        let reason = String::new();
        let ended = Ended::Closed { code, reason };
        LinkRow {
            what,
            line: format!("the link to the appliance was lost {SITE} reason={ended}"),
            cause,
            cure,
            whose,
        }
    });
    refused.chain(closed).collect()
}

/// The documentation's table of failures of the link, in Markdown.
#[must_use]
pub fn appliance_table() -> String {
    let mut out =
        String::from("| what | log line | cause | cure | whose |\n|---|---|---|---|---|\n");
    for LinkRow {
        what,
        line,
        cause,
        cure,
        whose,
    } in link_rows()
    {
        out.push_str(&format!(
            "| {what} | {line} | {cause} | {cure} | {whose} |\n"
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

/// What may go wrong with the token, which comes first on every connect.
fn token_refusals() -> Vec<Refusal> {
    let Ok(endpoint) = Url::parse("https://access.acme.example/oauth2/token") else {
        return Vec::new();
    };
    let endpoint = || endpoint.clone();
    let refused = |status, code: &str| TokenError::Refused {
        status,
        code: code.into(),
        message: "…".into(),
    };
    let unreachable = |obstacle, reason: &str| TokenError::Unreachable {
        endpoint: endpoint(),
        obstacle,
        reason: reason.into(),
    };
    let tls = |fault, reason: &str| TokenError::Tls {
        endpoint: endpoint(),
        fault,
        reason: reason.into(),
    };
    let redirected = |gives_up_encryption| TokenError::Redirected {
        endpoint: endpoint(),
        redirect: redirect(gives_up_encryption),
    };
    let rows = [
        (
            "no token",
            refused(401, "invalid_client"),
            "client id or client secret is wrong, or the API account is disabled",
            ECM,
        ),
        (
            "appliance not available",
            refused(503, "…"),
            "the appliance starts, is being updated or is overloaded, or a proxy does not reach it",
            APPLIANCE,
        ),
        (
            "unknown name",
            unreachable(
                Obstacle::Name,
                "the name access.acme.example could not be looked up: …",
            ),
            "site_url is misspelt, or this host's name server does not know it",
            NETWORK,
        ),
        (
            "connection refused",
            unreachable(Obstacle::Refused, "Connection refused …"),
            "nothing listens on the port of site_url, or a firewall rejects the connection",
            NETWORK,
        ),
        (
            "out of reach",
            unreachable(Obstacle::Other, "…"),
            "there is no route to the appliance, or something in between cuts the connection",
            NETWORK,
        ),
        (
            "no answer in time",
            TokenError::TimedOut {
                endpoint: endpoint(),
            },
            "a firewall drops the packets, or the appliance is overloaded",
            NETWORK,
        ),
        (
            "certificate",
            tls(TlsFault::Certificate, "the certificate …"),
            "the appliance's certificate is self-signed or comes from an authority that this host \
             does not know, is for another name or is out of its time",
            ECM,
        ),
        (
            "no TLS",
            tls(TlsFault::Handshake, "…"),
            "the port of site_url does not speak TLS, or only versions older than 1.2",
            ECM,
        ),
        (
            "token redirected",
            redirected(false),
            "site_url is an old address of the appliance, or leads to another site",
            ECM,
        ),
        (
            "token redirected to plain http",
            redirected(true),
            GIVES_UP_ENCRYPTION,
            APPLIANCE,
        ),
        (
            "no token in the answer",
            TokenError::NotAnAnswer {
                endpoint: endpoint(),
                reason: "…",
            },
            "something else than the appliance answers at site_url, such as a log-in page of a proxy",
            NETWORK,
        ),
    ];
    rows.map(|(what, error, cause, whose)| (what, error.into(), cause, whose))
        .into()
}

const GIVES_UP_ENCRYPTION: &str = "a proxy before the appliance ends TLS and does not tell it, or \
    somebody in between wants to read along";

fn redirect(gives_up_encryption: bool) -> Redirect {
    Redirect {
        target: "…".into(),
        gives_up_encryption,
    }
}

/// What may go wrong once there is a token.
fn refusals() -> [Refusal; 9] {
    let refused = |status, code: &str| ConnectError::Refused {
        status,
        code: code.into(),
        message: "…".into(),
    };
    [
        (
            "token refused",
            refused(401, "access_denied"),
            "the token was revoked, or the account changed since it was issued",
            ECM,
        ),
        (
            "no permission",
            refused(403, "permission_denied"),
            "the API account lacks the ECM permission, is disabled, or may not connect from here",
            APPLIANCE,
        ),
        (
            "no such page",
            refused(404, "…"),
            "something else than an appliance with an ECM link answers at site_url",
            ECM,
        ),
        (
            "too many ECMs",
            refused(409, "ecm_limit_reached"),
            "the group has as many ECMs as it may have",
            APPLIANCE,
        ),
        (
            "no common version",
            refused(426, "version_mismatch"),
            "ECM and appliance are too far apart; the ECM stops",
            ECM,
        ),
        (
            "link not answered in time",
            ConnectError::TimedOut {
                step: "the WebSocket upgrade",
                limit_s: 10,
            },
            "a proxy does not pass WebSockets on, or the appliance is overloaded",
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
            GIVES_UP_ENCRYPTION,
            APPLIANCE,
        ),
        (
            "no ECM link",
            ConnectError::NotALink("…".into()),
            "something else answers at site_url, or a proxy does not pass WebSockets on",
            NETWORK,
        ),
    ]
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
