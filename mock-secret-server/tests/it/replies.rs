//! How results are written: soap:§1.6 and the samples of soap:§2.3.

use crate::rig::{PATH, Rig, SOAP11};

fn result(rig: &Rig, operation: &str, parameters: &str) -> String {
    let response = rig.call(operation, parameters);
    assert_eq!(response.status, 200, "{response:?}");
    response
        .element(&format!("{operation}Result"))
        .unwrap_or_else(|| panic!("{response:?}"))
        .to_owned()
}

#[test]
fn a_reply_has_the_platform_s_headers_and_stands_on_one_line() {
    let rig = Rig::start();
    let response = rig.call("VersionGet", "");
    for (name, value) in [
        ("Content-Type", "text/xml; charset=utf-8"),
        ("Cache-Control", "private, max-age=0"),
        ("Server", "Microsoft-IIS/10.0"),
        ("X-AspNet-Version", "4.0.30319"),
        ("X-Powered-By", "ASP.NET"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    assert!(!response.body.contains('\n'));
    let fault = rig.call("Nope", "");
    assert_eq!(fault.header("Cache-Control"), Some("private"));
}

#[test]
fn the_samples_are_written_byte_by_byte() {
    let rig = Rig::start();
    let token = rig.alice();
    let found = rig.call(
        "SearchSecretsByFieldValue",
        &format!(
            "<token>{token}</token><fieldName>Machine</fieldName><searchTerm>SRV01</searchTerm>"
        ),
    );
    let template = found.element("SecretTypeId").unwrap().to_owned();
    let folder = found.element("FolderId").unwrap().to_owned();
    assert_eq!(
        found.body,
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{SOAP11}\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body>\
             <SearchSecretsByFieldValueResponse xmlns=\"urn:thesecretserver.com\">\
             <SearchSecretsByFieldValueResult><Errors /><SecretSummaries><SecretSummary>\
             <SecretId>7</SecretId><SecretName>srv01\\admin</SecretName><SecretTypeName>Windows \
             Account</SecretTypeName><SecretTypeId>{template}</SecretTypeId><FolderId>{folder}\
             </FolderId><IsRestricted>false</IsRestricted></SecretSummary></SecretSummaries>\
             </SearchSecretsByFieldValueResult></SearchSecretsByFieldValueResponse></soap:Body>\
             </soap:Envelope>"
        )
    );
    let secret = result(
        &rig,
        "GetSecret",
        &format!(
            "<token>{token}</token><secretId>7</secretId>\
             <loadSettingsAndPermissions xsi:nil=\"true\" />"
        ),
    );
    assert!(
        secret.starts_with("<Errors /><Secret><Name>srv01\\admin</Name><Items><SecretItem><Value>")
    );
    assert!(
        secret.ends_with(
            "<IsWebLauncher>false</IsWebLauncher><CheckOutMinutesRemaining xsi:nil=\"true\" />\
             <IsCheckedOut xsi:nil=\"true\" /><CheckOutUserDisplayName /><CheckOutUserId \
             xsi:nil=\"true\" /><IsOutOfSync xsi:nil=\"true\" /><IsRestricted>false</IsRestricted>\
             <OutOfSyncReason /><Active>true</Active></Secret>"
        ),
        "{secret}"
    );
    assert!(
        secret.contains("<Value>p&amp;w&lt;\"'&gt;é</Value>"),
        "{secret}"
    );
    assert!(secret.contains("<Value /><Id>"), "an empty field: {secret}");
}

#[test]
fn a_refusal_is_a_200_with_its_text_where_the_type_has_a_place_for_it() {
    let rig = Rig::start();
    let dead = "<Errors><string>Authentication failed or expired token.</string></Errors>";
    for (operation, parameters, expected) in [
        (
            "Authenticate",
            "<username>alice</username>",
            "<Errors><string>Login failed.</string></Errors>".to_owned(),
        ),
        (
            "GetTokenIsValid",
            "",
            format!("{dead}<MaxOfflineSeconds>0</MaxOfflineSeconds>"),
        ),
        (
            "WhoAmI",
            "",
            format!("{dead}<UserId>0</UserId><DomainId>0</DomainId>"),
        ),
        ("SearchSecrets", "", dead.to_owned()),
        ("GetSecret", "", dead.to_owned()),
        (
            "GetCheckOutStatus",
            "",
            format!(
                "{dead}<CheckOutMinutesRemaining>0</CheckOutMinutesRemaining><IsCheckedOut>false\
                 </IsCheckedOut><CheckOutUserId>0</CheckOutUserId>"
            ),
        ),
        (
            "GetTicketSystems",
            "",
            format!("{dead}<Success>false</Success>"),
        ),
        ("FolderGet", "", format!("{dead}<Success>false</Success>")),
        ("GeneratePassword", "", dead.to_owned()),
        ("CheckIn", "", dead.to_owned()),
    ] {
        assert_eq!(result(&rig, operation, parameters), expected, "{operation}");
    }
    let unknown = result(
        &rig,
        "ApproveSecretAccessRequest",
        "<approvalId>x</approvalId>",
    );
    assert!(unknown.starts_with("<ErrorMessage>"), "{unknown}");
    assert!(!unknown.contains("Errors"), "{unknown}");
}

#[test]
fn an_operation_without_anything_behind_it_says_so_and_differs_from_an_unknown_one() {
    let rig = Rig::start();
    let mocked_not = rig.call(
        "GetReport",
        "<reportRequest><reportId>1</reportId></reportRequest>",
    );
    assert_eq!(mocked_not.status, 500);
    assert!(
        mocked_not
            .body
            .contains("<faultcode>soap:Server</faultcode>")
    );
    assert_eq!(
        mocked_not.element("faultstring"),
        Some("Server was unable to process request. ---&gt; GetReport is known but not mocked.")
    );
    assert!(rig.call("GetAgents", "").body.contains("did not recognize"));
}

#[test]
fn impersonation_tells_its_state() {
    let rig = Rig::start();
    let api = rig.token("api", "api&w".replace("&w", "&pw").as_str());
    let approved = result(
        &rig,
        "ImpersonateUser",
        &format!("<token>{api}</token><username>alice</username>"),
    );
    assert!(approved.starts_with("<Errors /><Token>v2"), "{approved}");
    assert!(!approved.contains("AuthorizeURL"));
    rig.server
        .operate(mock_secret_server::state::Operate::RevokeImpersonation {
            caller: "api".into(),
            user: "alice".into(),
        })
        .unwrap();
    let pending = result(
        &rig,
        "ImpersonateUser",
        &format!("<token>{api}</token><username>alice</username>"),
    );
    let (errors, url) = pending.split_once("<AuthorizeURL>").unwrap();
    assert!(errors.contains("pending approval"), "{pending}");
    assert!(
        url.starts_with("http://vault.example/SecretServer/ManageApplications.aspx?requestId="),
        "{pending}"
    );
    let journal = rig.server.journal();
    assert_eq!(journal.calls_of("ImpersonateUser").by("api").count(), 2);
    assert_eq!(journal.calls_of("ImpersonateUser").refused().count(), 1);
    let told = format!("{:?}", journal.entries());
    assert!(
        told.contains("trust-pending") && told.contains("alice"),
        "{told}"
    );
    assert!(
        !told.contains(&api) && !told.contains("api&pw"),
        "a secret is in the journal"
    );
}

#[test]
fn a_file_comes_as_base64_and_a_check_in_as_an_empty_success() {
    let rig = Rig::with(|builder| {
        let contents = crate::rig::contents().with_secret(
            mock_secret_server::state::NewSecret::new("key", "Unix Account (SSH Key Rotation)")
                .id(9)
                .in_folder("Servers")
                .file("Private Key", "id_ed25519", b"-----BEGIN\r\n\0\xff"),
        );
        builder.contents(contents)
    });
    let token = rig.alice();
    let secret = rig.call(
        "GetSecretLegacy",
        &format!("<token>{token}</token><secretId>9</secretId>"),
    );
    let items: Vec<_> = secret.body.split("<SecretItem>").collect();
    let item = items
        .iter()
        .find(|item| item.contains(">Private Key</FieldName>"))
        .unwrap();
    assert!(item.contains("<IsFile>true</IsFile>"));
    let id = item
        .split_once("<Id>")
        .unwrap()
        .1
        .split_once('<')
        .unwrap()
        .0;
    let file = result(
        &rig,
        "DownloadFileAttachmentByItemId",
        &format!("<token>{token}</token><secretId>9</secretId><secretItemId>{id}</secretItemId>"),
    );
    assert_eq!(
        file,
        "<Errors /><FileAttachment>LS0tLS1CRUdJTg0KAP8=</FileAttachment><FileName>id_ed25519\
         </FileName>"
    );
    let check_in = result(
        &rig,
        "CheckIn",
        &format!("<token>{token}</token><secretId>7</secretId>"),
    );
    assert_eq!(check_in, "<Errors />");
}

#[test]
fn the_wrong_layout_is_a_404_page() {
    let rig = Rig::start();
    for path in [
        "/webservices/SSWebservice.asmx",
        "/SecretServer/webservices/SSWebservic.asmx",
        "/",
    ] {
        let response = rig.send("POST", path, &["Content-Type: text/xml"], b"<x/>");
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(
            response.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        assert!(response.body.contains("The resource cannot be found."));
    }
    assert_eq!(
        rig.server.endpoint_url(),
        format!("{}{PATH}", rig.server.url())
    );
}
