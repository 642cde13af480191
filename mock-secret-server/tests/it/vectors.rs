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

/// What has been held against the simulator so far.
#[derive(Default)]
struct Held {
    read: BTreeSet<String>,
    emitted: BTreeSet<String>,
}

impl Held {
    /// Sends the request of a vector with this token and wants its response.
    fn exchange(&mut self, rig: &Rig, name: &str, token: Option<&str>) -> Response {
        let got = self.request(rig, name, token);
        self.response(name, &got);
        got
    }

    fn request(&mut self, rig: &Rig, name: &str, token: Option<&str>) -> Response {
        let name = format!("{name}.request");
        let got = send_vector(rig, &name, token);
        self.read.insert(name);
        got
    }

    fn response(&mut self, name: &str, got: &Response) {
        let name = format!("{name}.response");
        is_emitted(&name, got);
        self.emitted.insert(name);
    }

    /// Log-on and impersonation; gives the token in the user's context.
    fn accounts(&mut self, rig: &Rig) -> String {
        self.exchange(rig, "VersionGet/plain", None);
        let local = "Authenticate/local-account";
        let service = token(&self.exchange(rig, local, None));
        let wrong = vector(&format!("{local}.request")).replace("p&amp;w", "wrong");
        self.response(
            "Authenticate/login-failed",
            &send(rig, "Authenticate", &wrong),
        );
        let user = self.exchange(rig, "ImpersonateUser/domain-user", Some(&service));
        let user = token(&user);
        self.exchange(rig, "GetTokenIsValid/valid", Some(&user));
        user
    }

    fn searches(&mut self, rig: &Rig, user: &str) {
        let name = "SearchSecretsByFieldValue/machine";
        self.exchange(rig, name, Some(user));
        let operation = "SearchSecretsByFieldValue";
        let search = vector(&format!("{name}.request"));
        let nothing = search
            .replace("srv01", "srv99")
            .replace("v2Us3r:11ee", user);
        self.response(
            "SearchSecretsByFieldValue/nothing-found",
            &send(rig, operation, &nothing),
        );
        self.response(
            "SearchSecretsByFieldValue/dead-token",
            &send(rig, operation, &search),
        );
        self.response("Fault/unknown-action", &send(rig, "Nope", &search));
    }

    fn secrets(&mut self, rig: &Rig, user: &str) {
        self.exchange(rig, "GetSecret/first-call", Some(user));
        self.exchange(rig, "CheckIn/held", Some(user));
        self.response("GetSecret/access-denied", &get_secret(rig, user, 11));
        self.response("GetSecret/comment-required", &get_secret(rig, user, 10));
        self.response("GetSecret/ssh-key", &get_secret(rig, user, 9));
        let name = "GetSecret/with-comment.request";
        let commented = vector(name)
            .replace(">7<", ">10<")
            .replace(">T<", &format!(">{user}<"));
        let got = send(rig, "GetSecret", &commented);
        assert!(got.body.contains("<Errors /><Secret>"), "{got:?}");
        self.read.insert(name.into());

        let sue = log_on(rig, "sue", "");
        let take = format!("<token>{sue}</token><secretId>8</secretId>");
        let _ = rig.call("GetSecretLegacy", &take);
        self.response("GetSecret/checked-out", &get_secret(rig, user, 8));
    }

    fn files(&mut self, rig: &Rig, user: &str) {
        let secret = get_secret(rig, user, 9).body;
        let name = "DownloadFileAttachmentByItemId/private-key";
        for (field, answer) in [
            ("Private Key", name),
            ("Public Key", "DownloadFileAttachmentByItemId/empty-field"),
        ] {
            let label = format!(">{field}</FieldName>");
            let item = secret
                .split("<SecretItem>")
                .find(|item| item.contains(&label));
            let id = wanted_element(item.unwrap(), "Id").unwrap();
            let body = vector(&format!("{name}.request")).replace(">T<", &format!(">{user}<"));
            let body = body.replace(">13<", &format!(">{id}<"));
            self.response(answer, &send(rig, "DownloadFileAttachmentByItemId", &body));
        }
        self.read.insert(format!("{name}.request"));
    }

    /// What other editions and settings answer.
    fn other_settings(&mut self) {
        for (errors_empty, case) in [(false, "pending"), (true, "pending-without-errors")] {
            let rig = rig_with(|contents| {
                contents.trusts.clear();
                contents.settings.trust_pending_errors_empty = errors_empty;
            });
            let service = token(&self.request(&rig, "Authenticate/local-account", None));
            let got = self.request(&rig, "ImpersonateUser/domain-user", Some(&service));
            self.response(&format!("ImpersonateUser/{case}"), &got);
        }
        let online = rig_with(|contents| contents.settings.organization = "acme".into());
        let got = self.request(&online, "Authenticate/domain-account", None);
        self.response("Authenticate/local-account", &got);
    }
}

fn token(response: &Response) -> String {
    response.element("Token").unwrap().to_owned()
}

/// The first call of GetSecret for another secret.
fn get_secret(rig: &Rig, user: &str, id: i32) -> Response {
    let body = vector("GetSecret/first-call.request").replace(">T<", &format!(">{user}<"));
    send(rig, "GetSecret", &body.replace(">7<", &format!(">{id}<")))
}

#[test]
fn every_request_is_read_and_every_response_emitted() {
    let rig = rig_with(|_| {});
    let mut held = Held::default();
    let user = held.accounts(&rig);
    held.searches(&rig, &user);
    held.secrets(&rig, &user);
    held.files(&rig, &user);
    held.other_settings();
    assert_eq!(held.read, names("request"), "a request was not tried");
    assert_eq!(held.emitted, names("response"), "a response was not tried");
}
