//! A server with one small company, and a client that is no more than a socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use mock_secret_server::config::Protocol;
use mock_secret_server::state::{
    CheckOutRule, Contents, Level, NewFolder, NewSecret, NewUser, Trust,
};
use mock_secret_server::{Builder, MockSecretServer};
use sim_kit::host::TlsChoice;

pub(crate) const PATH: &str = "/SecretServer/webservices/SSWebService.asmx";
pub(crate) const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";

pub(crate) struct Rig {
    pub(crate) server: MockSecretServer,
    runtime: tokio::runtime::Runtime,
}

/// An HTTP response, taken apart.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Text between the first `<name>` and its end tag.
    pub(crate) fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }
}

pub(crate) fn contents() -> Contents {
    let mut api = NewUser::local("api")
        .password("api&pw")
        .role("Administrator")
        .role("Impersonator");
    api.application_account = true;
    Contents::default()
        .with_role(
            "Impersonator",
            &[mock_secret_server::state::RolePermission::WebServicesImpersonate],
        )
        .with_user(api)
        .with_user(
            NewUser::local("alice")
                .password("p<w>")
                .email("alice@acme.example"),
        )
        .with_folder(
            NewFolder::new("Servers")
                .grant("alice", Level::View)
                .grant("api", Level::Owner),
        )
        .with_secret(
            NewSecret::new("srv01\\admin", "Windows Account")
                .id(7)
                .in_folder("Servers")
                .item("Machine", "srv01")
                .item("Username", "admin")
                .password("Password", "p&w<\"'>é"),
        )
        .with_secret(
            NewSecret::new("srv02\\admin", "Windows Account")
                .id(8)
                .in_folder("Servers")
                .item("Machine", "srv02")
                .password("Password", "held")
                .check_out(CheckOutRule::default()),
        )
        .with_trust("api", "alice", Trust::Approved)
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let builder = MockSecretServer::builder()
            .contents(contents())
            .tls(TlsChoice::Off);
        let server = runtime.block_on(change(builder).start()).unwrap();
        Self { server, runtime }
    }

    pub(crate) fn protocol(change: impl FnOnce(&mut Protocol)) -> Self {
        let mut protocol = Protocol::default();
        change(&mut protocol);
        Self::with(|builder| builder.protocol(protocol))
    }

    /// A connection whose reads fail after some seconds.
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.server.local_addr()).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket
    }

    /// Sends bytes as they are and gives the bytes until the server closes.
    pub(crate) fn bytes(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut socket = self.connect();
        socket.write_all(request)?;
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Sends bytes as they are and reads until the server closes.
    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        parse(&self.bytes(request).unwrap())
    }

    /// A request with these headers; length, host and the end of the connection are added.
    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Response {
        self.raw(&request(method, target, headers, body))
    }

    /// A SOAP 1.1 call as a .NET proxy makes it.
    pub(crate) fn call(&self, operation: &str, parameters: &str) -> Response {
        self.raw(&soap_call(operation, parameters))
    }

    /// A token of a user.
    pub(crate) fn token(&self, user: &str, password: &str) -> String {
        let password = password.replace('&', "&amp;").replace('<', "&lt;");
        let parameters = format!("<username>{user}</username><password>{password}</password>");
        let response = self.call("Authenticate", &parameters);
        response
            .element("Token")
            .unwrap_or_else(|| panic!("{response:?}"))
            .to_owned()
    }

    pub(crate) fn alice(&self) -> String {
        self.token("alice", "p<w>")
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// The bytes of a request with these headers; length, host and the end of the connection are added.
pub(crate) fn request(method: &str, target: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: vault.example\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    if method != "GET" || !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("Connection: close\r\n\r\n");
    [request.as_bytes(), body].concat()
}

/// The bytes of a SOAP 1.1 call as a .NET proxy makes it.
pub(crate) fn soap_call(operation: &str, parameters: &str) -> Vec<u8> {
    let action = format!("SOAPAction: \"urn:thesecretserver.com/{operation}\"");
    let body = envelope(SOAP11, &wrapped(operation, parameters));
    let headers = ["Content-Type: text/xml; charset=utf-8", &action];
    request("POST", PATH, &headers, body.as_bytes())
}

impl Drop for Rig {
    fn drop(&mut self) {
        assert_eq!(
            self.server.panics(),
            Vec::<String>::new(),
            "a handler panicked"
        );
    }
}

pub(crate) fn wrapped(operation: &str, parameters: &str) -> String {
    format!("<{operation} xmlns=\"urn:thesecretserver.com\">{parameters}</{operation}>")
}

pub(crate) fn envelope(namespace: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{namespace}\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body>{body}</soap:Body>\
         </soap:Envelope>"
    )
}

fn parse(bytes: &[u8]) -> Response {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut rest = text.as_str();
    loop {
        let (head, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        // An interim response to Expect stands before the real one.
        if status == 100 {
            rest = body;
            continue;
        }
        return Response {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        };
    }
}
