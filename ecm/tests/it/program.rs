//! The real `ecm` command with a configuration of its own.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::vault::soon;

/// What both secrets of [`configured`] are.
pub const SECRET: &str = "canary-s3cret";

/// The command, its secrets in the environment.
pub fn ecm(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = with_secrets(env!("CARGO_BIN_EXE_ecm"), directory);
    command.args(arguments);
    command
}

/// Any program with the secrets in its environment.
pub fn with_secrets(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env("CLIENT_SECRET", SECRET)
        .env("API_PASSWORD", SECRET)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Its exit code, standard output and standard error; neither shows a secret.
pub async fn output(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    ended(&mut ecm(directory, arguments)).await
}

/// The same for a command that was prepared otherwise.
pub async fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = soon(command.output()).await.unwrap();
    let (stdout, stderr) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    );
    assert!(
        !stdout.contains(SECRET) && !stderr.contains(SECRET),
        "{stdout}{stderr}"
    );
    (status.code(), stdout, stderr)
}

/// A configuration in a directory of its own.
pub fn configured(site_url: &str, vault_url: &str, more: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
[appliance]
site_url = "{site_url}"
client_id = "ecm-client"
client_secret = "env:CLIENT_SECRET"
[vault.secret-server]
endpoint_url = "{vault_url}/SecretServer/webservices/SSWebService.asmx"
allow_plain_http = true
api_user = "svc"
api_password = "env:API_PASSWORD"
{more}
"#
    );
    std::fs::write(directory.path().join("ecm.toml"), text).unwrap();
    directory
}
