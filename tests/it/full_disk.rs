//! The disk of the ECM is full: a debt that cannot be written down is not made.

use std::process::Stdio;

use tokio::process::Command;

use crate::kill::harness::{
    Act, Ecm, PASSWORD, accesses, acts, begin, configure, end, finish, is_held, owed, rig,
};
use crate::processes::ecm_binary;

/// A limit on the size of files is what comes closest to a full disk on every system: what is to
/// be written is refused, and a process that ignores the signal goes on.
const FULL_DISK: &str = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_fetched_and_the_console_says_why() {
    let mut rig = rig().await;
    let config = configure(&mut rig, "");
    // What it keeps for itself is made while there is room.
    assert_eq!(Ecm::start(&config).await.terminate().await, Some(0));

    let mut command = Command::new("sh");
    command.args(["-c", FULL_DISK, "sh"]);
    command
        .arg(ecm_binary())
        .args(["run", "--config"])
        .arg(&config);
    // Its log cannot be written either, and would go there.
    command.stderr(Stdio::null());
    let ecm = Ecm::start_as(command).await;
    let session = begin(&rig, "joe.user", &PASSWORD).await;
    let refusal = acts(&rig, &session, &PASSWORD, Act::Picks)
        .await
        .unwrap_err();
    assert_eq!(refusal.category, "configuration");
    for words in ["check-ins.log", "free space"] {
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
    assert!(!is_held(&rig, &PASSWORD).await);
    for (action, times) in [("CHECKOUT", 0), ("WEBSERVICE VIEW", 0)] {
        assert_eq!(accesses(&rig, action).await, times, "{action}");
    }
    end(&rig, &session).await;
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(owed(&config), 0);

    // With room again it serves as before.
    let ecm = Ecm::start(&config).await;
    let session = begin(&rig, "joe.user", &PASSWORD).await;
    acts(&rig, &session, &PASSWORD, Act::EndsSession)
        .await
        .unwrap();
    assert_eq!(ecm.terminate().await, Some(0));
    finish(rig).await;
}
