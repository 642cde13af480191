//! What a plugin answers when it cannot do what it was asked.
//!
//! An error names the guilty: its kind, the hop where it arose, the vault's own words, what to do
//! next and who has to do it. None of the fields may hold a secret; the text of [`PluginError`]
//! itself is fit for the console user's screen.

use std::fmt;

use crate::diagnosis::Symptom;

/// The kinds of failure, as the Test Settings dialog and the link name them (ecm:§2.4, §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// A setting of the plugin is missing, wrong, or contradicts another.
    Configuration,
    /// The vault did not accept the API account's name, password or token.
    Authentication,
    /// The vault knows who asks and refuses.
    Permission,
    /// The vault waits for somebody to approve.
    PendingApproval,
    /// The user, secret or page that was asked for does not exist.
    NotFound,
    /// The vault could not be reached or the connection broke.
    Connectivity,
    /// The vault's certificate or its TLS was not acceptable.
    Tls,
    /// The vault did not answer in time.
    Timeout,
    /// The plugin does not offer this, or the vault cannot.
    Unsupported,
    /// None of the above: the raw information is all there is.
    Unexpected,
}

impl ErrorKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Configuration,
        Self::Authentication,
        Self::Permission,
        Self::PendingApproval,
        Self::NotFound,
        Self::Connectivity,
        Self::Tls,
        Self::Timeout,
        Self::Unsupported,
        Self::Unexpected,
    ];

    /// The name used on the link and in reports, for example `pending_approval`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::PendingApproval => "pending_approval",
            Self::NotFound => "not_found",
            Self::Connectivity => "connectivity",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Unsupported => "unsupported",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Connectivity | Self::Timeout)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Where on the way from the ECM to the vault the failure arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hop {
    /// Before anything was sent: the inputs of the Test Settings form.
    Form,
    /// Before anything was sent: the plugin's settings.
    Settings,
    /// Inside the ECM.
    Ecm,
    /// Looking up the vault's host name.
    Dns,
    /// Opening the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The HTTP exchange.
    Http,
    /// The vault's answer to the operation named.
    Vault(&'static str),
}

impl fmt::Display for Hop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => out.write_str("Test Settings form"),
            Self::Settings => out.write_str("plugin settings"),
            Self::Ecm => out.write_str("the ECM itself"),
            Self::Dns => out.write_str("name lookup of the vault"),
            Self::Connect => out.write_str("connection to the vault"),
            Self::Tls => out.write_str("TLS handshake with the vault"),
            Self::Http => out.write_str("HTTP exchange with the vault"),
            Self::Vault(operation) => write!(out, "vault operation {operation}"),
        }
    }
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Whoever configures the ECM.
    EcmAdministrator,
    /// Whoever administers the vault.
    VaultAdministrator,
    /// Whoever runs the network between the two.
    NetworkAdministrator,
    /// The person at the access console.
    ConsoleUser,
    /// Whoever maintains this ECM: the failure is a defect or something never seen before.
    Maintainer,
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::EcmAdministrator => "ECM administrator",
            Self::VaultAdministrator => "vault administrator",
            Self::NetworkAdministrator => "network administrator",
            Self::ConsoleUser => "console user",
            Self::Maintainer => "maintainer of the ECM",
        })
    }
}

/// A failure of a plugin's call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PluginError {
    /// The kind, which decides how the appliance treats it.
    pub kind: ErrorKind,
    /// Where it arose.
    pub hop: Hop,
    /// One sentence fragment that completes "failed to …" and is fit for the console user.
    pub message: String,
    /// The vault's own words, when it said any; shortened, never a secret.
    pub vault_said: Option<Box<str>>,
    /// What to do next, one sentence.
    pub next_action: String,
    /// Whose the next action is.
    pub owner: Owner,
    /// Where a pending approval is given, or the corrected address of a wrong one.
    pub action_url: Option<String>,
    /// The entry of the diagnosis table, when the failure was recognised.
    pub symptom: Option<Symptom>,
}

impl PluginError {
    /// A failure with no words of the vault and no address.
    #[must_use]
    pub fn new(
        kind: ErrorKind,
        hop: Hop,
        message: impl Into<String>,
        next_action: impl Into<String>,
        owner: Owner,
    ) -> Self {
        Self {
            kind,
            hop,
            message: message.into(),
            vault_said: None,
            next_action: next_action.into(),
            owner,
            action_url: None,
            symptom: None,
        }
    }

    /// The same failure with what the vault said, cut to a bounded length.
    #[must_use]
    pub fn with_vault_words(mut self, words: &str) -> Self {
        let words = shortened(words.trim(), VAULT_WORDS_CHARS_MAX);
        self.vault_said = (!words.is_empty()).then(|| words.into());
        self
    }

    /// The same failure with the address where something can be done about it.
    #[must_use]
    pub fn with_action_url(mut self, url: impl Into<String>) -> Self {
        self.action_url = Some(url.into());
        self
    }

    /// A call that this plugin does not offer.
    #[must_use]
    pub fn unsupported(call: &str) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            Hop::Ecm,
            format!("this plugin does not offer {call}"),
            "use a plugin that announces this capability",
            Owner::EcmAdministrator,
        )
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

/// Longest quotation of a vault in an error; a hostile vault does not get to flood a log.
const VAULT_WORDS_CHARS_MAX: usize = 400;

/// `text` with control characters replaced by spaces, cut after `chars_max` characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    if text.len() <= chars_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        // Nearly every text.
        return text.to_owned();
    }
    let mut kept: String = text
        .chars()
        .take(chars_max)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if text.chars().nth(chars_max).is_some() {
        kept.push('…');
    }
    kept
}

/// `text` as a terminal may show it: what it would obey, or what turns the direction of reading, as
/// an escape such as `\u{1b}`. Line breaks stay.
#[must_use]
pub fn on_screen(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_obeyed_by_terminals(letter) && letter != '\n' {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    shown
}

/// Whether a terminal acts on this letter: a control character, or one that turns the direction of
/// writing. All are below U+10000.
#[must_use]
pub fn is_obeyed_by_terminals(letter: char) -> bool {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || letter.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flooding_vault_is_cut_and_cannot_break_a_log_line() {
        let error = PluginError::unsupported("x").with_vault_words(&"a\nb".repeat(1_000));
        let words = error.vault_said.unwrap_or_default();
        assert_eq!(words.chars().count(), VAULT_WORDS_CHARS_MAX + 1);
        assert!(!words.contains('\n'));
    }

    #[test]
    fn a_terminal_is_shown_what_it_would_obey() {
        assert_eq!(
            on_screen("ünder\n\u{1b}[2J\r\u{202e}x"),
            "ünder\n\\u{1b}[2J\\u{d}\\u{202e}x"
        );
    }

    #[test]
    fn only_what_may_pass_by_itself_is_retryable() {
        let retryable: Vec<_> = ErrorKind::ALL
            .into_iter()
            .filter(|kind| kind.is_retryable())
            .collect();
        assert_eq!(retryable, [ErrorKind::Connectivity, ErrorKind::Timeout]);
    }
}
