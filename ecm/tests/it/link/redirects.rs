//! The answer to the WebSocket upgrade points elsewhere.

use std::process::Stdio;

use ecm::link::LinkState;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Child;

use super::appliance::Appliance;
use super::rig::Ecm;
use crate::program::{SECRET, configured, ecm};
use crate::tls::{Authority, GOOD, acceptor, authority};
use crate::vault::soon;

/// The line of the log in which an ECM says why the link could not be opened.
async fn why_not(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let line = soon(lines.next_line()).await.unwrap();
        let line = line.expect("the ECM to say why");
        assert!(!line.contains("READY") && !line.contains(SECRET), "{line}");
        if line.contains("failed to connect to the appliance") {
            return line;
        }
    }
}

/// What the log says of an upgrade that was redirected to `location`.
async fn redirected(authority: &Authority, location: &str) -> String {
    let appliance = Appliance::start_tls(acceptor(authority, GOOD, &[])).await;
    appliance.redirect_upgrade(location);
    let directory = configured(&appliance.url, "http://localhost:1", "");
    let file = directory.path().join("ecm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let ca_file = format!("ca_file = {:?}\nclient_id", authority.file);
    std::fs::write(&file, text.replace("client_id", &ca_file)).unwrap();
    let mut child = ecm(directory.path(), &["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = why_not(&mut child).await;
    child.kill().await.unwrap();
    assert_eq!(appliance.seen().len(), 2, "{:?}", appliance.seen());
    line
}

#[tokio::test]
async fn a_redirected_upgrade_is_not_followed_and_a_downgrade_is_named_as_one() {
    const DOWNGRADE: &str = "redirects the link from https to plain http, ";
    const ELSEWHERE: &str = "redirects the link to ";
    let authority = authority("Lab CA");
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("localhost:{}", target.local_addr().unwrap().port());
    for (location, says, shown) in [
        (
            format!("http://{host}/api?ticket=x"),
            DOWNGRADE,
            format!("http://{host}/api"),
        ),
        (
            format!("HTTP://{host}/"),
            DOWNGRADE,
            format!("HTTP://{host}/"),
        ),
        (
            format!("https://{host}/api#x"),
            ELSEWHERE,
            format!("https://{host}/api"),
        ),
        (format!("//{host}/"), ELSEWHERE, format!("//{host}/")),
        ("/login".to_owned(), ELSEWHERE, "/login".to_owned()),
    ] {
        let line = redirected(&authority, &location).await;
        let says = format!("the appliance {says}{shown}, which is not followed");
        assert!(line.contains(&says), "{line}");
        let cure = match says.contains(DOWNGRADE) {
            true => "redirect to https addresses only",
            false => "set appliance.site_url to the address that finally answers",
        };
        assert!(line.contains(cure), "{line}");
    }
    // Nobody came to where the answers pointed, so nobody brought a token there.
    let came = std::future::poll_fn(|context| {
        std::task::Poll::Ready(target.poll_accept(context).is_ready())
    });
    assert!(!came.await, "a redirect was followed");
}

#[tokio::test]
async fn after_a_redirect_the_ecm_asks_its_own_appliance_again() {
    let mut appliance = Appliance::start().await;
    appliance.redirect_upgrade("http://localhost:1/");
    let mut ecm = Ecm::start(&appliance);
    let _link = appliance.next_link().await;
    let up = ecm
        .state
        .wait_for(|state| matches!(state, LinkState::Up { .. }));
    soon(up).await.unwrap();
    let post = "POST /oauth2/token HTTP/1.1";
    let get = "GET /api/ecm/v1/connect HTTP/1.1";
    assert_eq!(appliance.seen(), [post, get, post, get]);
    ecm.stop().await.0.unwrap();
}
