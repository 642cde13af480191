//! From an entry of the list to a credential over real sockets, and back.

use std::sync::Arc;

use ecm::diagnosis::Symptom;
use ecm::plugin::{CredentialProof, Plugin};
use tokio::sync::Barrier;

use crate::vault::{
    CANARY, Call, Reply, Vault, item, ok, password_secret, plugin, refused, secret, session, soon,
    symptom, well,
};

#[tokio::test]
async fn a_warm_retrieval_is_one_call_and_two_rounds_with_attachments() {
    let together = Arc::new(Barrier::new(2));
    let vault = Vault::start(move |call| match (call.operation.as_str(), call.nth) {
        ("GetSecret", 0) => well(call),
        ("GetSecret", _) => ok(&secret(&[
            item(1, "Username", "root", "IsNotes"),
            item(2, "Private Key", "id", "IsFile"),
            item(3, "Public Key", "id.pub", "IsFile"),
        ])),
        ("DownloadFileAttachmentByItemId", _) => {
            let content = match call.parameter("secretItemId") {
                "2" => "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==",
                "3" => "c3NoLWVkMjU1MTkgQUFBQQ==",
                other => panic!("{other}"),
            };
            let file = format!("<Errors /><FileAttachment>{content}</FileAttachment>");
            Reply::Together(Arc::clone(&together), file)
        }
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    soon(plugin.find_credentials(&session())).await.unwrap();
    let before = vault.calls().len();

    let package = soon(plugin.get_credential(&session(), "7")).await.unwrap();
    assert_eq!(
        package.proof,
        CredentialProof::UsernamePassword {
            password: CANARY.into()
        }
    );
    assert_eq!(vault.calls()[before..], ["GetSecret"]);

    let package = soon(plugin.get_credential(&session(), "7")).await.unwrap();
    let CredentialProof::SshKey {
        private_key,
        certificate,
        ..
    } = package.proof
    else {
        panic!("not a key")
    };
    assert_eq!(private_key.expose(), "-----BEGIN PRIVATE KEY-----\n");
    assert_eq!(certificate, Some("ssh-ed25519 AAAA".into()));
    assert_eq!(vault.count("DownloadFileAttachmentByItemId"), 2);

    soon(plugin.release_credential(&session(), "7", 0))
        .await
        .unwrap();
    assert_eq!(vault.calls().last().unwrap(), "CheckIn");
    assert_eq!(
        vault.count("Authenticate") + vault.count("ImpersonateUser"),
        2
    );
}

#[tokio::test]
async fn a_token_is_replaced_once_for_a_request_however_many_calls_it_makes() {
    let vault = Vault::start(|call| {
        let token = call.parameter("token");
        match call.operation.as_str() {
            "GetSecret" if token.starts_with("user-0") => refused("expired token"),
            "GetSecret" => ok(&secret(&[
                item(1, "Username", "root", "IsNotes"),
                item(2, "Private Key", "id", "IsFile"),
            ])),
            "DownloadFileAttachmentByItemId" => refused("expired token"),
            "GetTokenIsValid" => refused("no"),
            _ => well(call),
        }
    })
    .await;
    let error = soon(vault.plugin().get_credential(&session(), "7"))
        .await
        .unwrap_err();
    assert_eq!(symptom(&error), Symptom::TokenRefusedTwice);
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (1, 2)
    );
}

fn hurdle(call: &Call, code: &str, additional: &str) -> Reply {
    if call.body.contains("<CodeResponse>") {
        return ok(&password_secret());
    }
    Reply::Result(format!(
        "<Errors><string>The requested Secret requires a comment when viewed.</string></Errors>\
         <SecretError><ErrorCode>{code}</ErrorCode><ErrorMessage>m</ErrorMessage>\
         <AllowsResponse>true</AllowsResponse>\
         <AdditionalCommentTitle>{additional}</AdditionalCommentTitle></SecretError>"
    ))
}

#[tokio::test]
async fn a_required_comment_is_given_by_policy() {
    let get = async |code: &'static str, additional: &'static str, comment: &str| {
        let vault = Vault::start(move |call| match call.operation.as_str() {
            "GetSecret" => hurdle(call, code, additional),
            _ => well(call),
        })
        .await;
        let mut settings = vault.settings();
        settings.comment = comment.into();
        let answer = soon(plugin(settings).get_credential(&session(), "7")).await;
        (
            answer.map_err(|error| symptom(&error)).err(),
            vault.count("GetSecret"),
        )
    };
    assert_eq!(get("COMMENT", "", "because").await, (None, 2));
    assert_eq!(
        get("COMMENT", "", "").await,
        (Some(Symptom::SecretNeedsComment), 1)
    );
    assert_eq!(
        get("COMMENT", "Ticket", "x").await,
        (Some(Symptom::SecretNeedsComment), 1)
    );
    assert_eq!(
        get("DOUBLELOCK", "", "x").await,
        (Some(Symptom::SecretNeedsComment), 1)
    );
}

#[tokio::test]
async fn what_getsecret_refuses_is_told_apart() {
    for (words, expected) in [
        ("Access Denied", Symptom::SecretAccessDenied),
        ("No secret exists", Symptom::SecretNotFound),
        (
            "The requested Secret is DoubleLocked",
            Symptom::SecretDoubleLocked,
        ),
        (
            "The requested Secret requires requesting approval.",
            Symptom::SecretNeedsApproval,
        ),
        (
            "The requested Secret is currently checked out to Sue.",
            Symptom::SecretCheckedOut,
        ),
    ] {
        let vault = Vault::start(move |call| match call.operation.as_str() {
            "GetSecret" => refused(words),
            _ => well(call),
        })
        .await;
        let error = soon(vault.plugin().get_credential(&session(), "7"))
            .await
            .unwrap_err();
        assert_eq!(symptom(&error), expected, "{words}");
    }
    let vault = Vault::start(well).await;
    let error = soon(vault.plugin().get_credential(&session(), "seven"))
        .await
        .unwrap_err();
    assert_eq!(
        (symptom(&error), vault.calls().len()),
        (Symptom::SecretNotFound, 0)
    );
}

#[tokio::test]
async fn a_repeated_check_in_is_a_success() {
    for words in [
        "The secret is not checked out.",
        "It is currently checked out to Sue.",
    ] {
        let vault = Vault::start(move |call| match call.operation.as_str() {
            "CheckIn" => refused(words),
            _ => well(call),
        })
        .await;
        soon(vault.plugin().release_credential(&session(), "7", 0))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_secret_that_somebody_else_has_is_waited_for_as_long_as_the_settings_allow() {
    let get = async |wait_s: u64, refusals: usize| {
        let vault = Vault::start(move |call| match call.operation.as_str() {
            "GetSecret" if call.nth < refusals => {
                refused("The requested Secret is currently checked out to Sue.")
            }
            _ => well(call),
        })
        .await;
        let mut settings = vault.settings();
        settings.checked_out_wait_s = wait_s;
        let answer = soon(plugin(settings).get_credential(&session(), "7")).await;
        (answer.err(), vault.count("GetSecret"))
    };
    let (error, asked) = get(0, 1).await;
    assert_eq!(
        (symptom(&error.unwrap()), asked),
        (Symptom::SecretCheckedOut, 1)
    );
    assert_eq!(get(10, 2).await, (None, 3));
    let (error, asked) = get(1, usize::MAX).await;
    let error = error.unwrap();
    assert_eq!(symptom(&error), Symptom::SecretCheckedOut);
    assert!(error.message.ends_with("still after 1 s"), "{error}");
    assert!(
        error
            .vault_said
            .as_deref()
            .is_some_and(|said| said.ends_with("Sue."))
    );
    assert!((2..=3).contains(&asked), "{asked}");
}

#[tokio::test]
async fn the_extension_of_a_file_tells_a_key_store() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        "GetSecret" => ok(&secret(&[
            item(1, "Username", "root", "IsNotes"),
            item(2, "Certificate", "", "IsFile"),
        ])),
        "DownloadFileAttachmentByItemId" => ok(
            "<FileAttachment>AAECAw==</FileAttachment><FileName>web01.cnry-9f3c1d.PFX</FileName>",
        ),
        _ => well(call),
    })
    .await;
    let error = soon(vault.plugin().get_credential(&session(), "7"))
        .await
        .unwrap_err();
    assert_eq!(symptom(&error), Symptom::AttachmentUnsupported);
    assert!(
        error.message.ends_with("\"Certificate\" (PKCS #12)"),
        "{error}"
    );
}
