//! What has to be broken for each row of the diagnosis table that is Password Safe's own.

use ecm::diagnosis::Symptom;
use ecm::error::PluginError;
use ecm::plugin::{EndpointType, Plugin};

use super::systems::many;
use super::vault::{Call, ROOT, Reply, Vault, json, plugin, session, soon, well};

const APPROVER: &str = "pbapprover";

/// The failure of the set-up that is broken as `symptom` says.
pub async fn broken(symptom: Symptom) -> PluginError {
    use Symptom as S;
    let (on, reply): (&str, fn() -> Reply) = match symptom {
        S::ApiNotFound => ("POST Auth/SignAppin", || json(404, "\"No resource\"")),
        S::ApiVersionDisabled => ("POST Auth/SignAppin", || page(410)),
        S::ProxyRefusesApi => ("POST Requests", || page(403)),
        S::VaultError => ("POST Requests", || json(500, "\"boom\"")),
        S::ApiAnswerNotUnderstood => ("POST Requests", || json(201, "x")),
        S::NobodySignsIn => ("POST Auth/SignAppin", || json(401, "\"no\"")),
        S::SignInForbidden => ("POST Auth/SignAppin", || json(403, "")),
        S::RunAsSecondFactor => ("POST Auth/SignAppin", || {
            let challenge = "WWW-Authenticate-2FA: Enter your code".to_owned();
            Reply::Http(401, vec![challenge], String::new())
        }),
        S::SessionRefusedTwice => ("POST Requests", || json(401, "\"dead\"")),
        S::MayNotRequest => ("POST Requests", || json(403, "4031")),
        S::NotRequestor => ("POST Requests", || json(403, "4032")),
        S::NotApprover => ("POST Requests", || json(403, "4033")),
        S::NotEnoughApprovers => ("POST Requests", || json(403, "4035")),
        S::AccountTaken => ("POST Requests", || json(409, "4091")),
        S::TicketWanted => ("POST Requests", || json(400, "\"A ticket is required\"")),
        S::RequestNotAccepted => ("POST Requests", || json(400, "\"A reason is required\"")),
        S::CallForbidden => ("POST Requests", || json(403, "\"?\"")),
        S::RequestPending => ("GET Credentials/124", || json(403, "4034")),
        S::ReleaseGone => ("GET Credentials/124", || json(404, "\"gone\"")),
        S::AccountEmpty => ("GET Credentials/124", || json(200, "\"\"")),
        S::RequestDenied => return denied().await,
        S::SearchIncomplete => return searched().await,
        other => return with_approver(other).await,
    };
    let vault = Vault::start(move |call: &Call| {
        if call.name() == on {
            reply()
        } else {
            well(call)
        }
    })
    .await;
    let fetched = vault.plugin().get_credential(&session(), ROOT).await;
    fetched.unwrap_err()
}

/// A Global Approver is set, and something is wrong about them or beside them.
async fn with_approver(symptom: Symptom) -> PluginError {
    let vault = Vault::start(move |call: &Call| {
        let approver = call.run_as() == APPROVER;
        match (call.name().as_str(), symptom) {
            ("POST Auth/SignAppin", Symptom::RunAsUserUnknown) if !approver => json(401, "\"no\""),
            ("POST Auth/SignAppin", Symptom::ApproverSignsNotIn) if approver => json(401, "\"no\""),
            ("GET Credentials/124", _) => json(403, "4034"),
            ("PUT Requests/124/Approve", Symptom::ApproverMayNotApprove) => json(403, "4031"),
            _ => well(call),
        }
    })
    .await;
    let mut file = vault.settings();
    file.global_approver = Some(APPROVER.into());
    let fetched = plugin(file).get_credential(&session(), ROOT).await;
    fetched.unwrap_err()
}

/// Somebody said no between two attempts.
async fn denied() -> PluginError {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.nth) {
        ("GET Credentials/124", 0) => json(403, "4034"),
        ("GET Credentials/124", _) => json(404, "\"gone\""),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    let first = plugin.get_credential(&session(), ROOT).await;
    assert!(first.is_err());
    plugin.get_credential(&session(), ROOT).await.unwrap_err()
}

async fn searched() -> PluginError {
    let vault = Vault::start(many(100_500)).await;
    let plugin = vault.plugin();
    let session = session();
    let found = plugin.find_endpoints(&session, &[EndpointType::Rdp], "eedl", None);
    soon(found).await.unwrap_err()
}

fn page(status: u16) -> Reply {
    let html = "Content-Type: text/html".to_owned();
    Reply::Http(status, vec![html], "<html>no</html>".into())
}
