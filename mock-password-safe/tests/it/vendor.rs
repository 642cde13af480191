//! Secrets Safe and provisioning, byte for byte as the vendor's library 3.5.1 and command 1.0.0 send
//! them, with the statuses that they insist on (`vendor-client psafe:PYLIB`, `psafe:PSCLI`).

use serde_json::{Value, json};

use crate::client::{Got, User, acme, call, ps_auth};

/// A user as the vendor's library is one: the key on every call beside the cookie.
struct Library<'a> {
    mock: &'a mock_password_safe::MockPasswordSafe,
    headers: Vec<String>,
}

impl<'a> Library<'a> {
    fn of(mock: &'a mock_password_safe::MockPasswordSafe) -> Self {
        let headers = vec![
            ps_auth(mock, "ECM", "runas=admin;"),
            "Accept: */*".to_owned(),
            "Accept-Encoding: gzip, deflate".to_owned(),
            "User-Agent: python-requests/2.34.2".to_owned(),
        ];
        Self { mock, headers }
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> Got {
        call(self.mock, method, path, &self.headers, body).await
    }

    /// What `requests` makes of `files=`.
    async fn upload(&self, method: &str, path: &str, parts: &[(&str, &str)]) -> Got {
        let mark = "5c2f1e8a7d";
        let mut body = String::new();
        for (head, content) in parts {
            body.push_str(&format!(
                "--{mark}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"
            ));
        }
        body.push_str(&format!("--{mark}--\r\n"));
        let mut headers = self.headers.clone();
        headers.push(format!(
            "Content-Type: multipart/form-data; boundary={mark}"
        ));
        call(self.mock, method, path, &headers, &body).await
    }

    /// The call, which has to end with this status; its JSON, where there is any.
    async fn wants(&self, status: u16, method: &str, path: &str, body: &str) -> Value {
        let got = self.call(method, path, body).await;
        assert_eq!(got.status, status, "{method} {path}: {got:?}");
        serde_json::from_str(&got.body).unwrap_or(Value::Null)
    }

    async fn safe(&self, name: &str) -> String {
        let body = format!(r#"{{"Name": "{name}", "Description": ""}}"#);
        text(&self.wants(201, "POST", "secrets-safe/safes", &body).await["Id"])
    }

    async fn folder(&self, name: &str, parent: &str) -> String {
        let body = format!(
            r#"{{"Name": "{name}", "Description": "", "ParentId": "{parent}", "UserGroupId": null}}"#
        );
        let made = self
            .wants(201, "POST", "secrets-safe/folders/", &body)
            .await;
        text(&made["Id"])
    }

    async fn credential(&self, title: &str, folder: &str) -> String {
        let body = format!(
            r#"{{"Title": "{title}", "Username": "u", "Password": "first", "Owners": [], "Urls": [{{"Id": "a", "CredentialId": "b", "Url": "https://x.test"}}]}}"#
        );
        let path = format!("secrets-safe/folders/{folder}/secrets?version=3.1");
        text(&self.wants(201, "POST", &path, &body).await["Id"])
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

#[tokio::test]
async fn safes_are_renamed_and_removed_with_204_and_folders_with_200() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let (safe, other) = (library.safe("S").await, library.safe("T").await);
    let path = format!("secrets-safe/safes/{safe}");
    let renamed = r#"{"Name": "S2", "Description": "d"}"#;
    library.wants(204, "PUT", &path, renamed).await;
    assert_eq!(library.wants(200, "GET", &path, "").await["Name"], "S2");
    let taken = r#"{"Name": "t", "Description": "d"}"#;
    library.wants(409, "PUT", &path, taken).await;
    let folder = library.folder("F", &safe).await;
    let favorite = format!("secrets-safe/folders/{folder}/favorite");
    library
        .wants(204, "PUT", &favorite, r#"{"Favorite": true}"#)
        .await;
    let row = library
        .wants(200, "GET", &format!("secrets-safe/folders/{folder}"), "")
        .await;
    assert_eq!(row["IsFavorite"], true);
    let to = format!(r#"{{"DestinationFolderId": "{other}", "DuplicateNameAction": "Rename"}}"#);
    library.folder("F", &other).await;
    let moved = format!("secrets-safe/folders/{folder}/move");
    let moved = library.wants(200, "PUT", &moved, &to).await;
    assert_eq!(
        (
            &moved["OldParentId"],
            &moved["ParentId"],
            &moved["NewFolderName"]
        ),
        (&json!(safe), &json!(other), &json!("F (1)"))
    );
    let into_itself =
        format!(r#"{{"DestinationFolderId": "{folder}", "DuplicateNameAction": "Stop"}}"#);
    library
        .wants(
            400,
            "PUT",
            &format!("secrets-safe/folders/{other}/move"),
            &into_itself,
        )
        .await;
    let listed = "secrets-safe/folders?folderName=f&includeSubfolders=True&rootOnly=False";
    assert_eq!(
        library
            .wants(200, "GET", listed, "")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    library
        .wants(200, "DELETE", &format!("secrets-safe/folders/{folder}"), "")
        .await;
    library.wants(204, "DELETE", &path, "").await;
    library.wants(404, "DELETE", &path, "").await;
}

#[tokio::test]
async fn permissions_of_a_safe_are_set_told_and_taken() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let safe = library.safe("S").await;
    let all = library
        .wants(200, "GET", "secrets-safe/safes/safe-permissions", "")
        .await;
    assert!(all[0]["PermissionName"].is_string());
    let path = format!("secrets-safe/safes/{safe}/safe-permissions");
    let set = r#"{"PrincipalType": 0, "PrincipalID": 1, "PermissionFlags": ["Read"]}"#;
    library.wants(204, "PUT", &path, set).await;
    let told = library.wants(200, "GET", &path, "").await;
    assert_eq!(
        told,
        json!([{ "PrincipalType": 0, "PrincipalID": 1, "PermissionFlags": ["Read"], "ExpiresOn": null }])
    );
    let taken = r#"{"PrincipalType": 0, "PrincipalID": 1}"#;
    library.wants(204, "DELETE", &path, taken).await;
    library.wants(404, "DELETE", &path, taken).await;
}

#[tokio::test]
async fn a_change_is_a_version_and_can_be_taken_back() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let safe = library.safe("S").await;
    let id = library.credential("t", &safe).await;
    // The library leaves a slash where the kind of a text or a file would stand.
    let path = format!("secrets-safe/secrets/{id}/?version=3.2");
    let body = r#"{"Title": "t", "Username": "u", "Password": "second"}"#;
    let changed = library.wants(200, "PUT", &path, body).await;
    assert_eq!(changed["Password"], "second");
    let versions = library
        .wants(
            200,
            "GET",
            &format!("secrets-safe/secrets/{id}/versions"),
            "",
        )
        .await;
    let rows = versions["Versions"].as_array().unwrap();
    let active: Vec<_> = rows.iter().map(|row| row["IsActive"] == true).collect();
    assert_eq!(active, [false, true]);
    let first = text(&rows[0]["Id"]);
    let old = format!("secrets-safe/secrets/password/{id}/versions/{first}");
    assert_eq!(
        library.call("GET", &old, "").await.pair(),
        (200, "\"first\"")
    );
    library
        .wants(404, "GET", &old.replace("password", "text"), "")
        .await;
    let back = format!("secrets-safe/secrets/{id}/versions/{first}/rollback");
    library.wants(204, "POST", &back, "{}").await;
    let now = library
        .wants(200, "GET", &format!("secrets-safe/secrets/{id}"), "")
        .await;
    assert_eq!(
        (&now["Password"], &now["Urls"][0]["Url"]),
        (&json!("first"), &json!("https://x.test"))
    );
}

#[tokio::test]
async fn texts_and_files_are_changed_each_at_its_own_path() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let safe = library.safe("S").await;
    let made = format!("secrets-safe/folders/{safe}/secrets/text?version=3.1");
    let note = library
        .wants(201, "POST", &made, r#"{"Title": "n", "Text": "old"}"#)
        .await;
    let path = format!(
        "secrets-safe/secrets/{}/text?version=3.1",
        text(&note["Id"])
    );
    let changed = library
        .wants(200, "PUT", &path, r#"{"Title": "n", "Text": "new"}"#)
        .await;
    assert_eq!(changed["Text"], "new");
    let metadata = "name=\"secretmetadata\"\r\nContent-Type: application/json";
    let part = "name=\"files\"; filename=\"a.txt\"\r\nContent-Type: application/octet-stream";
    let made = format!("secrets-safe/folders/{safe}/secrets/file");
    let json = r#"{"Title": "f", "FileName": "a.txt"}"#;
    let file = library
        .upload("POST", &made, &[(metadata, json), (part, "abc")])
        .await;
    assert_eq!(file.status, 201, "{file:?}");
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(file.json()["FileHash"], hash, "SHA-256 of abc");
    let path = format!("secrets-safe/secrets/{}/file", text(&file.json()["Id"]));
    let parts = [(metadata, json), (part, "changed")];
    assert_eq!(library.upload("PUT", &path, &parts).await.pair(), (204, ""));
    let bytes = library.call("GET", &format!("{path}/download"), "").await;
    assert_eq!(bytes.pair(), (200, "changed"));
    library.wants(415, "PUT", &path, json).await;
}

#[tokio::test]
async fn secrets_are_moved_shared_marked_and_listed_by_folder() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let (from, to) = (library.safe("S").await, library.safe("T").await);
    let id = library.credential("t", &from).await;
    library.credential("T", &to).await;
    let body = |action: &str| {
        format!(
            r#"{{"secretids": ["{id}", "00000000-0000-4000-a000-000000000000"], "shareids": [], "destinationfolderid": "{to}", "duplicatenameaction": "{action}"}}"#
        )
    };
    library
        .wants(409, "PUT", "secrets-safe/secrets/move", &body("Stop"))
        .await;
    let skipped = library
        .wants(200, "PUT", "secrets-safe/secrets/move", &body("Skip"))
        .await;
    assert_eq!(
        (&skipped["SecretsSkipped"], &skipped["SecretsMovedCount"]),
        (&json!([id]), &json!(0))
    );
    let moved = library
        .wants(200, "PUT", "secrets-safe/secrets/move", &body("Rename"))
        .await;
    assert_eq!(
        (&moved["SecretsRenamed"], &moved["SecretsMovedCount"]),
        (&json!([id]), &json!(1))
    );
    assert_eq!(moved["SecretsNotFound"].as_array().unwrap().len(), 1);
    let share = format!("secrets-safe/secrets/{id}/shares/{from}");
    let shared = library.wants(201, "POST", &share, "{}").await;
    assert_eq!(
        (&shared["FolderPath"], &shared["SecretName"]),
        (&json!("S"), &json!("t (1)"))
    );
    let listed = format!("secrets-safe/folders/{from}/secrets");
    assert_eq!(
        library.wants(200, "GET", &listed, "").await[0]["Id"],
        json!(id)
    );
    library.wants(204, "DELETE", &share, "").await;
    library
        .wants(
            204,
            "DELETE",
            &format!("secrets-safe/secrets/{id}/shares"),
            "",
        )
        .await;
    assert_eq!(library.wants(200, "GET", &listed, "").await, json!([]));
    let favorite = format!("secrets-safe/secrets/{id}/favorite?version=3.1");
    library
        .wants(204, "PUT", &favorite, r#"{"Favorite": true}"#)
        .await;
    let marked = library
        .wants(
            200,
            "GET",
            "secrets-safe/secrets?favorite=true&version=3.1",
            "",
        )
        .await;
    assert_eq!(
        (marked.as_array().unwrap().len(), &marked[0]["IsFavorite"]),
        (1, &json!(true))
    );
}

#[tokio::test]
async fn one_time_codes_are_for_credentials_that_have_a_seed() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let safe = library.safe("S").await;
    let id = library.credential("t", &safe).await;
    let code = format!("secrets-safe/secrets/{id}/totp/code");
    library.wants(404, "GET", &code, "").await;
    let body = r#"{"Username": "u", "TotpEnabled": true, "TotpSecretKey": "GEZDGNBVGY3TQOJQ"}"#;
    let path = format!("secrets-safe/secrets/{id}/?version=3.3");
    assert_eq!(
        library.wants(200, "PUT", &path, body).await["TotpEnabled"],
        true
    );
    let told = library.wants(200, "GET", &code, "").await;
    assert_eq!(
        (text(&told["Code"]).len(), &told["ValidFromUtc"]),
        (6, &json!("2026-01-05T09:00:00"))
    );
    let row = library
        .call("GET", &format!("secrets-safe/secrets/{id}?version=3.3"), "")
        .await;
    assert!(!row.body.contains("GEZDGNBV"), "the seed is never read");
    let bad = r#"{"TotpEnabled": true, "TotpSecretKey": "!"}"#;
    library.wants(400, "PUT", &path, bad).await;
}

#[tokio::test]
async fn a_file_of_comma_separated_values_is_imported_row_by_row() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let safe = library.safe("S").await;
    let part = "name=\"form-data\"; filename=\"s.csv\"\r\nContent-Type: text/csv";
    let csv = "Title,Username,Password\r\na,u,p\r\nb,,p\r\n";
    let path = format!("secrets-safe/folders/{safe}/upload");
    let got = library.upload("POST", &path, &[(part, csv)]).await;
    let told = r#"{"TotalNumber":2,"SuccessfulImport":1,"Errors":["Row 2 lacks a value"]}"#;
    assert_eq!(got.pair(), (201, told));
}

#[tokio::test]
async fn what_administrators_provision_is_there_afterwards() {
    let mock = acme().await;
    let library = Library::of(&mock);
    let group = library
        .wants(
            201,
            "POST",
            "workgroups",
            r#"{"Name": "Lab", "OrganizationID": "00000000-0000-4000-a000-000000000000"}"#,
        )
        .await;
    let assets = format!("workgroups/{}/assets", group["ID"]);
    let asset =
        r#"{"IPAddress": "10.9.9.9", "AssetName": "new01", "DnsName": "new01.acme.example"}"#;
    let asset = library.wants(201, "POST", &assets, asset).await["AssetID"].clone();
    library
        .wants(404, "GET", &format!("managedsystems/{asset}"), "")
        .await;
    let account =
        r#"{"PlatformID": 1, "AccountName": "svc", "DisplayName": "svc", "Password": "x"}"#;
    let account = library
        .wants(201, "POST", "functionalaccounts", account)
        .await["FunctionalAccountID"]
        .clone();
    let manage = format!(
        r#"{{"PlatformID": 1, "ContactEmail": "a@b.test", "Description": "d", "ReleaseDuration": 60, "ChangeFrequencyType": "first", "ChangeTime": "23:30", "FunctionalAccountID": {account}, "IsApplicationHost": false}}"#
    );
    let path = format!("assets/{asset}/managedsystems");
    let system = library.wants(201, "POST", &path, &manage).await;
    assert_eq!(
        (&system["ReleaseDuration"], &system["FunctionalAccountID"]),
        (&json!(60), &account)
    );
    library.wants(200, "POST", &path, &manage).await;
    library
        .wants(409, "DELETE", &format!("functionalaccounts/{account}"), "")
        .await;
    let path = format!("managedsystems/{asset}");
    let put = r#"{"HostName": "new02", "IPAddress": "10.9.9.8", "Description": "e"}"#;
    assert_eq!(
        library.wants(200, "PUT", &path, put).await["SystemName"],
        "new02"
    );
    for (name, rows) in [("new01", 0), ("NEW02", 1)] {
        let found = library
            .wants(200, "GET", &format!("managedsystems?name={name}"), "")
            .await;
        assert_eq!(found.as_array().unwrap().len(), rows, "{name}");
    }
    let add = r#"{"AccountName": "a1", "ApiEnabled": true}"#;
    let accounts = format!("managedsystems/{asset}/managedaccounts");
    library.wants(201, "POST", &accounts, add).await;
    library
        .wants(201, "POST", &accounts, &add.replace("a1", "a2"))
        .await;
    library
        .wants(200, "DELETE", &format!("{accounts}/a1"), "")
        .await;
    library.wants(200, "DELETE", &accounts, "").await;
    assert_eq!(library.wants(200, "GET", &accounts, "").await, json!([]));
    library.wants(200, "DELETE", &path, "").await;
    library
        .wants(200, "DELETE", &format!("functionalaccounts/{account}"), "")
        .await;
    library
        .wants(200, "DELETE", "managedsystems/1/linkedaccounts", "")
        .await;
    assert_eq!(
        library
            .wants(200, "GET", "managedsystems/1/linkedaccounts", "")
            .await,
        json!([])
    );
    let database = &library.wants(200, "GET", "databases", "").await[0];
    assert_eq!(
        (&database["DatabaseID"], &database["Port"]),
        (&json!(8), &json!(1433))
    );
    assert_eq!(
        library.wants(200, "GET", "directories", "").await[0]["DomainName"],
        "acme.example"
    );
    library.wants(201, "POST", "users/2/quarantine", "{}").await;
}

#[tokio::test]
async fn a_request_through_an_alias_takes_the_account_s_duration() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    // The library drops the duration that it was given.
    let body = r#"{"AccessType": "View", "RotateOnCheckin": false}"#;
    assert_eq!(
        joe.post("aliases/1/requests", body).await.pair(),
        (201, "101")
    );
    let rows = joe.get("requests").await.json();
    assert_eq!(rows[0]["ExpiresDate"], "2026-01-05T11:00:00", "120 minutes");
    let tickets = joe.get("ticketsystems").await.json();
    assert_eq!(tickets[0]["TicketSystemName"], "Service Desk");
}

#[tokio::test]
async fn what_is_known_and_not_simulated_says_so_and_nothing_else_does() {
    let mock = acme().await;
    let library = Library::of(&mock);
    for (method, path) in [
        ("GET", "smartrules/1"),
        ("POST", "usergroups/1/permissions"),
        ("PUT", "apiregistrations/1"),
        ("DELETE", "managedaccounts/1/syncedaccounts/2"),
        ("GET", "passwordrules"),
    ] {
        let got = library.call(method, path, "[]").await;
        assert_eq!(got.status, 405, "{path}");
        assert!(got.body.contains("not simulated"), "{path}: {got:?}");
    }
    assert_eq!(library.call("GET", "no/such/thing", "").await.status, 404);
    let got = library.call("POST", "sessions", "{}").await;
    assert_eq!((got.status, got.header("allow")), (405, Some("GET")));
}
