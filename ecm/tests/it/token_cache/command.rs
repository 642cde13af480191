//! `ecm clear-token-cache` where there is nothing to clear.

use crate::program::{configured, output};

#[tokio::test]
async fn clearing_a_cache_that_is_not_on_disk_says_so() {
    let directory = configured("http://localhost:1", "http://localhost:1", "");
    let (code, said, _) = output(directory.path(), &["clear-token-cache"]).await;
    assert_eq!(code, Some(0));
    assert!(said.contains("state.token_cache_key is not set"), "{said}");
    assert!(!directory.path().join("ecm-state").exists());
    let more = "[state]\ntoken_cache_key = \"file:key\"";
    let directory = configured("http://localhost:1", "http://localhost:1", more);
    let arguments = ["clear-token-cache", "--user", "ACME\\joe.user"];
    let (code, said, complaint) = output(directory.path(), &arguments).await;
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            "0 tokens forgotten; no token of this user is on disk: the names are those that \
             `ecm test-settings` shows as Vault user, or the API account's\n"
        ),
        "{complaint}"
    );
    let (code, said, _) = output(directory.path(), &arguments[..1]).await;
    assert_eq!((code, said.as_str()), (Some(0), "0 tokens forgotten\n"));
    assert!(!directory.path().join("key").exists(), "a key was made");
    let text = "[vault.password-safe]\nendpoint_url = \"https://localhost:1\"\n\
                api_registration_key = \"env:API_PASSWORD\"\n[state]\ntoken_cache_key = \"file:key\"";
    std::fs::write(directory.path().join("ecm.toml"), text).unwrap();
    let (code, said, complaint) = output(directory.path(), &arguments).await;
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.contains("forgets its sessions"), "{said}");
}
