//! `ecm check-config`: one fault hides no other, and each has its key and its line.

use crate::program::output;

/// Its exit code, standard output and standard error for a file of that text.
async fn checked(text: &str) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ecm.toml"), text).unwrap();
    let outcome = output(directory.path(), &["check-config"]).await;
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 1, "something was made");
    outcome
}

/// Checks that the faults of `text` begin as `expected` says, one a line and nothing else.
async fn faults(text: &str, expected: &[&str]) {
    let (code, said, complaint) = checked(text).await;
    assert_eq!((code, said.as_str()), (Some(2), ""), "{complaint}");
    let lines: Vec<_> = complaint.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{complaint}");
    for (line, expected) in lines.iter().zip(expected) {
        let begins = format!("ecm: ecm.toml:{expected}");
        assert!(line.starts_with(&begins), "{begins}\n{complaint}");
    }
}

const WRONG: &str = r#"[appliance]
site_url = "https://access.acme.example"
client_id = "ecm"
client_secret = "file:nope1"
ca_file = "nope.pem"
[vault.secret-server]
endpoint_url = "vault.example.com"
api_user = "svc"
api_password = "file:nope"
ca_file = "nope.pem"
"#;

#[tokio::test]
async fn secrets_addresses_and_authorities_are_all_told_at_once() {
    let secret = "cannot read nope";
    let authority = "failed to read the CA file nope.pem: No such file";
    faults(
        WRONG,
        &[
            &format!("4: `appliance.client_secret`: {secret}1: "),
            &format!("5: `appliance.ca_file`: {authority}"),
            "7: `vault.secret-server.endpoint_url`: Endpoint URL cannot be used: ",
            &format!("9: `vault.secret-server.api_password`: {secret}: "),
            &format!("10: `vault.secret-server.ca_file`: {authority}"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_fault_of_the_text_hides_neither_places_nor_settings() {
    let text = format!(
        "{}include_domain_credentials_for = \"{}\"\nshow_restrcted = true\n\
         [log]\nfile = \"ecm.toml/log\"\nrotations = 1000\n\
         [state]\ndir = \"ecm.toml/state\"\ntoken_cache_key = \"file:ecm.toml\"\n",
        WRONG.replace("api_user = \"svc\"", "api_user = 4"),
        "abcdefghijklmnopqrstuvwxyz"
            .chars()
            .map(|letter| format!("{letter},"))
            .collect::<String>(),
    );
    faults(
        &text,
        &[
            "4: `appliance.client_secret`: ",
            "5: `appliance.ca_file`: ",
            "7: `vault.secret-server.endpoint_url`: ",
            "8: `vault.secret-server.api_user`: must be a string in quotes",
            "9: `vault.secret-server.api_password`: ",
            "10: `vault.secret-server.ca_file`: ",
            "11: `vault.secret-server.include_domain_credentials_for`: Include domain",
            "12: `vault.secret-server.show_restrcted`: unknown key; did you mean",
            "14: `log.file`: ",
            "15: `log.rotations`: must be a whole number",
            "17: `state.dir`: ",
            "18: `state.token_cache_key`: ",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_other_plug_in_and_its_bundled_form_are_checked_as_a_whole_too() {
    faults(
        "[appliance]\nsite_url = \"access\"\nclient_id = \"\"\nclient_secret = \"env:NOPE\"\n\
         [vault.password-safe]\nendpoint_url = \"https://vault.acme.example/\"\n\
         api_registration_key = \"env:NOPE\"\nreason = \"because\"\n",
        &[
            "2: `appliance.site_url`: ",
            "3: `appliance.client_id`: ",
            "4: `appliance.client_secret`: environment variable NOPE",
            "6: `vault.password-safe.endpoint_url`: Endpoint URL cannot be used: it must end in",
            "7: `vault.password-safe.api_registration_key`: environment variable NOPE",
            "8: `vault.password-safe.reason`: Reason of a release request cannot be used: ",
        ],
    )
    .await;
    faults(
        "[appliance]\nca_file = \"nope.pem\"\n\
         [vault.password-safe-bundled]\nhost = \"http://access\"\nclient_id = \"a\"\n\
         api_key = \"env:NOPE\"\napi_registration_key = \"env:API_PASSWORD\"\n\
         endpoint_url = \"ftp://vault\"\n",
        &[
            "2: `appliance.ca_file`: ",
            "4: `vault.password-safe-bundled.host`: Host cannot be used: ",
            "6: `vault.password-safe-bundled.api_key`: environment variable NOPE",
            "8: `vault.password-safe-bundled.endpoint_url`: Endpoint URL cannot be used: ",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_work_is_warned_of_and_refused_by_nobody() {
    let text = "[appliance]\nsite_url = \"https://access.acme.example\"\nclient_id = \"a\"\n\
                client_secret = \"env:CLIENT_SECRET\"\n[vault.secret-server]\n\
                endpoint_url = \"https://a.secretservercloud.com/SecretServer/x.asmx?token=hunter2\"\n\
                api_user = \"svc\"\napi_password = \"env:API_PASSWORD\"\n\
                include_domain_credentials_for = [\"a\", \"b,c\"]\n\
                domain_field = \"\"\nmachine_field = \" \"\n\
                default_domain_for_local_users = 'ACME\\joe'\n\
                include_default_organization = true\n";
    let (code, said, complaint) = checked(text).await;
    assert_eq!(code, Some(0), "{complaint}");
    assert!(
        said.starts_with("ecm.toml: nothing wrong, 7 warnings\n"),
        "{said}"
    );
    assert!(
        said.contains("x.asmx") && !said.contains("hunter2"),
        "{said}"
    );
    let expected = [
        "6: `vault.secret-server.endpoint_url`: a tenant of Secret Server Cloud",
        "6: `vault.secret-server.endpoint_url`: does not end in /webservices",
        "9: `vault.secret-server.include_domain_credentials_for`: a member with a comma",
        "10: `vault.secret-server.domain_field`: empty, so its default counts",
        "11: `vault.secret-server.machine_field`: empty, so its default counts",
        "12: `vault.secret-server.default_domain_for_local_users`: holds a backslash",
        "13: `vault.secret-server.include_default_organization`: has no effect without",
    ];
    for (line, expected) in complaint.lines().zip(expected) {
        let begins = format!("ecm: warning: ecm.toml:{expected}");
        assert!(line.starts_with(&begins), "{begins}\n{complaint}");
    }
    assert_eq!(complaint.lines().count(), expected.len(), "{complaint}");
}

#[tokio::test]
async fn the_broken_entry_of_a_ca_file_is_named() {
    let text = WRONG.replace("nope.pem", "ca.pem");
    let whole = std::fs::read_to_string(crate::tls::authority("lab").file).unwrap();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_base64 = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    for (broken, words) in [
        (no_certificate, "its certificate 3 is broken: "),
        (no_base64, ", after 2 whole certificates"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ecm.toml"), &text).unwrap();
        let pem = format!("{whole}{whole}{broken}{whole}");
        std::fs::write(directory.path().join("ca.pem"), pem).unwrap();
        let (_, _, complaint) = output(directory.path(), &["check-config"]).await;
        for key in [
            "5: `appliance.ca_file`",
            "10: `vault.secret-server.ca_file`",
        ] {
            let begins = format!("ecm.toml:{key}: failed to read the CA file ca.pem: ");
            let line = complaint.lines().find(|line| line.contains(&begins));
            assert!(line.is_some_and(|line| line.contains(words)), "{complaint}");
        }
    }
}
