//! What was given up is known until somebody has the secret again, whatever restarts meanwhile.

use super::sharing::deliver;
use super::*;
use crate::outbox::given_up::GIVEN_UP_MAX;

const LATER: i64 = NOW + 3600;

fn give_up(outbox: &Outbox, session_id: &str, holders: &[&str]) {
    deliver(outbox, session_id, holders);
    release(outbox, session_id);
    outbox.fail_at_once(&key(session_id));
    assert!(
        matches!(outbox.step(LATER), Step::GivenUp(due) if due.session.session_id == session_id)
    );
}

fn known(outbox: &Outbox) -> Vec<String> {
    let given_up = outbox.given_up();
    let sessions = given_up.into_iter().map(|due| due.session.session_id);
    sessions.collect()
}

#[test]
fn what_was_given_up_is_remembered_for_whoever_looks_after_a_restart_too() {
    let place = Place::new();
    let outbox = place.open();
    give_up(&outbox, "s-1", &["ACME\\joe"]);
    give_up(&outbox, "s-2", &["ACME\\sue"]);
    let before = outbox.given_up();
    assert_eq!(before[0].holders, ["acme\\joe"]);
    drop(outbox);
    // The first start reads what happened, the second one what the first has written anew.
    for _ in 0..2 {
        let (outbox, found) = place.open_with(LIMITS);
        assert_eq!((found.owed, found.damaged_lines.len()), (0, 0));
        let names = |one: &DueCheckIn| (one.session.clone(), one.holders.clone());
        let after: Vec<_> = outbox.given_up().iter().map(names).collect();
        assert_eq!(after, before.iter().map(names).collect::<Vec<_>>());
        assert!(due_now(&outbox).is_empty());
    }
}

#[test]
fn it_leaves_when_its_vault_user_has_the_secret_again_or_gives_it_back() {
    for restarts in [false, true] {
        let place = Place::new();
        let mut outbox = place.open();
        for (session, holder) in [("s-1", "joe"), ("s-2", "sue"), ("s-3", "ann")] {
            give_up(&outbox, session, &[holder]);
        }
        let look = |outbox: Outbox, expected: &[&str]| {
            let outbox = match restarts {
                true => {
                    drop(outbox);
                    place.open()
                }
                false => outbox,
            };
            assert_eq!(known(&outbox), expected, "{restarts}");
            outbox
        };
        // Another user, and another secret of the same user.
        deliver(&outbox, "s-4", &["eve"]);
        outbox.owe(&session("s-5"), "8", &["joe".into()]).unwrap();
        outbox = look(outbox, &["s-1", "s-2", "s-3"]);
        deliver(&outbox, "s-6", &["other", "JOE"]);
        outbox = look(outbox, &["s-2", "s-3"]);
        // The appliance says once more that the session is over.
        assert_eq!(release(&outbox, "s-2"), "pay");
        outbox.paid(&key("s-2"), NOW);
        look(outbox, &["s-3"]);
    }
}

#[test]
fn a_check_in_that_was_owed_before_confirms_it_too() {
    let place = Place::new();
    let outbox = place.open();
    for name in ["s-1", "s-2"] {
        deliver(&outbox, name, &["joe"]);
    }
    release(&outbox, "s-1");
    assert_eq!(release(&outbox, "s-2"), "pay");
    outbox.fail_at_once(&key("s-2"));
    assert!(matches!(outbox.step(NOW), Step::Pay(due) if due.session.session_id == "s-1"));
    outbox.fail_at_once(&key("s-1"));
    assert!(matches!(outbox.step(LATER), Step::GivenUp(due) if due.session.session_id == "s-1"));
    assert_eq!(known(&outbox), ["s-1"]);
    drop(outbox);
    let outbox = place.open();
    assert_eq!(known(&outbox), ["s-1"]);
    assert_eq!(due_now(&outbox), ["s-2"]);
    outbox.paid(&key("s-2"), NOW);
    assert_eq!(known(&outbox), [""; 0]);
    drop(outbox);
    assert_eq!(known(&place.open()), [""; 0]);
}

#[test]
fn it_leaves_after_its_time_and_the_newest_are_kept() {
    let place = Place::new();
    let outbox = place.open();
    give_up(&outbox, "s-1", &["joe"]);
    drop(outbox);
    let outbox = place.open();
    let end = LATER + 86_400;
    outbox.step(end - 1);
    assert_eq!(known(&outbox), ["s-1"]);
    outbox.step(end);
    assert_eq!(known(&outbox), [""; 0]);
    drop(outbox);
    let later = Outbox::open(&place.path(), LIMITS, end).unwrap().0;
    assert_eq!(known(&later), [""; 0]);

    let place = Place::new();
    let outbox = place.open();
    for number in 0..=GIVEN_UP_MAX {
        give_up(&outbox, &format!("s-{number}"), &[&format!("u-{number}")]);
    }
    drop(outbox);
    let known = known(&place.open());
    assert_eq!((known.len(), known[0].as_str()), (GIVEN_UP_MAX, "s-1"));
}
