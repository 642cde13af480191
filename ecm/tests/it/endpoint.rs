//! Jump Item to search terms: the table, and what holds for every input.

use ecm::endpoint::{EndpointRules, TermReason as Why, search_terms};
use ecm::plugin::{JumpItem, JumpItemType};
use proptest::prelude::*;

fn item(item_type: JumpItemType, hostname: &str) -> JumpItem {
    JumpItem {
        hostname: Some(hostname.into()),
        ..JumpItem::new(item_type, "item")
    }
}

fn check(item: &JumpItem, expected: &[(&str, Why)]) {
    let plan = search_terms(item, &EndpointRules::default());
    let found: Vec<_> = plan
        .terms
        .iter()
        .map(|term| (term.text.as_str(), term.reason))
        .collect();
    assert_eq!(found, expected, "{item:?}");
}

#[test]
fn host_names_lose_port_and_trailing_dot_and_gain_their_short_form() {
    use JumpItemType::{RemoteRdp, ShellJump};
    check(&item(RemoteRdp, "WEB01"), &[("WEB01", Why::Hostname)]);
    check(
        &item(RemoteRdp, "web01.acme.example"),
        &[
            ("web01.acme.example", Why::Hostname),
            ("web01", Why::ShortName),
        ],
    );
    check(
        &item(RemoteRdp, "web01.acme.example.:3389"),
        &[
            ("web01.acme.example", Why::TidiedHostname),
            ("web01.acme.example:3389", Why::HostAndPort),
            ("web01", Why::ShortName),
        ],
    );
    check(
        &item(ShellJump, "db01:22"),
        &[("db01", Why::TidiedHostname), ("db01:22", Why::HostAndPort)],
    );
    check(&item(ShellJump, "10.0.0.7"), &[("10.0.0.7", Why::Hostname)]);
    check(
        &item(ShellJump, "10.0.0.7:22"),
        &[
            ("10.0.0.7", Why::TidiedHostname),
            ("10.0.0.7:22", Why::HostAndPort),
        ],
    );
    check(
        &item(ShellJump, "[fd00::7]:22"),
        &[
            ("fd00::7", Why::TidiedHostname),
            ("[fd00::7]:22", Why::HostAndPort),
        ],
    );
    let own_port = |hostname| JumpItem {
        port: Some(2222),
        ..item(ShellJump, hostname)
    };
    check(
        &own_port("db01"),
        &[("db01", Why::Hostname), ("db01:2222", Why::HostAndPort)],
    );
    check(
        &own_port("db01:22"),
        &[("db01", Why::TidiedHostname), ("db01:22", Why::HostAndPort)],
    );
    check(&item(ShellJump, "fd00::7"), &[("fd00::7", Why::Hostname)]);
}

#[test]
fn a_jump_client_brings_its_private_addresses() {
    let mut client = item(JumpItemType::JumpClient, "lap07");
    client.additional_ips = vec![
        "10.1.2.3".into(),
        "203.0.113.9".into(),
        "127.0.0.1".into(),
        "fe80::1".into(),
        "2001:db8::7".into(),
        "nonsense".into(),
    ];
    check(
        &client,
        &[
            ("lap07", Why::Hostname),
            ("10.1.2.3", Why::AdditionalAddress),
            ("2001:db8::7", Why::AdditionalAddress),
        ],
    );
    let open = EndpointRules {
        public_addresses: true,
        ..EndpointRules::default()
    };
    let terms = search_terms(&client, &open).terms;
    assert!(
        terms.iter().any(|term| term.text == "203.0.113.9"),
        "{terms:?}"
    );
}

#[test]
fn other_types_do_not_use_addresses_or_application_names() {
    let mut rdp = item(JumpItemType::RemoteRdp, "web01");
    rdp.additional_ips = vec!["10.1.2.3".into()];
    rdp.application_name = Some("Payroll".into());
    rdp.url = Some("https://web01.acme.example/".into());
    check(&rdp, &[("web01", Why::Hostname)]);
    assert_eq!(
        search_terms(&rdp, &EndpointRules::default()).left_out.len(),
        3
    );
}

#[test]
fn an_address_that_is_left_out_is_named_only_if_it_cannot_hold_a_secret() {
    let plain = "web01.acme.example/console";
    for (url, named) in [
        (plain, plain),
        ("joe:t@web01.acme.example/", "the address"),
        ("web01.acme.example/?token=t", "the address"),
        ("web01.acme.example/#t", "the address"),
    ] {
        let mut rdp = item(JumpItemType::RemoteRdp, "web01");
        rdp.url = Some(url.into());
        let plan = search_terms(&rdp, &EndpointRules::default());
        let named_as: Vec<_> = plan.left_out.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(named_as, [named], "{url}");
    }
}

#[test]
fn a_web_jump_is_found_by_host_port_and_whole_address() {
    let web = |url: &str| JumpItem {
        url: Some(url.into()),
        ..JumpItem::new(JumpItemType::WebJump, "intranet")
    };
    check(
        &web("https://erp.acme.example:8443/login"),
        &[
            ("erp.acme.example", Why::UrlHost),
            ("erp.acme.example:8443", Why::UrlHostAndPort),
            ("erp", Why::ShortName),
            ("https://erp.acme.example:8443/login", Why::Url),
        ],
    );
    check(
        &web("https://10.0.0.7/"),
        &[("10.0.0.7", Why::UrlHost), ("https://10.0.0.7/", Why::Url)],
    );
    check(&web("erp/login"), &[("erp", Why::Hostname)]);
    check(&web("https://u:p@erp/"), &[("erp", Why::UrlHost)]);
    check(&web("u:p@erp/login"), &[("erp", Why::Hostname)]);
    let misplaced = JumpItem {
        item_type: JumpItemType::RemoteRdp,
        ..web("https://u:p@erp/")
    };
    let plan = search_terms(&misplaced, &EndpointRules::default());
    assert!(
        plan.left_out.iter().all(|left| !left.what.contains("u:p")),
        "{plan:?}"
    );
}

#[test]
fn a_tunnel_is_found_by_host_name_and_by_address() {
    let mut tunnel = JumpItem {
        url: Some("https://k8s.acme.example:6443/".into()),
        ..JumpItem::new(JumpItemType::ProtocolTunnel, "cluster")
    };
    let by_url = [
        ("k8s.acme.example", Why::UrlHost),
        ("k8s.acme.example:6443", Why::UrlHostAndPort),
        ("k8s", Why::ShortName),
        ("https://k8s.acme.example:6443/", Why::Url),
    ];
    check(&tunnel, &by_url);
    tunnel.hostname = Some("k8s-jump".into());
    check(
        &tunnel,
        &[&[("k8s-jump", Why::Hostname)], &by_url[..]].concat(),
    );
}

#[test]
fn a_secure_app_is_found_by_host_and_application() {
    let mut app = item(JumpItemType::SecureApp, "rds01");
    app.application_name = Some("Payroll".into());
    check(
        &app,
        &[("rds01", Why::Hostname), ("Payroll", Why::ApplicationName)],
    );
}

#[test]
fn without_a_host_name_the_items_own_name_is_searched() {
    check(
        &JumpItem::new(JumpItemType::Vpro, "kiosk3"),
        &[("kiosk3", Why::ItemName)],
    );
    check(&item(JumpItemType::Vpro, " : "), &[(":", Why::Hostname)]);
}

#[test]
fn the_number_of_searches_is_bounded_and_the_rest_is_named() {
    let mut client = item(JumpItemType::JumpClient, "lap07.acme.example");
    client.additional_ips = (0..20).map(|last| format!("10.0.0.{last}")).collect();
    let plan = search_terms(&client, &EndpointRules::default());
    assert_eq!((plan.terms.len(), plan.left_out.len()), (8, 14));
}

proptest! {
    #[test]
    fn any_item_gives_a_bounded_stable_list_without_duplicates(
        kind in 0..JumpItemType::ALL.len(),
        name in "\\PC{0,8}",
        hostname in proptest::option::of("(\\PC{0,12}|[aA]{1,2}(\\.[aA]{0,2}){0,2}(:[0-9]{0,6})?)"),
        url in proptest::option::of("(\\PC{0,16}|https?://[a-c@:]{1,6}(:[0-9]{1,5})?/[a-c]{0,3})"),
        additional_ips in proptest::collection::vec("(\\PC{0,8}|10\\.0\\.0\\.[0-9])", 0..12),
        application_name in proptest::option::of("\\PC{0,8}"),
    ) {
        let mut item = JumpItem::new(JumpItemType::ALL[kind], name);
        item.hostname = hostname;
        item.url = url;
        item.additional_ips = additional_ips;
        item.application_name = application_name;
        let rules = EndpointRules::default();
        let plan = search_terms(&item, &rules);
        prop_assert_eq!(&plan, &search_terms(&item, &rules));
        prop_assert!(plan.terms.len() <= rules.terms_max);
        let mut seen: Vec<_> = plan.terms.iter().map(|term| term.text.to_lowercase()).collect();
        prop_assert!(seen.iter().all(|text| !text.is_empty()));
        seen.sort();
        let all = seen.len();
        seen.dedup();
        prop_assert_eq!(seen.len(), all);
    }
}
