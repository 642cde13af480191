//! The real command: its ready line, its files, its signals, and what it says of bad input.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};

use sim_kit::ready::Ready;
use sim_kit::seeded::CANARY_MARK;

/// The command, stopped when the test ends.
struct Running {
    child: Child,
    ready: Ready,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let ready = Ready::parse(&line).unwrap_or_else(|| panic!("not a ready line: {line:?}"));
        Self { child, ready }
    }

    /// Sends a signal and gives the exit code.
    fn signalled(mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-secret-server"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn the_ready_line_leads_to_a_server_that_a_signal_stops_without_a_trace() {
    for signal in ["-TERM", "-INT"] {
        let running = Running::start(&["--tls", "off", "--seed", "7"]);
        let ready = running.ready.clone();
        assert_eq!((ready.name.as_str(), ready.seed), ("mock-secret-server", 7));
        assert!(ready.ca_file.is_none(), "nothing to trust without TLS");
        let secrets = ready.secrets_file.unwrap();
        let mode = secrets.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            std::fs::read_to_string(&secrets)
                .unwrap()
                .contains(CANARY_MARK)
        );
        let address = ready.control_url.strip_prefix("http://").unwrap();
        let (address, prefix) = address.split_at(address.find('/').unwrap());
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        write!(
            socket,
            "GET {prefix}/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert_eq!(running.signalled(signal), Some(0), "{signal}");
        assert!(!secrets.exists(), "the secrets go with the server");
    }
}

#[test]
fn a_user_without_the_second_factor_that_it_needs_is_warned_of_before_the_ready_line() {
    let directory = tempfile::tempdir().unwrap();
    let lab = directory.path().join("lab.toml");
    let text = "[[secret-server.users]]\nname = 'kim'\ntwo_factor = 'both'\n";
    std::fs::write(&lab, text).unwrap();
    let mut running = Running::start(&["--tls", "off", "--lab", lab.to_str().unwrap()]);
    let mut log = running.child.stderr.take().unwrap();
    assert_eq!(running.signalled("-TERM"), Some(0));
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    let warning = said.lines().find(|line| line.contains("WARN")).unwrap();
    assert!(
        warning.contains("user `kim` needs a second factor"),
        "{warning}"
    );
}

#[test]
fn bad_input_is_one_line_with_the_cure_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let lab = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown_key = lab("key.toml", "[secret-server]\nuser = []\n");
    let literal = lab(
        "literal.toml",
        "[[secret-server.users]]\nname = 'joe'\npassword = 'hunter2'\n",
    );
    let stranger = lab(
        "stranger.toml",
        "[[secret-server.secrets]]\nname = 'x'\ntemplate = 'No Such Template'\n",
    );
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let cases = [
        (vec!["--lab", &unknown_key], "did you mean \"users\"?"),
        (vec!["--lab", &literal], "a literal secret is refused"),
        (vec!["--lab", &stranger], "No Such Template"),
        (vec!["--lab", "/no/such/lab.toml"], "/no/such/lab.toml"),
        (vec!["--listen", &taken], "the port is in use"),
        (vec!["--tls", "on"], "write auto, off, or CERT,KEY"),
        (vec!["--control", "0.0.0.0:0"], "--control-token"),
        (
            vec!["--control-token", "hunter2"],
            "a literal token is refused",
        ),
    ];
    for (arguments, cure) in cases {
        let Output {
            status,
            stdout,
            stderr,
        } = command(&arguments).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {said}");
        assert!(stdout.is_empty(), "{arguments:?}: no ready line");
        assert!(said.contains(cure), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(
            !said.contains("hunter2") && !said.contains("panicked"),
            "{said}"
        );
    }
    drop(holder);
}
