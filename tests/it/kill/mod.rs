//! The ECM is killed (SIGKILL) at every step of a credential's journey, and started again. Whatever
//! it was doing, in the end the vault has nothing checked out, the outbox is empty, every check-out
//! was checked in exactly once, and no secret is in a file.

pub(crate) mod harness;

use ecm_lab::lab::{Lab, VaultKind};
use ecm_lab::rig::{Options, Rig};
use sim_kit::fault::{How, Matcher, Rule, Verdict, When};
use sim_kit::seeded::Seed;

use self::harness::{
    Act, Ecm, KEY, PASSWORD, PATIENCE, Planted, accesses, acts, begin, configure, end, finish,
    is_delivered, is_held, outbox, owed, owes_nothing, rig, until,
};

/// A moment at which the ECM is killed.
struct Moment {
    secret: &'static Planted,
    /// How far the user goes; with faults, the last act is under way.
    act: Act,
    /// Installed before the user begins. The ECM is killed when a call has met the last of them.
    faults: Vec<Fault>,
    /// Whether the vault has the secret checked out at that moment.
    held: bool,
    /// The same when the faults are gone: the vault handles a call that it held, though its caller
    /// is dead.
    then_held: bool,
    /// What gives the secret back.
    freed_by: FreedBy,
}

/// What happens to the calls of an operation.
enum Fault {
    /// Of the vault.
    Vault(&'static str, Verdict),
    /// Of the link, at the appliance.
    Link(&'static str, Verdict),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FreedBy {
    /// The new start alone: the session still runs, as far as the appliance knows.
    Restart,
    /// The end of the session, which comes while no ECM is there.
    EndDuringAbsence,
    /// The end of the session, after the new start.
    EndAfterRestart,
    /// Time: the session's end is never told.
    Orphanage,
}

macro_rules! moments {
    ($($name:ident: $act:ident $(of $secret:ident)?, [$($fault:expr),*],
        held $held:literal then $then_held:literal, freed by $freed_by:ident;)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            play(Moment {
                secret: [$(&$secret,)? &PASSWORD][0],
                act: Act::$act,
                faults: vec![$($fault),*],
                held: $held,
                then_held: $then_held,
                freed_by: FreedBy::$freed_by,
            })
            .await;
        }
    )* };
}

moments! {
    killed_during_authenticate:
        OpensList, [Fault::Vault("Authenticate", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_during_impersonate_user:
        OpensList, [Fault::Vault("ImpersonateUser", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_during_the_search:
        OpensList, [Fault::Vault("SearchSecretsByFieldValue", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_after_the_list:
        OpensList, [],
        held false then false, freed by Restart;
    killed_before_get_secret_is_handled:
        Picks, [Fault::Vault("GetSecret", Verdict::Hold)],
        held false then true, freed by Restart;
    killed_while_a_dead_token_is_replaced:
        Picks, [Fault::Vault("GetSecret", Verdict::ExpireToken),
            Fault::Vault("ImpersonateUser", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_before_an_attachment_is_handled:
        Picks of KEY, [Fault::Vault("DownloadFileAttachmentByItemId", Verdict::Hold)],
        held true then true, freed by Restart;
    killed_while_an_attachment_is_on_its_way:
        Picks of KEY, [Fault::Vault("DownloadFileAttachmentByItemId", drip())],
        held true then true, freed by Restart;
    killed_while_the_secret_is_on_its_way:
        Picks, [Fault::Vault("GetSecret", drip())],
        held true then true, freed by Restart;
    killed_after_the_secret_was_lost_on_its_way:
        Picks, [Fault::Vault("GetSecret", lose_answer()), Fault::Vault("CheckIn", refuse())],
        held true then true, freed by Restart;
    killed_after_the_credential_was_lost_on_the_link:
        Picks, [Fault::Link("get_credential", lose_answer()), Fault::Vault("CheckIn", refuse())],
        held true then true, freed by Restart;
    killed_while_the_session_runs_which_then_ends:
        Picks, [],
        held true then true, freed by EndAfterRestart;
    killed_while_the_session_runs_which_ends_meanwhile:
        Picks, [],
        held true then true, freed by EndDuringAbsence;
    killed_while_the_session_runs_whose_end_is_never_told:
        Picks, [],
        held true then true, freed by Orphanage;
    killed_before_the_check_in_is_handled:
        EndsSession, [Fault::Vault("CheckIn", Verdict::Hold)],
        held true then false, freed by Restart;
    killed_between_two_attempts_to_check_in:
        EndsSession, [Fault::Vault("CheckIn", refuse())],
        held true then true, freed by Restart;
    killed_while_the_confirmation_is_on_its_way:
        EndsSession, [Fault::Vault("CheckIn", drip())],
        held false then false, freed by Restart;
}

/// Handled, and its answer takes longer than anybody waits.
fn drip() -> Verdict {
    Verdict::Drip {
        chunk_bytes: 1,
        every_ms: 60_000,
    }
}

/// Handled, and its answer never comes.
fn lose_answer() -> Verdict {
    Verdict::Drop {
        when: When::After,
        how: How::Reset,
    }
}

/// Not handled, and the caller knows.
fn refuse() -> Verdict {
    Verdict::Drop {
        when: When::Before,
        how: How::Reset,
    }
}

async fn play(moment: Moment) {
    let mut rig = rig().await;
    let secret = moment.secret;
    let orphans = match moment.freed_by {
        FreedBy::Orphanage => "orphan_after_s = 1",
        _ => "",
    };
    let config = configure(&mut rig, &format!("repeat_after_s = 1\n{orphans}"));
    let ecm = Ecm::start(&config).await;
    let session = begin(&rig, "joe.user", secret).await;
    install(&rig, &moment.faults).await;
    let playing = acts(&rig, &session, secret, moment.act);
    if moment.faults.is_empty() {
        playing.await.unwrap();
        if moment.act == Act::Picks {
            // Until then a new start takes the credential for one that never left.
            until("the delivery is on the disk", async || {
                is_delivered(&config)
            })
            .await;
        }
        kill(&rig, ecm, &moment).await;
    } else {
        // What the console shows for the act that was under way is not the matter here.
        let (_, ()) = tokio::join!(playing, kill(&rig, ecm, &moment));
    }
    remove(&rig, &moment.faults).await;
    let as_described = async || is_held(&rig, secret).await == moment.then_held;
    until("the vault has handled what it held", as_described).await;
    if moment.freed_by == FreedBy::EndDuringAbsence {
        end(&rig, &session).await;
    }

    let ecm = Ecm::start(&config).await;
    if moment.freed_by == FreedBy::EndAfterRestart {
        // It serves, and what the session uses stays with it.
        let another = begin(&rig, "joe.user", secret).await;
        acts(&rig, &another, secret, Act::OpensList).await.unwrap();
        assert!(
            is_held(&rig, secret).await,
            "checked in while the session runs"
        );
        end(&rig, &session).await;
    }
    until("the secret is free", async || !is_held(&rig, secret).await).await;
    end(&rig, &session).await;
    let released = rig.appliance.wait_released(&session, PATIENCE).await;
    assert!(released, "the appliance still waits for a release");
    until("everything is paid", async || owes_nothing(&config)).await;
    assert_eq!(ecm.terminate().await, Some(0));

    let took_place = moment.act == Act::EndsSession || moment.held || moment.then_held;
    let check_outs = usize::from(took_place);
    assert_eq!(accesses(&rig, "CHECKOUT").await, check_outs);
    assert_eq!(accesses(&rig, "CHECKIN").await, check_outs);
    assert_eq!(owed(&config), 0, "check-ins that the outbox still has");
    finish(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_that_is_repeated_after_a_crash_takes_the_secret_from_nobody() {
    let mut rig = rig().await;
    let config = configure(&mut rig, "");
    let secret = &PASSWORD;
    let moment = Moment {
        secret,
        act: Act::EndsSession,
        faults: vec![Fault::Vault("CheckIn", drip())],
        held: false,
        then_held: false,
        freed_by: FreedBy::Restart,
    };
    let ecm = Ecm::start(&config).await;
    let joe = begin(&rig, "joe.user", secret).await;
    install(&rig, &moment.faults).await;
    let playing = acts(&rig, &joe, secret, moment.act);
    let (played, ()) = tokio::join!(playing, kill(&rig, ecm, &moment));
    played.unwrap();
    remove(&rig, &moment.faults).await;

    rig.start_ecm("second").await.unwrap();
    let ann = begin(&rig, "ann.admin", secret).await;
    acts(&rig, &ann, secret, Act::Picks).await.unwrap();
    rig.vault.operator.delete("/journal").await.unwrap();
    let ecm = Ecm::start(&config).await;
    rig.wait_for_call("CheckIn", "refused", 1).await.unwrap();
    // The refusal says that nothing of his is left to give back.
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(owed(&config), 0);
    let holder = rig.vault.holder_of(secret.name).await.unwrap();
    assert!(holder.unwrap().contains("ann.admin"));
    end(&rig, &ann).await;
    until("the secret is free", async || !is_held(&rig, secret).await).await;
    assert_eq!(accesses(&rig, "CHECKIN").await, 2);
    finish(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_an_approval_outlives_the_ecm_and_not_its_session() {
    let mut lab = Lab::acme();
    lab.set(&["ecm", "password-safe", "global_approver"], "")
        .unwrap();
    let options = Options {
        vault: VaultKind::PasswordSafe,
        ..Options::frozen(Seed(1))
    };
    let mut rig = Rig::start(lab, options).await.unwrap();
    let config = configure(&mut rig, "");
    let ecm = Ecm::start(&config).await;
    let session = rig.appliance.begin("joe.user", "db01").await.unwrap();
    let list = rig.appliance.list(&session).await.unwrap();
    let entry = list
        .iter()
        .find(|entry| entry.display_value.contains("da-jane"));
    let id = &entry.unwrap().credential_id;
    let refusal = rig.appliance.inject(&session, id).await.unwrap_err();
    assert_eq!(refusal.category, "pending_approval");
    ecm.kill().await;
    let gone = async || rig.appliance.ecm_clients().is_empty();
    until("the appliance has noticed", gone).await;

    let ecm = Ecm::start(&config).await;
    let waiting = async || {
        let requests = rig.vault.operator.get("/requests").await.unwrap();
        let requests = requests.as_array().unwrap().clone();
        let waiting = requests.iter().filter(|one| one["standing"] == "pending");
        waiting.map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [101], "the restart took it from nobody");
    let refusal = rig.appliance.inject(&session, id).await.unwrap_err();
    assert_eq!(refusal.category, "pending_approval");
    assert_eq!(waiting().await, [101], "and a further attempt keeps it");
    end(&rig, &session).await;
    until("nothing waits", async || waiting().await.is_empty()).await;
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(owed(&config), 0);
    finish(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_during_the_payment_at_the_start() {
    let mut rig = rig().await;
    let secret = &PASSWORD;
    let config = configure(&mut rig, "repeat_after_s = 1");
    let check_in = |verdict: Verdict, held| Moment {
        secret,
        act: Act::EndsSession,
        faults: vec![Fault::Vault("CheckIn", verdict)],
        held,
        then_held: held,
        freed_by: FreedBy::Restart,
    };
    let ecm = Ecm::start(&config).await;
    let session = begin(&rig, "joe.user", secret).await;
    let first = check_in(refuse(), true);
    install(&rig, &first.faults).await;
    let playing = acts(&rig, &session, secret, first.act);
    let (_, ()) = tokio::join!(playing, kill(&rig, ecm, &first));
    remove(&rig, &first.faults).await;

    // Now the vault confirms, and the ECM is killed before it knows.
    let second = check_in(drip(), false);
    install(&rig, &second.faults).await;
    let ecm = Ecm::start(&config).await;
    kill(&rig, ecm, &second).await;
    remove(&rig, &second.faults).await;

    let ecm = Ecm::start(&config).await;
    let released = rig.appliance.wait_released(&session, PATIENCE).await;
    assert!(released, "the appliance still waits for a release");
    until("everything is paid", async || owes_nothing(&config)).await;
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(accesses(&rig, "CHECKIN").await, 1);
    assert_eq!(owed(&config), 0);
    finish(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_ends_of_two_sessions_that_share_a_check_out() {
    let mut rig = rig().await;
    let secret = &PASSWORD;
    let config = configure(&mut rig, "");
    let ecm = Ecm::start(&config).await;
    let first = begin(&rig, "joe.user", secret).await;
    let second = begin(&rig, "joe.user", secret).await;
    for session in [&first, &second] {
        acts(&rig, session, secret, Act::Picks).await.unwrap();
    }
    let delivered = async || {
        let text = std::fs::read_to_string(outbox(&config)).unwrap();
        text.matches(r#""op":"delivered""#).count() == 2
    };
    until("both deliveries are on the disk", delivered).await;
    end(&rig, &first).await;
    assert!(rig.appliance.wait_released(&first, PATIENCE).await);
    assert!(is_held(&rig, secret).await, "taken from the second session");
    ecm.kill().await;
    let gone = async || rig.appliance.ecm_clients().is_empty();
    until("the appliance has noticed", gone).await;

    let ecm = Ecm::start(&config).await;
    // It serves, and what the second session uses stays with it.
    let another = begin(&rig, "joe.user", secret).await;
    acts(&rig, &another, secret, Act::OpensList).await.unwrap();
    assert!(is_held(&rig, secret).await, "taken at the start");
    assert_eq!(accesses(&rig, "CHECKIN").await, 0);
    end(&rig, &second).await;
    until("the secret is free", async || !is_held(&rig, secret).await).await;
    until("everything is paid", async || owes_nothing(&config)).await;
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(accesses(&rig, "CHECKIN").await, 1);
    assert_eq!(owed(&config), 0);
    finish(rig).await;
}

/// The ECM gives the fetch up, checks in what is not checked out yet, and is killed; then the vault
/// handles the fetch after all.
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_the_vault_handles_late_is_given_back() {
    let mut rig = rig().await;
    let secret = &PASSWORD;
    let config = configure(&mut rig, "repeat_after_s = 3600");
    let text = std::fs::read_to_string(&config).unwrap();
    let section = "[vault.secret-server]";
    assert!(text.contains(section));
    let impatient = text.replace(section, &format!("{section}\nanswer_timeout_s = 1"));
    std::fs::write(&config, &impatient).unwrap();

    let faults = [Fault::Vault("GetSecret", Verdict::Hold)];
    let ecm = Ecm::start(&config).await;
    let session = begin(&rig, "joe.user", secret).await;
    install(&rig, &faults).await;
    let shown = acts(&rig, &session, secret, Act::Picks).await.unwrap_err();
    assert_eq!(shown.category, "timeout");
    let first_confirmed = async || {
        let text = std::fs::read_to_string(outbox(&config)).unwrap();
        text.contains(r#""op":"repeat""#)
    };
    until("the first check-in was confirmed", first_confirmed).await;
    ecm.kill().await;
    let gone = async || rig.appliance.ecm_clients().is_empty();
    until("the appliance has noticed", gone).await;
    assert_eq!(accesses(&rig, "CHECKOUT").await, 0);
    remove(&rig, &faults).await;
    until("the vault handles it late", async || {
        is_held(&rig, secret).await
    })
    .await;

    std::fs::write(&config, impatient.replace("= 3600", "= 1")).unwrap();
    let ecm = Ecm::start(&config).await;
    until("the secret is free", async || !is_held(&rig, secret).await).await;
    until("everything is paid", async || owes_nothing(&config)).await;
    end(&rig, &session).await;
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(accesses(&rig, "CHECKIN").await, 1);
    finish(rig).await;
}

/// Kills the ECM as soon as it has come as far as `moment` says.
async fn kill(rig: &Rig, ecm: Ecm, moment: &Moment) {
    if let Some(last) = moment.faults.len().checked_sub(1) {
        let operator = match moment.faults[last] {
            Fault::Vault(..) => &rig.vault.operator,
            Fault::Link(..) => &rig.appliance.operator,
        };
        let met = async || operator.fault_met(&name(last)).await.unwrap() > 0;
        until("a call meets the last fault", met).await;
    }
    let as_described = async || is_held(rig, moment.secret).await == moment.held;
    until("the vault is as the moment describes it", as_described).await;
    ecm.kill().await;
    let gone = async || rig.appliance.ecm_clients().is_empty();
    until("the appliance has noticed", gone).await;
}

async fn install(rig: &Rig, faults: &[Fault]) {
    for (number, fault) in faults.iter().enumerate() {
        let (operator, operation, verdict) = match fault {
            Fault::Vault(operation, verdict) => (&rig.vault.operator, operation, verdict),
            Fault::Link(request, verdict) => (&rig.appliance.operator, request, verdict),
        };
        let matcher = Matcher {
            operation: Some((*operation).to_owned()),
            ..Matcher::default()
        };
        let rule = Rule {
            id: Some(name(number)),
            matcher,
            verdict: verdict.clone(),
            times: 0,
        };
        operator.add_fault(&rule).await.unwrap();
    }
}

async fn remove(rig: &Rig, faults: &[Fault]) {
    for (number, fault) in faults.iter().enumerate() {
        let operator = match fault {
            Fault::Vault(..) => &rig.vault.operator,
            Fault::Link(..) => &rig.appliance.operator,
        };
        let path = format!("/faults/{}", name(number));
        operator.delete(&path).await.unwrap();
    }
}

/// Name of a fault's rule.
fn name(number: usize) -> String {
    format!("fault-{number}")
}
