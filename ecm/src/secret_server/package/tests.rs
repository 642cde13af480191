//! Fields and attachments of made-up secrets, and what they become.
#![allow(clippy::unwrap_used)]

use super::*;

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n";

fn item(name: &str, value: &str, is_password: bool) -> SecretItem {
    SecretItem {
        id: 1,
        field_name: name.into(),
        display_name: String::new(),
        is_file: false,
        is_password,
        value: value.into(),
    }
}

fn secret(items: Vec<SecretItem>) -> SecretRecord {
    SecretRecord {
        id: 7,
        name: "srv01\\admin".into(),
        items,
    }
}

fn file(field: &str, content: &[u8]) -> Attachment {
    Attachment {
        field: field.into(),
        display_name: String::new(),
        extension: String::new(),
        content: Wiped::new(content.to_vec()),
    }
}

fn refused(secret: &SecretRecord, files: &[Attachment]) -> Option<Symptom> {
    package(secret, files, "Domain")
        .err()
        .and_then(|error| error.symptom)
}

#[test]
fn a_password_secret_becomes_a_user_name_and_password() {
    let secret = secret(vec![
        item("domain", "ACME", false),
        item("USERNAME", " admin ", false),
        item("Pin", "pw", true),
    ]);
    let package = package(&secret, &[], "Domain").unwrap();
    assert_eq!(
        (package.username.as_str(), package.domain.as_deref()),
        ("admin", Some("ACME"))
    );
    assert_eq!(
        package.proof,
        CredentialProof::UsernamePassword {
            password: "pw".into()
        }
    );
}

#[test]
fn a_key_secret_becomes_an_ssh_key_with_all_that_goes_with_it() {
    let secret = secret(vec![
        item("Username", "root", false),
        item("Private Key Passphrase", "open", true),
        item("Password", "", true),
    ]);
    let files = [
        file("Public Key", b"ssh-ed25519 AAAA root"),
        file("Private-Key", KEY.as_bytes()),
    ];
    let CredentialProof::SshKey {
        private_key,
        passphrase,
        certificate,
        password,
    } = package(&secret, &files, "Domain").unwrap().proof
    else {
        panic!("not a key")
    };
    assert_eq!(private_key.expose(), KEY);
    assert_eq!(passphrase, Some("open".into()));
    assert_eq!(certificate, Some("ssh-ed25519 AAAA root".into()));
    assert_eq!(password, None);
}

#[test]
fn a_key_in_a_text_field_is_a_key() {
    let secret = secret(vec![
        item("Username", "root", false),
        item("Notes", KEY, false),
    ]);
    let proof = package(&secret, &[], "Domain").unwrap().proof;
    assert_eq!(proof.kind_name(), "ssh_key");
}

#[test]
fn other_files_do_not_disturb() {
    let secret = secret(vec![
        item("Username", "u", false),
        item("Password", "p", true),
    ]);
    let files = [file("Logo", b"\x89PNG\xff"), file("Readme", b"hello")];
    assert_eq!(
        package(&secret, &files, "Domain")
            .unwrap()
            .proof
            .kind_name(),
        "username_password"
    );
}

#[test]
fn what_cannot_be_injected_is_refused_by_name() {
    let no_user = secret(vec![item("Password", "p", true)]);
    assert_eq!(refused(&no_user, &[]), Some(Symptom::SecretIncomplete));
    let hidden = secret(vec![
        item("Username", "u", false),
        item("Password", "", true),
    ]);
    assert_eq!(refused(&hidden, &[]), Some(Symptom::PasswordHidden));
    let binary = [file("Private Key", b"\xff\xfe")];
    assert_eq!(
        refused(&hidden, &binary),
        Some(Symptom::AttachmentUnreadable)
    );
}

const CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com AAAAcert root\n";
const PUBLIC: &str = "ssh-ed25519 AAAA root\n";
const PEM_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn key_proof(secret: &SecretRecord, files: &[Attachment]) -> (String, [Option<String>; 2]) {
    let CredentialProof::SshKey {
        private_key,
        passphrase,
        certificate,
        ..
    } = package(secret, files, "Domain").unwrap().proof
    else {
        panic!("not a key")
    };
    let text = |part: Option<Secret>| part.map(|part| part.expose().to_owned());
    (
        private_key.expose().to_owned(),
        [text(passphrase), text(certificate)],
    )
}

#[test]
fn each_file_of_a_key_template_becomes_its_own_part_whatever_the_order() {
    let root = secret(vec![item("Username", "root", false)]);
    let all = || {
        vec![
            file("Public Key", PUBLIC.as_bytes()),
            file("Private Key Passphrase", b"open\r\n"),
            file("Certificate", CERTIFICATE.as_bytes()),
            file("Private Key", KEY.as_bytes()),
        ]
    };
    let expected = (
        KEY.to_owned(),
        [Some("open".to_owned()), Some(CERTIFICATE.to_owned())],
    );
    assert_eq!(key_proof(&root, &all()), expected);
    let reversed: Vec<_> = all().into_iter().rev().collect();
    assert_eq!(key_proof(&root, &reversed), expected);

    let x509 = [
        file("Public Key", PUBLIC.as_bytes()),
        file("Certificate", PEM_CERTIFICATE.as_bytes()),
        file("Private Key", KEY.as_bytes()),
    ];
    assert_eq!(
        key_proof(&root, &x509).1[1].as_deref(),
        Some(PEM_CERTIFICATE)
    );
}

#[test]
fn a_passphrase_field_comes_before_a_passphrase_file() {
    let fields = secret(vec![
        item("Username", "root", false),
        item("Passphrase", "typed", true),
    ]);
    let files = [
        file("Private Key", KEY.as_bytes()),
        file("Passphrase", b"filed"),
    ];
    assert_eq!(key_proof(&fields, &files).1[0].as_deref(), Some("typed"));
}

#[test]
fn what_openssl_writes_before_a_key_is_taken_off() {
    let root = secret(vec![item("Username", "root", false)]);
    let bags = format!(
        "Bag Attributes\n    friendlyName: root\n{PEM_CERTIFICATE}Bag Attributes\n    \
         localKeyID: 01\nKey Attributes: <No Attributes>\n{KEY}"
    );
    for field in ["SSH Key", "Private Key"] {
        let (key, [_, certificate]) = key_proof(&root, &[file(field, bags.as_bytes())]);
        assert_eq!(key, KEY, "{field}");
        assert_eq!(certificate.as_deref(), Some(PEM_CERTIFICATE), "{field}");
    }
    let (key, _) = key_proof(
        &root,
        &[file("SSH Key", format!("\u{feff}{KEY}").as_bytes())],
    );
    assert_eq!(key, KEY);
}

#[test]
fn a_key_by_its_content_comes_before_one_by_its_field_alone() {
    let root = secret(vec![item("Username", "root", false)]);
    let files = [
        file("Private Key", b"see the other one"),
        file("Key", KEY.as_bytes()),
    ];
    assert_eq!(key_proof(&root, &files).0, KEY);
}

#[test]
fn a_key_store_is_said_to_be_of_an_unsupported_kind() {
    let pfx = |field: &str| Attachment {
        extension: "pfx".into(),
        ..file(field, b"\x30\x82\x01\x00\xff")
    };
    let bare = secret(vec![item("Username", "root", false)]);
    let empty = secret(vec![
        item("Username", "root", false),
        item("Password", "", true),
    ]);
    for (secret, files) in [
        (&bare, [pfx("Certificate")]),
        (&bare, [pfx("Private Key")]),
        (&empty, [pfx("Certificate")]),
        (&bare, [file("Certificate", b"\x30\x82\x01\x00\xff")]),
        (&bare, [file("Key", b"\xfe\xed\xfe\xed\x00")]),
        (&bare, [file("Readme", b"hello")]),
    ] {
        assert_eq!(
            refused(secret, &files),
            Some(Symptom::AttachmentUnsupported)
        );
    }
    let error = package(&bare, &[pfx("Certificate")], "Domain").unwrap_err();
    assert!(
        error.message.ends_with("\"Certificate\" (PKCS #12)"),
        "{error}"
    );
    // A password that was hidden stays the reason where the file is no key.
    assert_eq!(
        refused(&empty, &[file("Readme", b"hello")]),
        Some(Symptom::PasswordHidden)
    );
}
