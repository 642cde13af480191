//! Every key of `ecm.toml` with its default and meaning: the table behind `CONFIG.md`. A test
//! compares it with what the reader of the file asks for.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name within its section.
    pub name: &'static str,
    /// What counts when it is missing: a TOML value where there is one, else words; `required`
    /// where it must be given.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// One section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, such as `vault.secret-server`.
    pub name: &'static str,
    /// What it is about, and whether it may be missing.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// The word for a key that must be given.
pub const REQUIRED: &str = "required";

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        default,
        meaning,
    }
}

/// Every section.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "appliance",
        about: "The site to connect to. Only `ecm run` and `ecm check-config` look at it.",
        keys: &[
            key(
                "site_url",
                REQUIRED,
                "`https://` and the site's host name, with a port if it is not 443",
            ),
            key("client_id", REQUIRED, "OAuth client id of the API account"),
            key(
                "client_secret",
                REQUIRED,
                "OAuth client secret of the API account; a reference",
            ),
            key(
                "ca_file",
                "none",
                "authorities trusted beside the system's, or the server's own certificate, PEM",
            ),
            key(
                "connect_timeout_s",
                "10",
                "limit on each step of reaching the appliance, 1 to 600",
            ),
        ],
    },
    Section {
        name: "state",
        about: "The ECM's own files. One directory for each ECM: it is locked while one runs.",
        keys: &[
            key(
                "dir",
                "`ecm-state` beside the file",
                "directory of the ECM's id, the check-ins that it owes and the token cache",
            ),
            key(
                "token_cache_key",
                "none",
                "`file:PATH` outside `dir` (made at the first start if it is missing, mode 0600; its directory must be there) or `credential:token-cache-key`, 32 to 4096 bytes; without it tokens stay in memory",
            ),
        ],
    },
    Section {
        name: "log",
        about: "The log. May be missing.",
        keys: &[
            key(
                "file",
                "standard error",
                "the log file; a regular file, for devices and pipes such as `/dev/stdout` are refused: leave it out for standard error; made with mode 0640, less what the umask takes away; times in it are UTC; `Configurator.log` of `ecm test-settings` stands beside it, or beside the configuration",
            ),
            key(
                "level",
                "\"INFO\"",
                "`ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE` or `OFF`",
            ),
            key(
                "classic_level_file",
                "none",
                "a `BeyondTrust-ECMService.exe.config`, whose `<level value=\"…\"/>` counts unless `level` is given",
            ),
            key(
                "max_size_mib",
                "10",
                "the file is rotated before it grows beyond this, 1 to 1024",
            ),
            key("rotations", "5", "rotated files that are kept, 0 to 99"),
        ],
    },
    Section {
        name: "monitor",
        about: "A listener for `GET /health` and `GET /metrics`. Missing: there is none.",
        keys: &[
            key(
                "listen",
                REQUIRED,
                "a loopback address and port, such as `127.0.0.1:9464`",
            ),
            key(
                "vault_check_every_s",
                "60",
                "how often the vault's health is asked for, beside the probes; `0` for never, at most 86400",
            ),
        ],
    },
    Section {
        name: "check_in",
        about: "Check-ins that are owed to the vault (assumed; no vendor text covers them). May be missing.",
        keys: &[
            key(
                "give_up_after_s",
                "604800",
                "a check-in that failed for so long is given up, with a loud log line; up to a year",
            ),
            key(
                "orphan_after_s",
                "28800",
                "a credential that was delivered before the ECM was restarted is checked in after this time, unless the end of its session is reported earlier; up to a year",
            ),
            key(
                "repeat_after_s",
                "120",
                "a credential whose fetch got no answer is checked in a second time, so long after the first was confirmed, since the vault may handle the fetch late (ASP.NET lets a request run for 110 s); `0` for never, at most 86400",
            ),
            key(
                "given_up_kept_s",
                "2592000",
                "a check-in that was given up is kept for so long, over restarts, and `/health` is degraded meanwhile; it leaves earlier when the same vault user fetches or checks in the same secret; `0` for never, up to a year",
            ),
        ],
    },
    Section {
        name: "log_on",
        about: "After the vault refused to log the API account on (assumed; vaults lock accounts after a few refusals). `ecm test-settings` always tries. May be missing.",
        keys: &[
            key(
                "refused_pause_s",
                "60",
                "no further attempt for so long after the first refusal, twice as long after each further one; a restart or `ecm clear-token-cache` begins anew; `0` to try for every request",
            ),
            key(
                "refused_pause_max_s",
                "3600",
                "the longest such pause, at most 86400",
            ),
        ],
    },
    Section {
        name: "vault.secret-server",
        about: "The Secret Server plug-in; labels and behaviour in [SECRET-SERVER.md](SECRET-SERVER.md). Either this or `vault.password-safe`.",
        keys: &[
            key(
                "endpoint_url",
                REQUIRED,
                "full address of `SSWebService.asmx`",
            ),
            key("api_user", REQUIRED, "the API account"),
            key("api_password", REQUIRED, "its password; a reference"),
            key(
                "api_domain",
                "none",
                "its domain, unless it is local to Secret Server",
            ),
            key(
                "api_organization",
                "none",
                "the organization, Secret Server Online only",
            ),
            key(
                "include_domain_credentials_for",
                "[]",
                "domains whose accounts are listed too",
            ),
            key(
                "domain_field",
                "\"Domain\"",
                "the field that holds a secret's domain",
            ),
            key(
                "machine_field",
                "\"Machine\"",
                "the field that holds a secret's machine",
            ),
            key(
                "default_domain_for_local_users",
                "none",
                "tried first for users without a domain",
            ),
            key(
                "fall_back_to_local_account",
                "false",
                "whether the user is tried without a domain last",
            ),
            key(
                "include_default_organization",
                "false",
                "whether the organization is sent when looking for the user",
            ),
            key(
                "ca_file",
                "none",
                "authorities trusted beside the system's, or the server's own certificate, PEM",
            ),
            key(
                "allow_plain_http",
                "false",
                "whether an `http:` address is allowed",
            ),
            key(
                "show_restricted",
                "true",
                "whether secrets that need a comment, a check-out or an approval are listed",
            ),
            key(
                "comment",
                "\"{product} session {session_id} of {username}\"",
                "for secrets that require one; empty refuses them",
            ),
            key("ticket", "none", "for secrets that require one"),
            key(
                "checked_out_wait_s",
                "0",
                "how long is waited for a secret that somebody else has, at most 300; `0` refuses it at once",
            ),
            key(
                "search_short_names",
                "true",
                "whether `web01` is searched beside `web01.acme.example`",
            ),
            key(
                "search_public_addresses",
                "false",
                "whether a Jump Client's public address is searched",
            ),
            key(
                "guess_netbios_names",
                "true",
                "whether `acme` is tried for `acme.example`",
            ),
            key(
                "connect_timeout_s",
                "10",
                "limit on name lookup, TCP and TLS together, 1 to 600",
            ),
            key("answer_timeout_s", "25", "limit on one exchange, 1 to 600"),
            key(
                "answer_bytes_max",
                "4194304",
                "longest answer that is read, up to 256 MiB",
            ),
            key(
                "held_answers_bytes_max",
                "33554432",
                "most bytes of answers that are held at a time, all look-ups together, 1 MiB to 4 GiB and never less than one answer needs; a call waits for room at most as long as for its answer",
            ),
            key(
                "results_max",
                "1000",
                "most results of one search, up to 100000",
            ),
            key(
                "token_lifetime_s",
                "until refused",
                "how long a token is used at most",
            ),
        ],
    },
    Section {
        name: "vault.password-safe",
        about: "The Password Safe plug-in; its bundled form, `vault.password-safe-bundled`, in [PASSWORD-SAFE.md](PASSWORD-SAFE.md).",
        keys: &[
            key(
                "endpoint_url",
                REQUIRED,
                "`https://<server>/BeyondTrust/api/public/v3`",
            ),
            key(
                "api_registration_key",
                REQUIRED,
                "API Registration Key; a reference",
            ),
            key(
                "global_approver",
                "none",
                "Global Approver: the user that approves requests which need it",
            ),
            key(
                "release_duration_min",
                "360",
                "Release Duration, minutes, up to a year",
            ),
            key(
                "default_domain",
                "none",
                "run-as: tried first for users without a domain",
            ),
            key(
                "fall_back_to_local",
                "false",
                "run-as: whether the user is tried without a domain last",
            ),
            key(
                "guess_netbios_names",
                "true",
                "run-as: whether `acme` is tried for `acme.example`",
            ),
            key(
                "run_as_form",
                "\"by-domain\"",
                "how a directory user is written: `by-domain` (`user@acme.example`, `ACME\\user`), `down-level` or `upn`",
            ),
            key(
                "reason",
                "names product, session and user",
                "the reason of a request; must hold `{session_id}` unless `check_in` is `never`",
            ),
            key(
                "ticket_number",
                "none",
                "ticket number of a release request; filled in like the reason",
            ),
            key(
                "ticket_system_id",
                "none",
                "number of the ticket system of a release request; without it the vault's default one",
            ),
            key(
                "check_in",
                "\"at-session-end\"",
                "`at-session-end`, or `never`: requests run out by themselves",
            ),
            key(
                "search_short_names",
                "true",
                "whether `web01` is searched beside `web01.acme.example`",
            ),
            key(
                "search_public_addresses",
                "false",
                "whether a Jump Client's public address is searched",
            ),
            key(
                "results_max",
                "1000",
                "most accounts of one search, up to 100000",
            ),
            key(
                "session_idle_s",
                "840",
                "a session unused for this long is replaced without asking",
            ),
            key(
                "ca_file",
                "none",
                "authorities trusted beside the system's, or the server's own certificate, PEM",
            ),
            key(
                "allow_plain_http",
                "false",
                "whether an `http:` address is allowed",
            ),
            key(
                "connect_timeout_s",
                "10",
                "limit on name lookup, TCP and TLS together, 1 to 600",
            ),
            key("answer_timeout_s", "25", "limit on one exchange, 1 to 600"),
            key(
                "answer_bytes_max",
                "4194304",
                "longest answer that is read, up to 256 MiB",
            ),
            key(
                "held_answers_bytes_max",
                "33554432",
                "most bytes of answers that are held at a time, all look-ups together, 1 MiB to 4 GiB and never less than one answer needs; a call waits for room at most as long as for its answer",
            ),
        ],
    },
];

/// The tables of `CONFIG.md`.
#[must_use]
pub fn tables() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        out.push_str(&format!("## `[{}]`\n\n{}\n\n", section.name, section.about));
        out.push_str("| key | default | meaning |\n|---|---|---|\n");
        for key in section.keys {
            let default = match is_literal(key.default) {
                true => format!("`{}`", key.default),
                false => key.default.to_owned(),
            };
            out.push_str(&format!(
                "| `{}` | {default} | {} |\n",
                key.name, key.meaning
            ));
        }
        out.push('\n');
    }
    out
}

fn is_literal(default: &str) -> bool {
    default.parse::<toml::Value>().is_ok() && default != REQUIRED
}

#[cfg(test)]
mod tests;
