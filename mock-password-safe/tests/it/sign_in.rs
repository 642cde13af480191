//! Signing in, every way and every refusal. psafe:§1.3–1.6.

use std::time::Duration;

use mock_password_safe::{API_PATH, Lab, SessionProof};

use crate::client::{User, acme, acme_with, call, exchange, ps_auth, started};

const REFUSED: (u16, &str) = (401, "\"User not authenticated\"");

#[tokio::test]
async fn sign_in_answers_the_user_and_a_session_cookie() {
    let mock = acme().await;
    let header = ps_auth(&mock, "ECM", "runas=joe.user;");
    let got = call(&mock, "POST", "Auth/SignAppin", &[header], "").await;
    let body = r#"{"UserId":1,"SID":null,"EmailAddress":"joe.user@acme.example","UserName":"joe.user","Name":"Joe User"}"#;
    assert_eq!(got.pair(), (200, body));
    assert_eq!(
        got.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let cookie = got.header("set-cookie").unwrap();
    let session = got.session();
    assert_eq!(session.len(), 24);
    assert_eq!(
        cookie,
        format!("ASP.NET_SessionId={session}; path=/; HttpOnly; SameSite=Lax")
    );
}

#[tokio::test]
async fn every_spelling_of_a_user_signs_in() {
    let mock = acme().await;
    for run_as in [
        "joe.user",
        "JOE.USER",
        r"ACME\jane.admin",
        r"acme\Jane.Admin",
        "sam.ops@acme.example",
    ] {
        User::sign_in(&mock, run_as).await;
    }
    let calls = mock.journal().calls_of("POST Auth/SignAppin");
    calls.by(r"ACME\sam.ops").exactly(1);
    for path in [
        "Auth/SignAppIn/",
        "//beyondtrust/api/public/v3//auth/signappin",
        "/eEye.RetinaCS.Server/api/public/v3/Auth/SignAppin",
    ] {
        for body in ["", "null", "{}"] {
            let header = ps_auth(&mock, "ECM", "runas=joe.user");
            assert_eq!(
                call(&mock, "POST", path, &[header], body).await.status,
                200,
                "{path} {body}"
            );
        }
    }
    for version in ["v+3", "v03", "v", "3", "v4"] {
        let path = format!("/BeyondTrust/api/public/{version}/Auth/SignAppin");
        let header = ps_auth(&mock, "ECM", "runas=joe.user");
        let answer = call(&mock, "POST", &path, &[header], "").await;
        assert_eq!(answer.status, 404, "{version}");
    }
}

#[tokio::test]
async fn whoever_may_not_sign_in_gets_the_same_401() {
    let mock = acme().await;
    let good = mock.api_key("ECM").unwrap();
    for header in [
        ps_auth(&mock, "ECM", "runas=nobody;"),
        ps_auth(&mock, "ECM", "runas=jane.admin;"),
        ps_auth(&mock, "ECM", "runas=max.gone;"),
        ps_auth(&mock, "ECM", ""),
        ps_auth(&mock, "Forgotten", "runas=joe.user;"),
        ps_auth(&mock, "Proxied", "runas=joe.user;"),
        ps_auth(&mock, "Scripts", "runas=joe.user;"),
        ps_auth(&mock, "Scripts", "runas=joe.user; pwd=[wrong];"),
        format!(
            "Authorization: PS-Auth key={}x; runas=joe.user;",
            good.expose()
        ),
        format!(
            "Authorization: PS-Auth key={}; runas=joe.user;",
            good.expose().to_uppercase()
        ),
        "Authorization: Basic am9lOng=".to_owned(),
        "X-Nothing: 1".to_owned(),
    ] {
        let got = call(
            &mock,
            "POST",
            "Auth/SignAppin",
            std::slice::from_ref(&header),
            "",
        )
        .await;
        let shown = header.split("key=").next().unwrap();
        assert_eq!(got.pair(), REFUSED, "{shown}");
        assert!(got.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn a_password_and_an_address_are_checked_where_the_registration_says_so() {
    let mock = acme().await;
    let password = mock.user_password("joe.user").unwrap();
    let header = ps_auth(
        &mock,
        "Scripts",
        &format!("runas=joe.user;pwd=[{}]", password.expose()),
    );
    assert_eq!(
        call(&mock, "POST", "Auth/SignAppin", &[header], "")
            .await
            .status,
        200
    );
    for (chain, status) in [
        ("10.20.3.4", 200),
        ("10.20.3.4, 192.0.2.1", 200),
        ("192.0.2.1", 401),
        ("x", 401),
    ] {
        let headers = [
            ps_auth(&mock, "Proxied", "runas=joe.user;"),
            format!("X-Forwarded-For: {chain}"),
        ];
        assert_eq!(
            call(&mock, "POST", "Auth/SignAppin", &headers, "")
                .await
                .status,
            status,
            "{chain}"
        );
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_answered_with_the_cookie() {
    let mock = acme().await;
    let password = mock.user_password("rita.field").unwrap();
    let code = mock.second_factor("rita.field").unwrap();
    let first = format!("runas=rita.field; pwd=[{}];", password.expose());
    let answered = format!("{first} challenge={};", code.expose());
    let got = call(
        &mock,
        "POST",
        "Auth/SignAppin",
        &[ps_auth(&mock, "Scripts", &first)],
        "",
    )
    .await;
    assert_eq!(got.status, 401);
    let line = "\r\nWWW-Authenticate-2FA: Enter your authentication code\r\n";
    assert!(got.head.contains(line), "{got:?}");
    let cookie = format!("Cookie: ASP.NET_SessionId={}", got.session());

    let without_cookie = [ps_auth(&mock, "Scripts", &answered)];
    assert_eq!(
        call(&mock, "POST", "Auth/SignAppin", &without_cookie, "")
            .await
            .status,
        401
    );
    let pending = call(
        &mock,
        "GET",
        "ManagedAccounts",
        std::slice::from_ref(&cookie),
        "",
    )
    .await;
    assert_eq!(
        pending.pair(),
        REFUSED,
        "a pending session is good for nothing else"
    );

    let got = call(
        &mock,
        "POST",
        "Auth/SignAppin",
        &[ps_auth(&mock, "Scripts", &first)],
        "",
    )
    .await;
    let cookie = format!("Cookie: ASP.NET_SessionId={}", got.session());
    let headers = [ps_auth(&mock, "Scripts", &answered), cookie];
    mock.clock().advance(Duration::from_secs(19 * 60));
    let got = call(&mock, "POST", "Auth/SignAppin", &headers, "").await;
    assert_eq!(got.status, 200, "{got:?}");
}

#[tokio::test]
async fn a_session_that_owes_a_second_factor_dies_of_idleness_too() {
    let mock = acme().await;
    let password = mock.user_password("rita.field").unwrap();
    let code = mock.second_factor("rita.field").unwrap();
    let first = format!("runas=rita.field; pwd=[{}];", password.expose());
    let asked = [ps_auth(&mock, "Scripts", &first)];
    let got = call(&mock, "POST", "Auth/SignAppin", &asked, "").await;
    mock.clock().advance(Duration::from_secs(20 * 60));
    let answered = format!("{first} challenge={};", code.expose());
    let answered = [
        ps_auth(&mock, "Scripts", &answered),
        format!("Cookie: ASP.NET_SessionId={}", got.session()),
    ];
    let late = call(&mock, "POST", "Auth/SignAppin", &answered, "").await;
    assert_eq!(late.pair(), REFUSED);
}

#[tokio::test]
async fn a_session_dies_of_idleness_and_of_sign_out() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    for _ in 0..3 {
        mock.clock().advance(Duration::from_secs(19 * 60));
        assert_eq!(
            joe.get("ManagedAccounts").await.status,
            200,
            "use keeps it alive"
        );
    }
    mock.clock().advance(Duration::from_secs(20 * 60));
    assert_eq!(joe.get("ManagedAccounts").await.pair(), REFUSED);

    let joe = User::sign_in(&mock, "joe.user").await;
    assert_eq!(joe.post("Auth/Signout", "").await.pair(), (200, ""));
    assert_eq!(joe.get("ManagedAccounts").await.pair(), REFUSED);
}

#[tokio::test]
async fn cookie_and_authorization_prove_who_calls_as_the_setting_says() {
    for (proof, cookie_alone, header_alone, both) in [
        (SessionProof::Either, 200, 200, 200),
        (SessionProof::Cookie, 200, 401, 200),
        (SessionProof::Both, 401, 401, 200),
    ] {
        let mock = acme_with(|settings| settings.session_proof = proof).await;
        let joe = User::sign_in(&mock, "joe.user").await;
        let cookie = joe.headers()[0].clone();
        let header = ps_auth(&mock, "ECM", "runas=joe.user;");
        for (headers, expected) in [
            (vec![cookie.clone()], cookie_alone),
            (vec![header.clone()], header_alone),
            (vec![cookie.clone(), header.clone()], both),
        ] {
            let got = call(&mock, "GET", "ManagedAccounts", &headers, "").await;
            assert_eq!(
                got.status,
                expected,
                "{proof:?} with {} headers",
                headers.len()
            );
        }
    }
}

#[tokio::test]
async fn several_cookie_lines_are_nobody() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let headers = [joe.headers()[0].clone(), "Cookie: path=/".to_owned()];
    assert_eq!(
        call(&mock, "GET", "ManagedAccounts", &headers, "")
            .await
            .pair(),
        REFUSED
    );
    let one_line = [format!("{}; path=/; SameSite=Lax", joe.headers()[0])];
    assert_eq!(
        call(&mock, "GET", "ManagedAccounts", &one_line, "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn client_credentials_give_a_token_that_signs_in_until_it_expires() {
    let mock = acme().await;
    let (id, secret) = mock.client_credentials("automation").unwrap();
    let form = ["Content-Type: application/x-www-form-urlencoded".to_owned()];
    let good = format!(
        "client_id={id}&client_secret={}&grant_type=client_credentials",
        secret.expose()
    );
    let got = call(&mock, "POST", "Auth/Connect/Token", &form, &good).await;
    assert_eq!(got.status, 200, "{got:?}");
    let token = got.json();
    assert_eq!(
        (&token["token_type"], &token["expires_in"], &token["scope"]),
        (&"Bearer".into(), &3600.into(), &"publicapi".into())
    );

    let bearer = format!(
        "Authorization: Bearer {}",
        token["access_token"].as_str().unwrap()
    );
    let got = call(
        &mock,
        "POST",
        "Auth/SignAppIn",
        std::slice::from_ref(&bearer),
        "",
    )
    .await;
    assert_eq!(got.json()["UserName"], "automation");
    mock.clock().advance(Duration::from_secs(3600));
    assert_eq!(
        call(&mock, "POST", "Auth/SignAppIn", &[bearer], "")
            .await
            .pair(),
        REFUSED
    );

    for bad in [
        format!("{good}x"),
        format!("client_id={id}&grant_type=client_credentials"),
        good.replace("client_credentials", "password"),
        String::new(),
    ] {
        let got = call(&mock, "POST", "Auth/connect/token", &form, &bad).await;
        assert_eq!(got.pair(), (400, "{\"error\":\"invalid_client\"}"));
    }
}

#[tokio::test]
async fn a_licence_a_version_and_a_path_are_told_apart() {
    let mock = acme_with(|settings| settings.licence_valid = false).await;
    let header = ps_auth(&mock, "ECM", "runas=joe.user;");
    assert_eq!(
        call(
            &mock,
            "POST",
            "Auth/SignAppin",
            std::slice::from_ref(&header),
            ""
        )
        .await
        .pair(),
        (403, "")
    );
    let old = "/BeyondTrust/api/public/v2/Auth/SignAppin";
    assert_eq!(
        call(&mock, "POST", old, std::slice::from_ref(&header), "")
            .await
            .status,
        410
    );
    assert_eq!(
        call(&mock, "POST", "//WebConsole/Auth/SignAppin", &[header], "")
            .await
            .status,
        404
    );
    assert_eq!(call(&mock, "GET", "Auth", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_dead_cookie_beside_a_good_key_is_refused_unless_the_setting_says_otherwise() {
    for (refused, status) in [(true, 401), (false, 200)] {
        let mock = acme_with(|settings| settings.dead_cookie_is_refused = refused).await;
        let joe = User::sign_in(&mock, "joe.user").await;
        joe.post("Auth/Signout", "").await;
        let headers = [
            joe.headers()[0].clone(),
            ps_auth(&mock, "ECM", "runas=joe.user;"),
        ];
        let got = call(&mock, "GET", "ManagedAccounts", &headers, "").await;
        assert_eq!(got.status, status);
    }
}

#[tokio::test]
async fn a_name_beyond_ascii_signs_in_as_utf_8() {
    let mut lab = Lab::acme().unwrap();
    let more = "[[password-safe.users]]\nname = 'ACME\\jörg.müller'\nupn = 'jörg.müller@acme.example'\n\
                groups = ['Server Admins']\n";
    let more = Lab::read(std::path::Path::new("more.toml"), more).unwrap();
    lab.users.extend(more.users);
    let mock = started(lab).await;
    for name in [
        r"ACME\jörg.müller",
        r"acme\JÖRG.MÜLLER",
        "jörg.müller@acme.example",
    ] {
        let header = ps_auth(&mock, "ECM", &format!("runas={name};"));
        let got = call(&mock, "POST", "Auth/SignAppin", &[header], "").await;
        assert_eq!(got.status, 200, "{name}: {got:?}");
        assert_eq!(got.json()["UserName"], r"ACME\jörg.müller");
    }
    let latin_1 = ps_auth(&mock, "ECM", r"runas=ACME\j?rg.m?ller;");
    let request = format!(
        "POST {API_PATH}/Auth/SignAppin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{latin_1}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let mut letters = [0xf6, 0xfc].into_iter();
    let bytes = request.bytes().map(|byte| match byte {
        b'?' => letters.next().unwrap(),
        byte => byte,
    });
    let bytes: Vec<u8> = bytes.collect();
    assert_eq!(exchange(&mock, &bytes).await.unwrap().pair(), REFUSED);
}
