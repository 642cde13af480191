//! What a large lab takes of the memory, as the system counts it.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const ROWS: usize = 20_000;
/// The goal is 700, which a development build comes near. Twice as much would be seen.
const BYTES_MAX: usize = 1_000;

struct Running(Child);

impl Running {
    /// The program with a lab of this text, once it is ready.
    fn with(lab: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lab.toml");
        std::fs::write(&file, lab).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mock-secret-server"))
            .args(["--tls", "off", "--lab"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("READY "), "{line:?}");
        Self(child)
    }

    /// Memory of its own, without the program's file.
    fn bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rows() -> String {
    let row = |number: usize| {
        format!(
            "[[secret-server.secrets]]\nname = \"srv{number:05}.acme.example admin\"\n\
             template = \"Windows Account\"\nfolder = \"Servers\"\n\
             fields = {{ Machine = \"srv{number:05}.acme.example\", Username = \"admin\" }}\n\
             passwords = {{ Password = \"generate\" }}\n\n"
        )
    };
    let rows = (0..ROWS).map(row);
    "[[secret-server.folders]]\npath = \"Servers\"\n".to_owned() + &rows.collect::<String>()
}

#[test]
fn each_secret_of_a_large_lab_takes_little_memory() {
    let (few, many) = (Running::with(""), Running::with(&rows()));
    let each = many.bytes().saturating_sub(few.bytes()) / ROWS;
    assert!(each <= BYTES_MAX, "{each} bytes");
}
