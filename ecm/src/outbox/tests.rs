#![allow(clippy::unwrap_used)]

mod given_up;
mod sharing;

use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::state::{HISTORY_RECORDS_MAX, PAUSES};
use super::*;

const NOW: i64 = 1_767_225_600;

const LIMITS: CheckInConfig = CheckInConfig {
    give_up_after: Duration::from_secs(3600),
    orphan_after: Duration::from_secs(3600),
    repeat_after: Duration::from_secs(3600),
    given_up_kept: Duration::from_secs(86_400),
};

fn session(session_id: &str) -> SessionFrame {
    let json = serde_json::json!({
        "session_id": session_id, "product": "pra",
        "user": {"username": format!("user of {session_id}")},
        "jump_item": {"type": "shell_jump", "name": "db01", "hostname": "db01"}
    });
    serde_json::from_value(json).unwrap()
}

fn key(session_id: &str) -> DebtKey {
    DebtKey::new(session_id, "7")
}

struct Place {
    directory: TempDir,
}

impl Place {
    /// In memory where there is such a place: these tests sync thousands of times, and none of
    /// them pulls the plug.
    fn new() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self {
            directory: directory.unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("check-ins.log")
    }

    fn open_with(&self, limits: CheckInConfig) -> (Outbox, Found) {
        Outbox::open(&self.path(), limits, NOW).unwrap()
    }

    fn open(&self) -> Outbox {
        self.open_with(LIMITS).0
    }
}

/// What became of a release of `session_id`, in a word.
fn release(outbox: &Outbox, session_id: &str) -> &'static str {
    match outbox
        .release(&session(session_id), "7", &[], NOW, NOW)
        .unwrap()
    {
        Release::Pay(due) => {
            assert_eq!(due.session.session_id, session_id);
            "pay"
        }
        Release::Paid => "paid",
        Release::Later => "later",
    }
}

/// The sessions whose check-in is to be made now, in order.
fn due_now(outbox: &Outbox) -> Vec<String> {
    let mut due = Vec::new();
    while let Step::Pay(next) = outbox.step(NOW) {
        due.push(next.session.session_id);
    }
    due
}

#[test]
fn a_debt_is_on_the_disk_before_it_is_owed() {
    let place = Place::new();
    let outbox = place.open();
    let owed = outbox.owe(&session("s-1"), "7", &[]).unwrap();
    let text = std::fs::read_to_string(place.path()).unwrap();
    assert!(text.contains("\"s-1\"") && text.ends_with('\n'), "{text}");
    assert_eq!(owed, key("s-1"));
    // While it is being fetched nothing is due.
    assert!(due_now(&outbox).is_empty());
    assert_eq!(outbox.owed(), 1);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.open().owe(&session("s-1"), "7", &[]).unwrap();
    let mode = std::fs::metadata(place.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_restart_finds_each_debt_in_its_phase() {
    let place = Place::new();
    let outbox = place.open();
    for name in ["fetched", "delivered", "due", "paid", "failed"] {
        outbox.owe(&session(name), "7", &[]).unwrap();
    }
    outbox.delivered(&key("delivered"));
    outbox.not_delivered(&key("due"), FetchEnd::Known, NOW);
    outbox.delivered(&key("paid"));
    assert_eq!(release(&outbox, "paid"), "pay");
    outbox.paid(&key("paid"), NOW);
    outbox.not_delivered(&key("failed"), FetchEnd::Known, NOW);
    drop(outbox);
    let (outbox, found) = place.open_with(LIMITS);
    assert_eq!(
        found,
        Found {
            owed: 4,
            ..Found::default()
        }
    );
    assert_eq!(due_now(&outbox), ["fetched", "due", "failed"]);
    // The delivered one waits for the end of its session.
    assert_eq!(release(&outbox, "delivered"), "pay");
}

#[test]
fn a_delivered_credential_whose_session_never_ends_is_due_after_the_limit() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    outbox.delivered(&key("s-1"));
    assert_eq!(outbox.step(NOW), Step::Wait(None));
    drop(outbox);
    let (outbox, _) = place.open_with(LIMITS);
    assert!(matches!(outbox.step(NOW), Step::Wait(Some(wait)) if wait <= LIMITS.orphan_after));
    drop(outbox);
    let at_once = CheckInConfig {
        orphan_after: Duration::ZERO,
        ..LIMITS
    };
    let (outbox, _) = place.open_with(at_once);
    assert_eq!(due_now(&outbox), ["s-1"]);
}

#[test]
fn what_waits_for_an_approval_is_due_when_its_session_is_over_or_after_the_limit() {
    let place = Place::new();
    let outbox = place.open();
    for name in ["s-1", "s-2", "s-3"] {
        outbox.owe(&session(name), "7", &[]).unwrap();
    }
    outbox.awaits_approval(&key("s-1"));
    outbox.awaits_approval(&key("s-2"));
    outbox.delivered(&key("s-3"));
    assert!(matches!(outbox.step(NOW), Step::Wait(Some(wait)) if wait <= LIMITS.orphan_after));
    // What was delivered is released by the appliance, with the time of the end.
    outbox.session_complete("s-3", NOW);
    outbox.session_complete("s-1", NOW);
    assert_eq!(due_now(&outbox), ["s-1"]);
    drop(outbox);
    let (outbox, _) = place.open_with(LIMITS);
    outbox.session_complete("s-2", NOW);
    assert_eq!(due_now(&outbox), ["s-1", "s-2"]);
}

#[test]
fn a_further_attempt_that_succeeds_is_a_delivery() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    outbox.awaits_approval(&key("s-1"));
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    assert!(outbox.may_deliver(&key("s-1")));
    outbox.delivered(&key("s-1"));
    outbox.session_complete("s-1", NOW);
    assert_eq!(outbox.step(NOW), Step::Wait(None));
    assert_eq!(outbox.owed(), 1);
}

#[test]
fn a_further_attempt_that_waits_again_or_fails_is_still_given_back_with_its_session() {
    let place = Place::new();
    let outbox = place.open();
    for name in ["s-1", "s-2"] {
        outbox.owe(&session(name), "7", &[]).unwrap();
        outbox.awaits_approval(&key(name));
        outbox.owe(&session(name), "7", &[]).unwrap();
    }
    outbox.awaits_approval(&key("s-1"));
    outbox.not_delivered(&key("s-2"), FetchEnd::Known, NOW);
    outbox.session_complete("s-1", NOW);
    outbox.session_complete("s-2", NOW);
    assert_eq!(due_now(&outbox), ["s-1", "s-2"]);
}

#[test]
fn a_failed_check_in_is_tried_again_after_a_pause_until_it_is_given_up() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    outbox.not_delivered(&key("s-1"), FetchEnd::Known, NOW);
    let Step::Pay(first) = outbox.step(NOW) else {
        panic!("the debt is due")
    };
    assert_eq!(first.attempts, 0);
    // While it is being paid it is not handed out again.
    assert_eq!(outbox.step(NOW), Step::Wait(None));
    let retry = outbox.failed(&key("s-1"), 0.5).unwrap();
    assert!(retry.pause <= PAUSES.0 && !retry.pause.is_zero());
    assert_eq!(retry.since_unix, NOW);
    assert!(matches!(outbox.step(NOW), Step::Wait(Some(wait)) if wait <= PAUSES.0));
    drop(outbox);
    // The limit counts from the first day, over restarts; each start tries at least once.
    let later = NOW + 3600;
    let (outbox, _) = place.open_with(LIMITS);
    let Step::Pay(again) = outbox.step(later) else {
        panic!("the debt is due")
    };
    assert_eq!(again.attempts, 0);
    {
        let mut state = outbox.lock();
        let debt = state.debt(&key("s-1")).unwrap();
        debt.busy = false;
        let Phase::Due { waiting, .. } = &mut debt.phase else {
            panic!("the debt is due")
        };
        waiting.attempts = 1;
    }
    assert!(matches!(outbox.step(later), Step::GivenUp(due) if due.session == session("s-1")));
    assert_eq!(outbox.owed(), 0);
    drop(outbox);
    assert_eq!(place.open().owed(), 0);
}

#[test]
fn a_release_is_paid_once_and_a_repeat_needs_no_vault() {
    let place = Place::new();
    let outbox = place.open();
    // Nothing is known of a credential that another ECM delivered: pay it.
    assert_eq!(release(&outbox, "s-9"), "pay");
    outbox.paid(&key("s-9"), NOW);
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    // The session ended while the credential was being fetched.
    assert_eq!(release(&outbox, "s-1"), "later");
    assert!(!outbox.may_deliver(&key("s-1")));
    outbox.not_delivered(&key("s-1"), FetchEnd::Known, NOW);
    assert_eq!(due_now(&outbox), ["s-1"]);
    // The worker pays while the appliance asks again.
    assert_eq!(release(&outbox, "s-1"), "later");
    outbox.paid(&key("s-1"), NOW);
    for paid in ["s-1", "s-9"] {
        assert_eq!(release(&outbox, paid), "paid");
    }
    // Fetched again in the same session, it is owed again.
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    outbox.delivered(&key("s-1"));
    assert_eq!(release(&outbox, "s-1"), "pay");
}

#[test]
fn on_a_full_disk_nothing_is_owed_and_later_records_are_whole() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    let sound = {
        let mut state = outbox.lock();
        let sound = RecordFile::open(&place.path()).unwrap().0;
        state.file.fill_disk();
        sound
    };
    let error = outbox.owe(&session("s-2"), "7", &[]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("check-ins.log") && text.contains("free space"),
        "{text}"
    );
    assert_eq!(outbox.owed(), 1);
    // Bringing other debts up to date fails quietly; they stay owed.
    outbox.delivered(&key("s-1"));
    // When there is room again, the file goes on where it was whole.
    outbox.lock().file = sound;
    outbox.owe(&session("s-3"), "7", &[]).unwrap();
    drop(outbox);
    let (outbox, found) = place.open_with(LIMITS);
    assert_eq!(
        found,
        Found {
            owed: 2,
            ..Found::default()
        }
    );
    assert_eq!(due_now(&outbox), ["s-1", "s-3"]);
}

#[test]
fn too_many_debts_are_refused() {
    let place = Place::new();
    let outbox = place.open();
    {
        let mut state = outbox.lock();
        for number in 0..DEBTS_MAX {
            let key = DebtKey::new("s", &number.to_string());
            let session = session("s");
            state.debts.push(Debt {
                key,
                session,
                holders: vec!["joe".into()],
                phase: Phase::Fetched {
                    before: Before::Nothing,
                },
                busy: false,
            });
        }
    }
    assert!(matches!(
        outbox.owe(&session("s-1"), "7", &[]),
        Err(OutboxError::Full)
    ));
}

/// One debt in each phase, written without a rewrite in between.
fn history(place: &Place) {
    let outbox = place.open();
    for name in ["s-1", "s-2", "s-3"] {
        outbox.owe(&session(name), "7", &[]).unwrap();
        outbox.delivered(&key(name));
    }
    release(&outbox, "s-1");
    outbox.paid(&key("s-1"), NOW);
    release(&outbox, "s-2");
}

#[test]
fn a_crash_at_any_byte_loses_no_record_that_was_whole() {
    let place = Place::new();
    history(&place);
    let bytes = std::fs::read(place.path()).unwrap();
    let names = ["s-1", "s-2", "s-3"];
    for cut in 0..=bytes.len() {
        let crashed = Place::new();
        std::fs::write(crashed.path(), &bytes[..cut]).unwrap();
        let (outbox, found) = crashed.open_with(LIMITS);
        let whole = String::from_utf8_lossy(&bytes[..cut]);
        let whole = &whole[..whole.rfind('\n').map_or(0, |at| at + 1)];
        let said = |op: &str, name: &str| {
            let member = format!("\"session_id\":\"{name}\"");
            whole
                .lines()
                .any(|line| line.contains(op) && line.contains(&member))
        };
        let owed: Vec<_> = names
            .into_iter()
            .filter(|name| said("\"owed\"", name) && !said("\"confirmed\"", name))
            .collect();
        assert_eq!(found.owed, owed.len(), "cut at {cut}");
        assert_eq!(
            found.torn,
            !bytes[..cut].ends_with(b"\n") && cut > 0,
            "cut at {cut}"
        );
        assert!(found.damaged_lines.is_empty());
        // What is not known to have arrived is due at once; the rest when its session ends.
        let due: Vec<_> = owed
            .iter()
            .filter(|name| said("\"due\"", name) || !said("\"delivered\"", name))
            .map(ToString::to_string)
            .collect();
        assert_eq!(due_now(&outbox), due, "cut at {cut}");
        // The file goes on as if nothing had happened.
        outbox.owe(&session("s-4"), "7", &[]).unwrap();
        drop(outbox);
        let (_, found) = crashed.open_with(LIMITS);
        assert_eq!(
            (found.owed, found.torn),
            (owed.len() + 1, false),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_damaged_line_is_reported_and_costs_no_other() {
    let place = Place::new();
    history(&place);
    let mut bytes = std::fs::read(place.path()).unwrap();
    // A bit of the second line flips, which no crash does.
    let second = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 30;
    bytes[second] ^= 1;
    std::fs::write(place.path(), &bytes).unwrap();
    let (outbox, found) = place.open_with(LIMITS);
    assert_eq!((found.owed, &found.damaged_lines[..]), (2, &[2][..]));
    assert_eq!(std::fs::read(found.damaged_copy.unwrap()).unwrap(), bytes);
    assert_eq!(due_now(&outbox), ["s-2"]);
    drop(outbox);
    assert_eq!(
        place.open_with(LIMITS).1,
        Found {
            owed: 2,
            ..Found::default()
        }
    );
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let place = Place::new();
    let outbox = place.open();
    for _ in 0..HISTORY_RECORDS_MAX {
        outbox.owe(&session("s-1"), "7", &[]).unwrap();
        outbox.paid(&key("s-1"), NOW);
    }
    let one_record = Record::Owed {
        session: Box::new(session("s-1")),
        credential_id: "7".into(),
        holders: vec!["user of s-1".into()],
    };
    let bytes_max = (HISTORY_RECORDS_MAX + 2) * one_record.to_line().unwrap().len();
    assert!(std::fs::metadata(place.path()).unwrap().len() <= bytes_max as u64);
}

proptest! {
    #[test]
    fn whatever_the_file_holds_it_is_opened_and_used(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let place = Place::new();
        std::fs::write(place.path(), bytes).unwrap();
        let (outbox, _) = place.open_with(LIMITS);
        outbox.owe(&session("s-1"), "7", &[]).unwrap();
        drop(outbox);
        prop_assert_eq!(place.open().owed(), 1);
    }
}
