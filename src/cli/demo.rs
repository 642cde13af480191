//! `ecm-lab demo`: one credential travels from the vault into a session.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sim_kit::seeded::Seed;

use super::signals;
use crate::journey::{self, JourneyError};
use crate::lab::{Journey, Lab, VaultKind};
use crate::outcome::exit;
use crate::redact::Output;
use crate::rig::{Findings, Options, Rig, RigError};

/// Name of the demo's ECM.
const ECM: &str = "first";

/// Play the journey of one credential and tell what happens
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ecm-lab demo                    the built-in lab of the company ACME
  ecm-lab demo --lab my.toml      your own users, endpoints and secrets; start from `ecm-lab lab`
  ecm-lab demo --vault password-safe
  ecm-lab demo --step             waits for Enter between the acts
  ecm-lab demo --keep             leaves everything running and says how to reach it")]
pub(super) struct Arguments {
    /// Lab file (TOML); without it the built-in lab of the company ACME
    #[arg(long, value_name = "FILE")]
    lab: Option<PathBuf>,
    /// The vault that the journey is played on; a lab may describe both
    #[arg(long, value_enum, default_value_t)]
    vault: VaultKind,
    /// Leave everything running after the journey, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Wait for Enter between the acts
    #[arg(long)]
    step: bool,
    /// Seed of everything random: ids, tokens, planted secrets
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) async fn main(arguments: Arguments) -> u8 {
    let output = Arc::new(Output::standard());
    let mut stop = match signals::Interrupt::listen() {
        Ok(stop) => stop,
        Err(error) => return failed(&output, exit::ENGINE, &error),
    };
    let lab = arguments
        .lab
        .as_deref()
        .map_or_else(|| Ok(Lab::acme()), Lab::read);
    let (lab, plan) = match lab.and_then(|lab| lab.journey(arguments.vault).map(|plan| (lab, plan)))
    {
        Ok(read) => read,
        Err(error) => return failed(&output, exit::CONFIGURATION, &error),
    };
    output.say(&format!(
        "ECM Lab demo on {}, seed {}",
        lab.path.display(),
        arguments.seed
    ));
    output.say("The link between appliance and ECM is ECM Lab's own protocol, not BeyondTrust's.");

    let options = Options {
        vault: arguments.vault,
        ..Options::live(Seed(arguments.seed))
    };
    let starting = Rig::start(lab, options);
    let mut rig = match tokio::select! {
        started = starting => started,
        () = stop.wait() => return exit::INTERRUPTED,
    } {
        Ok(rig) => rig,
        Err(error) => return failed(&output, code_of(&error), &error),
    };
    output.watch(rig.scanner());
    let pause = || wait_for_enter(arguments.step, &output);
    let played = tokio::select! {
        played = async {
            rig.start_ecm(ECM).await?;
            journey::play(&mut rig, &plan, &output, pause).await
        } => Some(played),
        () = stop.wait() => None,
    };
    if arguments.keep && matches!(played, Some(Ok(()))) {
        keep(&rig, &plan, &output);
        stop.wait().await;
        output.say("\nstopping");
    }
    let findings = rig.finish().await;
    verdict(played, &findings, &output)
}

/// What the journey and the look afterwards amount to.
fn verdict(played: Option<Result<(), JourneyError>>, findings: &Findings, output: &Output) -> u8 {
    if let Some(leak) = findings.leaks.iter().chain(&output.leaks()).next() {
        let told = format!("a planted secret was written: {leak}");
        return failed(output, exit::SAFETY, &told);
    }
    if let Some(panic) = findings.panics.first() {
        return failed(
            output,
            exit::ENGINE,
            &format!("a background panic: {panic}"),
        );
    }
    match played {
        None => {
            output.say("\ninterrupted; everything that was started has been stopped");
            exit::INTERRUPTED
        }
        Some(Err(JourneyError::Rig(RigError::Console(error)))) => {
            let cure = "correct console_user or jump_item in [journey], or add it to [appliance]";
            failed(output, exit::CONFIGURATION, &format!("{error}; {cure}"))
        }
        Some(Err(JourneyError::Rig(error))) => failed(output, code_of(&error), &error),
        Some(Err(JourneyError::Control(error))) => failed(output, exit::ENGINE, &error),
        Some(Err(error)) => failed(output, exit::FAILURE, &error),
        Some(Ok(())) => {
            let bytes = findings.scanned_bytes;
            output.say(&format!(
                "The journey succeeded. No planted secret in {bytes} bytes of logs, journals,\n\
                 state and files."
            ));
            exit::PASS
        }
    }
}

fn keep(rig: &Rig, plan: &Journey, output: &Output) {
    let ca = rig.ca_file().display().to_string();
    output.say("Everything stays up until Ctrl-C");
    output.say(&format!("   appliance      {}", rig.appliance.url));
    output.say(&format!("     control      {}", rig.appliance.control_url));
    let vault = &rig.vault;
    output.say(&format!("   {}  {}", vault.kind.name(), vault.endpoint_url));
    output.say(&format!("     control      {}", vault.control_url));
    output.say(&format!("   authority      {ca}"));
    output.say("   try by hand, in another shell:");
    match vault.kind {
        VaultKind::SecretServer => {
            output.say(&format!(
                "     curl --cacert {ca} '{}?WSDL'",
                vault.endpoint_url
            ));
        }
        VaultKind::PasswordSafe => {
            output.say(&format!("     curl {}/requests", vault.control_url));
        }
    }
    output.say(&format!("     curl {}/journal", vault.control_url));
    let config = rig.ecm_config(ECM).display().to_string();
    let (user, item) = (&plan.console_user, &plan.jump_item);
    output.say(&format!(
        "     cargo run -p ecm -- test-settings --config {config} \\\n       --username '{user}' \
         --hostname {item} --explain"
    ));
    output.say("   (the last one builds the ECM when it runs for the first time)");
}

fn code_of(error: &RigError) -> u8 {
    match error {
        // A simulator that does not start was given a lab or an address that it cannot use.
        RigError::Config(_) | RigError::Start { .. } | RigError::EcmRefused(_) => {
            exit::CONFIGURATION
        }
        RigError::Unknown(_) | RigError::Console(_) => exit::CONFIGURATION,
        RigError::Waited { .. } => exit::FAILURE,
        _ => exit::ENGINE,
    }
}

fn failed(output: &Output, code: u8, error: &dyn std::fmt::Display) -> u8 {
    output.complain(&format!("ecm-lab demo: {error}"));
    code
}

/// Reads one line from standard input; its end counts as Enter.
async fn wait_for_enter(step: bool, output: &Output) {
    if !step {
        return;
    }
    if std::io::stdin().is_terminal() {
        output.say("\n   [Enter for the next act]");
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
    });
    let _ = read.await;
}
