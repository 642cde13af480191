//! The mail that the vault sends, kept instead of sent.

use std::collections::VecDeque;
use std::sync::Arc;

use sim_kit::clock::SimTime;

use super::directory::Directory;
use super::model::UserSlot;

/// Older mail goes when there is more than this.
const MAILS_MAX: usize = 1_000;

/// A mail that the vault sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Counts from 1.
    pub id: u64,
    /// When.
    pub sent_at: SimTime,
    /// The address.
    pub to: Arc<str>,
    /// The user behind the address, as [`super::Operate`] names them.
    pub user: Arc<str>,
    /// Subject line (assumed).
    pub subject: String,
    /// Text (assumed).
    pub body: String,
    /// Path and query of the page to answer on, below the application's root.
    pub link: String,
    /// What the mail is about.
    pub kind: MailKind,
}

/// What a mail is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// An API account asks to act for the user.
    TrustRequest {
        /// The id in the link.
        request_id: String,
    },
    /// A user asks for access to a secret.
    AccessRequest {
        /// What the two approval operations take.
        approval_id: String,
    },
}

pub(super) struct Outgoing {
    pub(super) to: UserSlot,
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) link: String,
    pub(super) kind: MailKind,
}

/// A text of the settings with its words filled in. What is filled in is not looked at again.
pub(super) fn filled(text: &str, words: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, at) = rest.split_at(start);
        out.push_str(before);
        match words.iter().find(|(word, _)| at.starts_with(word)) {
            Some((word, value)) => {
                out.push_str(value);
                rest = &at[word.len()..];
            }
            None => {
                out.push('{');
                rest = &at[1..];
            }
        }
    }
    out + rest
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    mails: VecDeque<Mail>,
    sent: u64,
}

impl Mailbox {
    /// Sends a mail. To a user without an address it is lost, as in life.
    pub(super) fn send(&mut self, directory: &Directory, mail: Outgoing, now: SimTime) {
        let Some(to) = directory.user(mail.to).email.clone() else {
            return;
        };
        self.sent += 1;
        if self.mails.len() == MAILS_MAX {
            self.mails.pop_front();
        }
        self.mails.push_back(Mail {
            id: self.sent,
            sent_at: now,
            to,
            user: directory.known_as(mail.to),
            subject: mail.subject,
            body: mail.body,
            link: mail.link,
            kind: mail.kind,
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Mail> {
        self.mails.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in_once() {
        let words = [("{user}", "{reason}"), ("{reason}", "why")];
        let cases = [
            ("{user}: {reason}", "{reason}: why"),
            ("{other} {", "{other} {"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(filled(text, &words), expected);
        }
    }
}
