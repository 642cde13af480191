//! Large labs, and a vault simulator that runs one.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A simulator that is ready.
pub(crate) struct Running(Child);

/// Bytes, nothing where the system does not tell.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// Without the files of the program.
    pub(crate) own: u64,
}

impl Running {
    /// Starts the simulator of this name with a lab, and waits until it is ready.
    pub(crate) fn start(simulator: &str, lab: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_ecm-lab"))
            .args(["mock", simulator, "--tls", "off", "--lab"])
            .arg(lab)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut running = Self(child.unwrap());
        let mut line = String::new();
        let mut out = BufReader::new(running.0.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("READY "), "{line:?}");
        running
    }

    /// What it takes now.
    pub(crate) fn memory(&self) -> Memory {
        let path = format!("/proc/{}/status", self.0.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib = line.and_then(|line| line.split_whitespace().nth(1));
            kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Memory {
            resident: of("VmRSS:"),
            own: of("RssAnon:"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A lab of Secret Server: two secrets for each machine, in a hundred folders.
pub(crate) fn secrets(rows: usize) -> String {
    let user = "[[secret-server.users]]\nname = \"alice\"\npassword = \"generate\"\n";
    let folders: String = (0..100)
        .map(|number| {
            format!(
                "[[secret-server.folders]]\npath = \"Servers {number:03}\"\n\
                 permissions = [{{ to = \"alice\", level = \"view\" }}]\n"
            )
        })
        .collect();
    let row = |number: usize| {
        let (folder, admin) = (number * 100 / rows, number % 2);
        let machine = format!(
            "srv{:05}.site{:03}.acme.example",
            number / 2,
            number / 2 % 100
        );
        format!(
            "[[secret-server.secrets]]\nname = \"{machine} admin{admin}\"\n\
             template = \"Windows Account\"\nfolder = \"Servers {folder:03}\"\n\
             fields = {{ Machine = \"{machine}\", Username = \"admin{admin}\" }}\n\
             passwords = {{ Password = \"generate\" }}\n\n"
        )
    };
    let rows: String = (0..rows).map(row).collect();
    format!("{user}{folders}{rows}")
}

/// A lab of Password Safe: ten accounts on each system.
pub(crate) fn accounts(rows: usize) -> String {
    let account = |number: usize| {
        format!(
            "[[password-safe.systems.accounts]]\nname = \"account{number:03}\"\n\
             smart-groups = [\"Servers\"]\ndescription = \"Account {number}\"\n\n"
        )
    };
    let system = |number: usize| {
        let accounts: String = (0..10).map(account).collect();
        format!(
            "[[password-safe.systems]]\nname = \"srv{number:05}\"\nplatform = \"Linux\"\n\
             dns = \"srv{number:05}.acme.example\"\ndescription = \"Server {number}\"\n\n{accounts}"
        )
    };
    (0..rows / 10).map(system).collect()
}
