//! The vectors of Secret Server (`features/vectors/secret-server`): this simulator reads every
//! request and emits every response. Tokens, ids that an installation numbers itself, and the
//! address of the page for approvals stand for whatever they are; everything else is byte by byte.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::rig::{PATH, Response, Rig};
use mock_secret_server::state::{
    CheckOutRule, Contents, FieldKind, Level, NewField, NewFolder, NewSecret, NewTemplate, NewUser,
    RolePermission, Trust,
};

/// Elements whose value is an installation's own.
const OWN: [&str; 6] = [
    "Token",
    "AuthorizeURL",
    "Id",
    "FieldId",
    "SecretTypeId",
    "FolderId",
];
const KEY: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----\nbm90LWEta2V5\n-----END OPENSSH PRIVATE \
                     KEY-----\n";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../features/vectors/secret-server")
}

fn vector(name: &str) -> String {
    let path = directory().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Operation and case of every file with this extension.
fn names(extension: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for operation in std::fs::read_dir(directory()).unwrap() {
        let operation = operation.unwrap().path();
        for file in std::fs::read_dir(&operation).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|found| found == extension) {
                let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
                names.insert(format!("{}/{}", name(&operation), name(&file)));
            }
        }
    }
    names
}

fn contents() -> Contents {
    let mut service = NewUser::local("svc-ecm")
        .password("p&w<1>")
        .role("Impersonator");
    service.application_account = true;
    let mut contents = Contents::default()
        .with_domain("acme.example", "ACME")
        .with_role("Impersonator", &[RolePermission::WebServicesImpersonate])
        .with_user(service)
        .with_user(NewUser::of_domain("svc-ecm", "acme.example").password("secret"))
        .with_user(NewUser::of_domain("joe.user", "acme.example").password("pw"))
        .with_user(
            NewUser::local("sue")
                .password("pw")
                .display_name("Sue Admin"),
        )
        .with_folder(
            NewFolder::new("Servers")
                .grant("acme.example\\joe.user", Level::View)
                .grant("sue", Level::View),
        )
        .with_secret(
            NewSecret::new("srv01\\admin", "Windows Account")
                .id(7)
                .in_folder("Servers")
                .item("Machine", "srv01")
                .item("Username", "admin")
                .password("Password", "p&w"),
        )
        .with_secret(
            NewSecret::new("held", "Windows Account")
                .id(8)
                .in_folder("Servers")
                .check_out(CheckOutRule::default()),
        )
        .with_secret(
            NewSecret::new("db01 root", "SSH Key")
                .id(9)
                .in_folder("Servers")
                .item("Machine", "db01")
                .item("Username", "root")
                .file("Private Key", "id_ed25519", KEY)
                .password("Private Key Passphrase", "open sesame"),
        )
        .with_secret(
            NewSecret::new("commented", "Windows Account")
                .id(10)
                .in_folder("Servers")
                .comment(),
        )
        .with_secret(
            NewSecret::new("private", "Windows Account")
                .id(11)
                .grant("sue", Level::View),
        )
        .with_trust("svc-ecm", "acme.example\\joe.user", Trust::Approved);
    contents.templates.push(ssh_key_template());
    contents.settings.trust_pending_text = "The impersonation request is pending approval.".into();
    contents
}

/// The fields of the vector's template: it has no notes.
fn ssh_key_template() -> NewTemplate {
    let field = |(name, kind): (&str, FieldKind)| NewField {
        name: name.into(),
        display_name: None,
        kind,
        exposed: false,
    };
    let fields = [
        ("Machine", FieldKind::Text),
        ("Username", FieldKind::Text),
        ("Password", FieldKind::Password),
        ("Private Key", FieldKind::File),
        ("Private Key Passphrase", FieldKind::Password),
        ("Public Key", FieldKind::File),
    ];
    NewTemplate {
        id: Some(6900),
        name: "SSH Key".into(),
        fields: fields.map(field).into(),
    }
}

fn rig_with(change: impl FnOnce(&mut Contents)) -> Rig {
    let mut contents = contents();
    change(&mut contents);
    Rig::with(|builder| builder.contents(contents))
}

/// Sends a request as its headers are described beside the vectors.
fn send(rig: &Rig, operation: &str, body: &str) -> Response {
    let action = format!("SOAPAction: \"urn:thesecretserver.com/{operation}\"");
    let headers = ["Content-Type: text/xml; charset=utf-8", action.as_str()];
    rig.send("POST", PATH, &headers, body.as_bytes())
}

/// Sends the vector's request with this token in the place of the made-up one.
fn send_vector(rig: &Rig, name: &str, token: Option<&str>) -> Response {
    let mut body = vector(name);
    if let Some(token) = token {
        let (before, rest) = body.split_once("<token>").unwrap();
        let (_, after) = rest.split_once("</token>").unwrap();
        body = format!("{before}<token>{token}</token>{after}");
    }
    send(rig, name.split('/').next().unwrap(), &body)
}

/// The document with an asterisk for every value that is an installation's own.
fn blanked(document: &str) -> String {
    let mut document = document.to_owned();
    for name in OWN {
        let (start, end) = (format!("<{name}>"), format!("</{name}>"));
        let mut out = String::new();
        let mut rest = document.as_str();
        while let Some((before, inner)) = rest.split_once(&start) {
            let (_, after) = inner.split_once(&end).unwrap();
            out.push_str(&format!("{before}{start}*{end}"));
            rest = after;
        }
        document = out + rest;
    }
    document
}

fn is_emitted(name: &str, response: &Response) {
    assert_eq!(blanked(&response.body), blanked(&vector(name)), "{name}");
    let status = if name.starts_with("Fault/") { 500 } else { 200 };
    assert_eq!(response.status, status, "{name}");
    assert_eq!(
        response.header("Content-Type"),
        Some("text/xml; charset=utf-8"),
        "{name}"
    );
}

fn wanted_element<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

fn log_on(rig: &Rig, user: &str, domain: &str) -> String {
    let parameters =
        format!("<username>{user}</username><password>pw</password><domain>{domain}</domain>");
    rig.call("Authenticate", &parameters)
        .element("Token")
        .unwrap()
        .to_owned()
}

#[test]
fn every_request_is_read_and_every_response_emitted() {
    let rig = rig_with(|_| {});
    let mut read = BTreeSet::new();
    let mut emitted = BTreeSet::new();
    let mut known_gaps = BTreeSet::new();
    let mut check = |request: &str, response: &str, got: &Response| {
        if !request.is_empty() {
            read.insert(request.to_owned());
        }
        emitted.insert(response.to_owned());
        is_emitted(response, got);
    };
    let got = send_vector(&rig, "VersionGet/plain.request", None);
    check(
        "VersionGet/plain.request",
        "VersionGet/plain.response",
        &got,
    );
    let name = "Authenticate/local-account";
    let got = send_vector(&rig, &format!("{name}.request"), None);
    check(
        &format!("{name}.request"),
        &format!("{name}.response"),
        &got,
    );
    let service = got.element("Token").unwrap().to_owned();
    let wrong = vector(&format!("{name}.request")).replace("p&amp;w", "wrong");
    let got = send(&rig, "Authenticate", &wrong);
    check("", "Authenticate/login-failed.response", &got);

    let name = "ImpersonateUser/domain-user";
    let got = send_vector(&rig, &format!("{name}.request"), Some(&service));
    check(
        &format!("{name}.request"),
        &format!("{name}.response"),
        &got,
    );
    let joe = got.element("Token").unwrap().to_owned();

    for (name, answer) in [
        (
            "GetTokenIsValid/valid.request",
            "GetTokenIsValid/valid.response",
        ),
        (
            "SearchSecretsByFieldValue/machine.request",
            "SearchSecretsByFieldValue/machine.response",
        ),
        (
            "GetSecret/first-call.request",
            "GetSecret/first-call.response",
        ),
        ("CheckIn/held.request", "CheckIn/held.response"),
    ] {
        check(name, answer, &send_vector(&rig, name, Some(&joe)));
    }
    let search = vector("SearchSecretsByFieldValue/machine.request");
    let nothing = search
        .replace("srv01", "srv99")
        .replace("v2Us3r:11ee", &joe);
    let got = send(&rig, "SearchSecretsByFieldValue", &nothing);
    check("", "SearchSecretsByFieldValue/nothing-found.response", &got);
    let got = send(&rig, "SearchSecretsByFieldValue", &search);
    check("", "SearchSecretsByFieldValue/dead-token.response", &got);
    let got = send(&rig, "Nope", &search);
    check("", "Fault/unknown-action.response", &got);

    let secret = |id: i32| {
        let body = vector("GetSecret/first-call.request");
        let body = body.replace("<token>T<", &format!("<token>{joe}<"));
        send(&rig, "GetSecret", &body.replace(">7<", &format!(">{id}<")))
    };
    check("", "GetSecret/access-denied.response", &secret(11));
    check("", "GetSecret/comment-required.response", &secret(10));
    let ssh_key = secret(9);
    check("", "GetSecret/ssh-key.response", &ssh_key);
    let sue = log_on(&rig, "sue", "");
    let _ = rig.call(
        "GetSecretLegacy",
        &format!("<token>{sue}</token><secretId>8</secretId>"),
    );
    let held = secret(8);
    let wanted = vector("GetSecret/checked-out.response");
    // A known gap: the vector has the text alone, the vault adds a SecretError that cannot be
    // answered. Whether the product does is not public (soap:§3.5).
    assert_ne!(
        held.body, wanted,
        "the gap is closed: compare them like the others"
    );
    assert_eq!(held.element("Errors"), wanted_element(&wanted, "Errors"));
    known_gaps.insert("GetSecret/checked-out.response".to_owned());

    let item = |field: &str| {
        let items = ssh_key.body.split("<SecretItem>");
        let found = items
            .filter(|item| item.contains(&format!(">{field}</FieldName>")))
            .next();
        let (_, id) = found.unwrap().split_once("<Id>").unwrap();
        id.split_once('<').unwrap().0.to_owned()
    };
    let name = "DownloadFileAttachmentByItemId/private-key";
    for (field, answer) in [
        ("Private Key", format!("{name}.response")),
        (
            "Public Key",
            "DownloadFileAttachmentByItemId/empty-field.response".into(),
        ),
    ] {
        let body = vector(&format!("{name}.request")).replace(">T<", &format!(">{joe}<"));
        let body = body.replace(">13<", &format!(">{}<", item(field)));
        let got = send(&rig, "DownloadFileAttachmentByItemId", &body);
        check(&format!("{name}.request"), &answer, &got);
    }

    // What asks first, and what another edition or setting answers.
    for (errors_empty, case) in [(false, "pending"), (true, "pending-without-errors")] {
        let rig = rig_with(|contents| {
            contents.trusts.clear();
            contents.settings.trust_pending_errors_empty = errors_empty;
        });
        let got = send_vector(&rig, "Authenticate/local-account.request", None);
        let service = got.element("Token").unwrap().to_owned();
        let got = send_vector(&rig, "ImpersonateUser/domain-user.request", Some(&service));
        check("", &format!("ImpersonateUser/{case}.response"), &got);
    }
    let online = rig_with(|contents| contents.settings.organization = "acme".into());
    let got = send_vector(&online, "Authenticate/domain-account.request", None);
    check(
        "Authenticate/domain-account.request",
        "Authenticate/local-account.response",
        &got,
    );
    let commented = vector("GetSecret/with-comment.request").replace(">7<", ">10<");
    let got = send(
        &rig,
        "GetSecret",
        &commented.replace(">T<", &format!(">{joe}<")),
    );
    assert!(got.body.contains("<Errors /><Secret>"), "{got:?}");
    read.insert("GetSecret/with-comment.request".into());

    assert_eq!(read, names("request"), "a request was not tried");
    emitted.extend(known_gaps);
    assert_eq!(emitted, names("response"), "a response was not tried");
}
