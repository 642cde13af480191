//! Secrets Safe, as the vendor's clients call it. psafe:§2.12.

use mock_password_safe::MockPasswordSafe;

use crate::client::{Got, acme, call};

struct Application<'a> {
    mock: &'a MockPasswordSafe,
    headers: Vec<String>,
}

impl<'a> Application<'a> {
    async fn sign_in(mock: &'a MockPasswordSafe) -> Self {
        let (id, secret) = mock.client_credentials("automation").unwrap();
        let form = ["Content-Type: application/x-www-form-urlencoded".to_owned()];
        let body = format!(
            "client_id={id}&client_secret={}&grant_type=client_credentials",
            secret.expose()
        );
        let token = call(mock, "POST", "Auth/connect/token", &form, &body)
            .await
            .json();
        let bearer = format!(
            "Authorization: Bearer {}",
            token["access_token"].as_str().unwrap()
        );
        Self {
            mock,
            headers: vec![bearer],
        }
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> Got {
        call(self.mock, method, path, &self.headers, body).await
    }
}

#[tokio::test]
async fn secrets_are_found_by_path_and_title_in_every_version() {
    let mock = acme().await;
    let app = Application::sign_in(&mock).await;
    let old = app
        .call(
            "GET",
            "secrets-safe/secrets?path=Team%2FWeb&separator=%2F&version=3.1&title=portal",
            "",
        )
        .await;
    let rows = old.json();
    assert_eq!(
        (&rows[0]["Title"], &rows[0]["Username"]),
        (&"portal".into(), &"portal-admin".into())
    );
    assert!(rows[0]["Password"].as_str().unwrap().starts_with("CnRy"));
    let new = app
        .call(
            "GET",
            "Secrets-Safe/Secrets?version=3.2&limit=1&decrypt=false",
            "",
        )
        .await
        .json();
    assert_eq!(
        (&new["TotalCount"], new["Data"].as_array().unwrap().len()),
        (&3.into(), 1)
    );
    assert_eq!(
        new["Data"][0]["Password"],
        serde_json::Value::Null,
        "not asked for"
    );
    // Everything is of the scenario's first moment, 2026-01-05T09:00:00 in UTC.
    for (after, count) in [
        ("2026-01-05", 3),
        ("2026-01-05T09:00:00", 3),
        ("2026-01-05+09:00", 3),
        ("2026-01-05T09:00:00.001Z", 0),
        ("2026-01-05T09:30:00%2B01:00", 3),
        ("2026-01-06", 0),
    ] {
        let path = format!("Secrets-Safe/Secrets?afterdate={after}");
        let rows = app.call("GET", &path, "").await.json();
        assert_eq!(rows.as_array().unwrap().len(), count, "{after}");
    }
    let bad = app.call("GET", "Secrets-Safe/Secrets?afterdate=May", "");
    assert_eq!(bad.await.pair(), (400, "\"afterdate is not a date\""));
    assert_eq!(
        app.call("GET", "Secrets-Safe/Secrets?path=Nope", "")
            .await
            .body,
        "[]"
    );
    assert_eq!(
        app.call("GET", "Secrets-Safe/Secrets?version=9.9", "")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn safes_folders_and_secrets_come_and_go() {
    let mock = acme().await;
    let app = Application::sign_in(&mock).await;
    let safe = app
        .call("POST", "Secrets-Safe/Safes", r#"{"Name":"S"}"#)
        .await;
    assert_eq!(safe.status, 201);
    let safe = safe.json()["Id"].as_str().unwrap().to_owned();
    let folder = app
        .call(
            "POST",
            "secrets-safe/folders/",
            &format!(r#"{{"Name":"F","ParentId":"{safe}"}}"#),
        )
        .await;
    let folder = folder.json()["Id"].as_str().unwrap().to_owned();
    let body = r#"{"Title":"t","Username":"u","Password":"p"}"#;
    let secret = app
        .call(
            "POST",
            &format!("Secrets-Safe/Folders/{folder}/Secrets"),
            body,
        )
        .await;
    assert_eq!(secret.status, 201);
    let id = secret.json()["Id"].as_str().unwrap().to_owned();
    assert_eq!(
        app.call(
            "PUT",
            &format!("Secrets-Safe/Secrets/{id}"),
            r#"{"Password":"q"}"#
        )
        .await
        .json()["Password"],
        "q"
    );
    assert_eq!(
        app.call("GET", "Secrets-Safe/Secrets?path=S/F&title=T", "")
            .await
            .json()[0]["FolderPath"],
        "S/F"
    );
    assert_eq!(
        app.call("DELETE", &format!("Secrets-Safe/Safes/{safe}"), "")
            .await
            .status,
        204
    );
    assert_eq!(
        app.call("GET", &format!("Secrets-Safe/Secrets/{id}"), "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_file_is_sent_in_parts_and_comes_back_whole() {
    let mock = acme().await;
    let app = Application::sign_in(&mock).await;
    let rows = app
        .call("GET", "Secrets-Safe/Secrets?title=runbook", "")
        .await
        .json();
    let folder = rows[0]["FolderId"].as_str().unwrap();
    let body = "--B\r\nContent-Disposition: form-data; name=\"secretmetadata\"\r\n\r\n{\"Title\":\"f\",\"FileName\":\"f.txt\"}\r\n--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"f.txt\"\r\n\r\nline\r\n\r\nend\r\n--B--\r\n";
    let mut headers = app.headers.clone();
    headers.push("Content-Type: multipart/form-data; boundary=B".into());
    let added = call(
        &mock,
        "POST",
        &format!("Secrets-Safe/Folders/{folder}/Secrets/File"),
        &headers,
        body,
    )
    .await;
    assert_eq!(
        (added.status, &added.json()["SecretType"]),
        (201, &"File".into()),
        "{added:?}"
    );
    let id = added.json()["Id"].as_str().unwrap().to_owned();
    let file = app
        .call(
            "GET",
            &format!("Secrets-Safe/Secrets/{id}/File/Download"),
            "",
        )
        .await;
    assert_eq!(file.pair(), (200, "line\r\n\r\nend"));
}
