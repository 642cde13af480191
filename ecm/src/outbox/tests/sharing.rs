//! Sessions that share a check-out, fetches that the vault may handle late, and releases that the
//! appliance repeats.

use super::*;

/// An outbox that repeats a check-in of an unanswered fetch after a moment.
fn repeating(place: &Place) -> Outbox {
    let limits = CheckInConfig {
        repeat_after: Duration::from_millis(1),
        ..LIMITS
    };
    place.open_with(limits).0
}

/// The check-in of `session_id` is paid and confirmed.
fn confirmed(outbox: &Outbox, session_id: &str) {
    let Step::Pay(due) = outbox.step(NOW) else {
        panic!("nothing is due")
    };
    assert_eq!(due.session.session_id, session_id);
    outbox.paid(&key(session_id), NOW);
}

pub(super) fn deliver(outbox: &Outbox, session_id: &str, holders: &[&str]) {
    let holders: Vec<_> = holders.iter().map(ToString::to_string).collect();
    let key = outbox.owe(&session(session_id), "7", &holders).unwrap();
    outbox.delivered(&key);
}

#[test]
fn a_check_in_waits_for_the_last_session_of_the_vault_user_and_is_made_once() {
    let place = Place::new();
    let outbox = place.open();
    deliver(&outbox, "s-1", &["ACME\\joe"]);
    deliver(&outbox, "s-2", &["acme\\JOE"]);
    deliver(&outbox, "other", &["ACME\\ann"]);
    assert_eq!(release(&outbox, "s-1"), "later");
    assert_eq!(outbox.step(NOW), Step::Wait(None));
    // The end of the second is the end of both.
    assert_eq!(release(&outbox, "s-2"), "pay");
    // While it is being paid, the first is not paid beside it.
    assert_eq!(outbox.step(NOW), Step::Wait(None));
    outbox.paid(&key("s-2"), NOW);
    assert_eq!(outbox.owed(), 1);
    for paid in ["s-1", "s-2"] {
        assert_eq!(release(&outbox, paid), "paid");
    }
    assert_eq!(release(&outbox, "other"), "pay");
}

#[test]
fn who_may_be_the_same_vault_user_waits_too_and_is_checked_in_by_itself() {
    let place = Place::new();
    let outbox = place.open();
    deliver(&outbox, "s-1", &["joe (local)", "ACME\\joe"]);
    deliver(&outbox, "s-2", &["ACME\\joe"]);
    assert_eq!(release(&outbox, "s-1"), "later");
    assert_eq!(release(&outbox, "s-2"), "pay");
    outbox.paid(&key("s-2"), NOW);
    confirmed(&outbox, "s-1");
    assert_eq!(outbox.owed(), 0);
}

#[test]
fn a_shared_check_out_survives_a_crash_in_whatever_state_it_is() {
    let place = Place::new();
    let outbox = place.open();
    deliver(&outbox, "s-1", &["ACME\\joe"]);
    deliver(&outbox, "s-2", &["ACME\\joe"]);
    assert_eq!(release(&outbox, "s-1"), "later");
    drop(outbox);
    // The second session still runs, as far as anybody knows.
    let outbox = place.open();
    assert!(due_now(&outbox).is_empty());
    assert_eq!(release(&outbox, "s-2"), "pay");
    drop(outbox);
    // Killed during the check-in: the debts of both are there, and one payment settles them.
    let outbox = place.open();
    assert_eq!(outbox.owed(), 2);
    confirmed(&outbox, "s-1");
    assert_eq!(outbox.owed(), 0);
    drop(outbox);
    assert_eq!(place.open().owed(), 0);
}

#[test]
fn a_fetch_waits_for_a_check_in_that_is_under_way() {
    let place = Place::new();
    let outbox = place.open();
    deliver(&outbox, "s-1", &["ACME\\joe"]);
    assert_eq!(release(&outbox, "s-1"), "pay");
    let holders = ["acme\\joe".to_owned()];
    let crossing = || outbox.owe(&session("s-2"), "7", &holders);
    assert!(matches!(crossing(), Err(OutboxError::BeingCheckedIn)));
    // Another's fetch is not concerned.
    let ann = ["acme\\ann".to_owned()];
    assert!(outbox.owe(&session("s-3"), "7", &ann).is_ok());
    outbox.fail_at_once(&key("s-1"));
    crossing().unwrap();
    outbox.delivered(&key("s-2"));
    // The failed one waits for the new session.
    assert_eq!(outbox.step(NOW), Step::Wait(None));
}

#[test]
fn a_second_fetch_of_the_same_session_that_fails_leaves_it_what_it_has() {
    let place = Place::new();
    let outbox = place.open();
    deliver(&outbox, "s-1", &["ACME\\joe"]);
    let key = outbox.owe(&session("s-1"), "7", &[]).unwrap();
    let again = outbox.owe(&session("s-1"), "7", &[]);
    assert!(matches!(again, Err(OutboxError::BeingCheckedIn)));
    outbox.not_delivered(&key, FetchEnd::Unknown, NOW);
    assert_eq!(outbox.step(NOW), Step::Wait(None));
    // The same if the second fetch is cut short by a crash.
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    drop(outbox);
    let outbox = place.open();
    assert!(due_now(&outbox).is_empty());
    assert_eq!(release(&outbox, "s-1"), "pay");
}

#[test]
fn a_fetch_without_an_answer_is_checked_in_twice() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    outbox.not_delivered(&key("s-1"), FetchEnd::Unknown, NOW);
    confirmed(&outbox, "s-1");
    assert_eq!(outbox.owed(), 1);
    // Not before the vault must have handled the fetch, whoever asks.
    assert!(matches!(outbox.step(NOW), Step::Wait(Some(wait)) if wait <= LIMITS.repeat_after));
    assert_eq!(release(&outbox, "s-1"), "later");
    drop(outbox);
    // A restart waits for what is left, and no longer than the setting says.
    let outbox = place.open();
    assert!(matches!(outbox.step(NOW), Step::Wait(Some(wait)) if wait <= LIMITS.repeat_after));
    drop(outbox);
    let (outbox, _) = Outbox::open(&place.path(), LIMITS, NOW + 3600).unwrap();
    confirmed(&outbox, "s-1");
    assert_eq!(outbox.owed(), 0);
    drop(outbox);
    assert_eq!(place.open().owed(), 0);
}

#[test]
fn a_fetch_that_a_crash_cut_short_is_checked_in_twice() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    // Its session ended meanwhile, which changes nothing about what the vault may do.
    assert_eq!(release(&outbox, "s-1"), "later");
    outbox.owe(&session("s-2"), "8", &[]).unwrap();
    drop(outbox);
    let outbox = repeating(&place);
    for _round in 0..2 {
        let mut paid = Vec::new();
        while paid.len() < 2 {
            if let Step::Pay(due) = outbox.step(NOW) {
                let key = DebtKey::new(&due.session.session_id, &due.credential_id);
                outbox.paid(&key, NOW);
                paid.push(key);
            }
        }
    }
    assert_eq!(outbox.owed(), 0);
}

#[test]
fn an_answered_fetch_whose_session_ended_meanwhile_is_checked_in_once() {
    let place = Place::new();
    let outbox = place.open();
    outbox.owe(&session("s-1"), "7", &[]).unwrap();
    assert_eq!(release(&outbox, "s-1"), "later");
    outbox.not_delivered(&key("s-1"), FetchEnd::Known, NOW);
    confirmed(&outbox, "s-1");
    assert_eq!(outbox.owed(), 0);
}

#[test]
fn the_second_check_in_waits_for_a_session_that_began_meanwhile() {
    let place = Place::new();
    let outbox = repeating(&place);
    let joe = ["acme\\joe".to_owned()];
    outbox.owe(&session("s-1"), "7", &joe).unwrap();
    outbox.not_delivered(&key("s-1"), FetchEnd::Unknown, NOW);
    confirmed(&outbox, "s-1");
    deliver(&outbox, "s-2", &["ACME\\joe"]);
    loop {
        match outbox.step(NOW) {
            // The pause is over, and the other session holds it back.
            Step::Wait(None) => break,
            Step::Wait(Some(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(release(&outbox, "s-2"), "pay");
    outbox.paid(&key("s-2"), NOW);
    assert_eq!(outbox.owed(), 0);
}

#[test]
fn a_repeated_release_keeps_to_the_pause_and_counts_on() {
    let place = Place::new();
    let outbox = place.open();
    deliver(&outbox, "s-1", &[]);
    assert_eq!(release(&outbox, "s-1"), "pay");
    outbox.failed(&key("s-1"), 0.5);
    assert_eq!(release(&outbox, "s-1"), "later");
    outbox.fail_at_once(&key("s-1"));
    let again = outbox.release(&session("s-1"), "7", &[], NOW, NOW);
    assert!(matches!(again, Ok(Release::Pay(due)) if due.attempts == 2));
}
