//! A client that says exactly what a test writes, and shows exactly what came back.

use std::time::Duration;

use mock_password_safe::{API_PATH, Lab, MockPasswordSafe, Settings};
use sim_kit::host::{Hosting, TlsChoice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A reply, taken apart.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    /// A header's value; the first of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The session cookie that was handed out.
    pub(crate) fn session(&self) -> String {
        let cookie = self
            .head
            .lines()
            .find_map(|line| line.split_once("ASP.NET_SessionId=").map(|(_, rest)| rest));
        let cookie = cookie.unwrap_or_else(|| panic!("no session in {self:?}"));
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and body, for comparing both at once.
    pub(crate) fn pair(&self) -> (u16, &str) {
        (self.status, self.body.as_str())
    }
}

/// Sends bytes on a connection of their own and reads to the end. `None` when nothing came back.
pub(crate) async fn exchange(mock: &MockPasswordSafe, bytes: &[u8]) -> Option<Got> {
    let mut stream = TcpStream::connect(mock.hosted().local_addr())
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut raw = Vec::new();
    // A reset is an end too; what arrived before it counts.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut raw))
        .await
        .expect("an answer in time");
    let text = String::from_utf8_lossy(&raw).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Got {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// One request below the API's base path, with these header lines.
pub(crate) async fn call(
    mock: &MockPasswordSafe,
    method: &str,
    path: &str,
    headers: &[String],
    body: &str,
) -> Got {
    try_call(mock, method, path, headers, body)
        .await
        .expect("an answer")
}

/// The same, where no answer is an answer too.
pub(crate) async fn try_call(
    mock: &MockPasswordSafe,
    method: &str,
    path: &str,
    headers: &[String],
    body: &str,
) -> Option<Got> {
    let path = if path.starts_with("//") || path.starts_with("/e") || path.starts_with("/B") {
        path.to_owned()
    } else {
        format!("{API_PATH}/{path}")
    };
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: psafe.acme.example\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    if !body.is_empty()
        && !headers
            .iter()
            .any(|header| header.starts_with("Content-Type"))
    {
        request.push_str("Content-Type: application/json\r\n");
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    exchange(mock, request.as_bytes()).await
}

/// A started simulator without TLS: raw sockets speak HTTP to it.
pub(crate) async fn started(lab: Lab) -> MockPasswordSafe {
    let hosting = Hosting {
        tls: TlsChoice::Off,
        ..Hosting::default()
    };
    MockPasswordSafe::builder()
        .lab(lab)
        .hosting(hosting)
        .start()
        .await
        .unwrap()
}

/// The built-in lab.
pub(crate) async fn acme() -> MockPasswordSafe {
    started(Lab::acme().unwrap()).await
}

/// The built-in lab with some behaviours changed.
pub(crate) async fn acme_with(change: impl FnOnce(&mut Settings)) -> MockPasswordSafe {
    let mut lab = Lab::acme().unwrap();
    change(&mut lab.settings);
    started(lab).await
}

/// The `Authorization` line of a key.
pub(crate) fn ps_auth(mock: &MockPasswordSafe, registration: &str, rest: &str) -> String {
    let key = mock.api_key(registration).unwrap();
    format!("Authorization: PS-Auth key={}; {rest}", key.expose())
}

/// A signed-in user of the simulator.
pub(crate) struct User<'a> {
    mock: &'a MockPasswordSafe,
    headers: Vec<String>,
}

impl<'a> User<'a> {
    /// Signs in through the ECM's registration.
    pub(crate) async fn sign_in(mock: &'a MockPasswordSafe, run_as: &str) -> Self {
        let header = ps_auth(mock, "ECM", &format!("runas={run_as};"));
        let got = call(mock, "POST", "Auth/SignAppin", &[header], "").await;
        assert_eq!(got.status, 200, "{got:?}");
        Self {
            mock,
            headers: vec![format!("Cookie: ASP.NET_SessionId={}", got.session())],
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        call(self.mock, "GET", path, &self.headers, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Got {
        call(self.mock, "POST", path, &self.headers, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Got {
        call(self.mock, "PUT", path, &self.headers, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Got {
        call(self.mock, "DELETE", path, &self.headers, "").await
    }

    /// The header lines of this user, for requests that a test writes itself.
    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// System and account number of an account that the user may request.
    pub(crate) async fn ids(&self, system: &str, account: &str) -> (i64, i64) {
        let row = self
            .get(&format!(
                "ManagedAccounts?systemName={system}&accountName={account}"
            ))
            .await;
        assert_eq!(row.status, 200, "{row:?}");
        let row = row.json();
        (
            row["SystemId"].as_i64().unwrap(),
            row["AccountId"].as_i64().unwrap(),
        )
    }

    /// Asks for a release and gives what came back.
    pub(crate) async fn ask(&self, system: &str, account: &str, more: &str) -> Got {
        let (system, account) = self.ids(system, account).await;
        self.ask_ids(system, account, more).await
    }

    pub(crate) async fn ask_ids(&self, system: i64, account: i64, more: &str) -> Got {
        let body = format!(
            "{{\"SystemID\":{system},\"AccountID\":{account},\"DurationMinutes\":60{more}}}"
        );
        self.post("Requests", &body).await
    }
}
