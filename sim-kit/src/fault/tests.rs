use super::*;
use crate::exchange::{Reply, StatusCode};

fn rule(operation: &str, times: u32) -> Rule {
    Rule {
        id: None,
        matcher: Matcher {
            operation: Some(operation.into()),
            ..Matcher::default()
        },
        verdict: Verdict::ExpireToken,
        times,
    }
}

fn call(operation: &str) -> Call<'_> {
    Call {
        operation,
        user: Some("joe"),
        path: "/x",
    }
}

#[test]
fn a_rule_is_spent_after_its_times() {
    let rules = FaultRules::default();
    let guard = rules.add(rule("GetSecret", 1)).expect("installed");
    assert!(rules.meet(&call("CheckIn")).is_none());
    assert!(rules.meet(&call("getsecret")).is_some());
    assert!(rules.meet(&call("GetSecret")).is_none());
    guard.assert_met();
    drop(guard);
    assert!(rules.list().is_empty());
}

#[test]
fn the_nth_call_meets_it() {
    let rules = FaultRules::default();
    let mut third = rule("A", 0);
    third.matcher.nth = Some(3);
    let _guard = rules.add(third).expect("installed");
    let met: Vec<bool> = (0..4).map(|_| rules.meet(&call("A")).is_some()).collect();
    assert_eq!(met, [false, false, true, true]);
}

#[test]
fn a_rule_that_nothing_met_is_named() {
    let rules = FaultRules::default();
    let id = rules.add(rule("A", 1)).expect("installed").keep();
    assert_eq!(rules.never_met(), [id]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let rules = FaultRules::default();
    let mut bad = rule("A", 1);
    bad.verdict = Verdict::Drip {
        chunk_bytes: 0,
        every_ms: 1,
    };
    assert!(matches!(rules.add(bad), Err(RuleError::OutOfRange(_))));
}

#[test]
fn a_cut_inside_an_element_leaves_its_start_tag() {
    let body = b"<a><Token>abc</Token></a>";
    assert_eq!(met::inside_of(body, "Token"), Some(11));
    assert_eq!(met::inside_of(b"{\"Token\":1}", "Token"), Some(9));
    assert_eq!(met::inside_of(body, "Nope"), None);
    assert_eq!(met::inside_of(b"<n:Token x='1'>ab", "Token"), Some(16));
    assert_eq!(met::inside_of(b"</n:Token><b>Token</b>", "Token"), None);
}

#[tokio::test]
async fn removing_the_rule_ends_a_hold() {
    let rules = FaultRules::default();
    let mut held = rule("A", 0);
    held.verdict = Verdict::Hold;
    let guard = rules.add(held).expect("installed");
    let mut met = rules.meet(&call("A")).expect("met");
    let waiting = tokio::spawn(async move { met.before().await.is_none() });
    drop(guard);
    assert!(waiting.await.expect("no panic"));
}

#[test]
fn a_guard_lets_go_of_its_own_rule_and_of_no_other_of_that_name() {
    let rules = FaultRules::default();
    let named = || Rule {
        id: Some("outage".into()),
        ..rule("A", 0)
    };
    let first = rules.add(named()).expect("installed");
    assert!(rules.meet(&call("A")).is_some());
    let second = rules.add(named()).expect("installed");
    assert_eq!((first.met(), second.met()), (0, 0), "it was replaced");
    drop(first);
    assert!(rules.meet(&call("A")).is_some());
    second.assert_met();
    drop(second);
    assert!(rules.list().is_empty());
}

#[test]
fn a_verdict_that_cannot_happen_leaves_its_rule_unmet_and_the_count_of_calls_alone() {
    let rules = FaultRules::default();
    let mut second = rule("A", 1);
    second.matcher.nth = Some(2);
    let guard = rules.add(second).expect("installed");
    let deaf = |_: &Verdict| false;
    assert!(rules.meet_where(&call("A"), deaf).is_none());
    assert!(rules.meet_where(&call("A"), deaf).is_none());
    assert!(rules.meet(&call("A")).is_none(), "that was the first");
    assert!(rules.meet(&call("A")).is_some());
    guard.assert_met();
}

#[test]
fn damage_to_nothing_is_taken_back_and_the_rule_waits_for_the_next() {
    let rules = FaultRules::default();
    for verdict in [
        Verdict::Garble,
        Verdict::Drip {
            chunk_bytes: 1,
            every_ms: 0,
        },
        Verdict::Truncate {
            at_bytes: None,
            inside: None,
        },
        Verdict::Truncate {
            at_bytes: None,
            inside: Some("Token".into()),
        },
    ] {
        let mut damage = rule("A", 1);
        damage.verdict = verdict;
        let guard = rules.add(damage).expect("installed");
        let met = rules.meet(&call("A")).expect("met");
        let (_, stays) = met.damage(Reply::empty(StatusCode::OK));
        assert!(!stays && guard.met() == 0);
        let met = rules.meet(&call("A")).expect("not spent");
        let (_, stays) = met.damage(Reply::new(StatusCode::OK, "text/xml", "<Token>a</Token>"));
        assert!(stays && guard.met() == 1);
    }
}

#[test]
fn a_simulator_that_cannot_rewrite_documents_is_spared_the_verdicts_that_do() {
    let rules = FaultRules::default();
    let mut extra = rule("A", 1);
    extra.verdict = Verdict::Extra;
    let _guard = rules.add(extra).expect("installed");
    assert!(rules.meet(&call("A")).is_none());
    assert!(rules.meet_where(&call("A"), |_| true).is_some());
}
