//! Every behaviour that the vendor has not published, as a named setting with the default of
//! soap:§3.3 and soap:§7, beside the switches that an administrator has.
//!
//! A setting whose comment says *assumed* is our reading; change it when a real server is seen to
//! differ.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of one vault: the `[secret-server.settings]` table of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which edition answers.
    pub profile: Profile,
    /// What `VersionGet` and `GetTokenIsValid` say (format: documented soap:§3.2).
    pub version: String,
    /// *Enable Webservices*, and what a caller meets when it is off (assumed soap:§1.7).
    pub web_services: WebServices,
    /// *Zero information disclosure*: one general message replaces every text (documented
    /// soap:§1.1).
    pub zero_information: bool,
    /// That general message.
    pub zero_information_text: String,
    /// *Unlimited administration mode*: who has that role permission owns everything and is never
    /// stopped by a check-out (documented soap:§3.7).
    pub unlimited_administration: bool,

    /// Code of the Secret Server Online organisation; empty for every other edition, which then
    /// refuses any code (documented soap:§3.1).
    pub organization: String,
    /// Text of every failed log-on (recorded soap:§3.6).
    pub login_failed_text: String,
    /// Text of a log-on with an expired local password; assumed to be the same.
    pub expired_password_text: String,
    /// Text for an address that is not allowed (recorded as a substring, soap:§3.6).
    pub ip_not_allowed_text: String,
    /// Addresses that may log on; empty allows all.
    pub ip_allow: Vec<IpRange>,
    /// Wrong passwords in a row that lock an account; 0 never locks. The number is assumed.
    pub lock_out_attempts: u32,
    /// How long an account stays locked, minutes; 0 until an operator unlocks it (assumed).
    pub lock_out_minutes: u32,
    /// *Local user password expiration*, days; 0 never (checklist row 33).
    pub local_password_expiry_days: u32,
    /// Whether a domain is also known by its short (NetBIOS) name (assumed). Read when the vault
    /// starts.
    pub short_domain_names: bool,

    /// *Session Timeout for Webservices*, minutes; 0 is unlimited (documented soap:§3.2).
    pub token_lifetime_minutes: u32,
    /// Whether use prolongs a token (assumed fixed, soap:§7 item 10).
    pub token_lifetime: TokenLifetime,
    /// Text for a dead or missing token (assumed, soap:§7 item 2).
    pub dead_token_text: String,
    /// `MaxOfflineSeconds` of `GetTokenIsValid` (assumed).
    pub max_offline_seconds: i32,

    /// Text while the user has not answered (assumed soap:§3.3).
    pub trust_pending_text: String,
    /// Leaves `Errors` empty while pending, so that only `AuthorizeURL` tells (assumed soap:§3.3).
    pub trust_pending_errors_empty: bool,
    /// Minutes before a further call sends another mail (assumed soap:§3.3).
    pub trust_mail_interval_minutes: u32,
    /// Text after the user said no (assumed soap:§3.3).
    pub trust_denied_text: String,
    /// Whether a call after a denial asks the user again (assumed soap:§3.3).
    pub trust_denied_asks_again: bool,
    /// What becomes of tokens already issued when the user takes the approval back (assumed
    /// soap:§3.3).
    pub live_tokens_on_revoke: LiveTokens,
    /// Text for a target that does not exist or is disabled (assumed soap:§3.3).
    pub unknown_target_text: String,
    /// Path below the application's root where a user answers (assumed).
    pub authorize_path: String,

    /// Whether search compares values by case (assumed not, soap:§7 item 7).
    pub search_case_sensitive: bool,
    /// Whether search trims the term (assumed not, soap:§7 item 7).
    pub search_trims_term: bool,

    /// Leaves `Errors` empty where `SecretError` is filled (assumed not, soap:§7 item 4).
    pub secret_error_only: bool,
    /// Minutes in which a second view needs no second comment: *Secret View Interval* (documented
    /// soap:§3.5; the number is assumed).
    pub secret_view_interval_minutes: u32,
    /// What stands behind "currently checked out to", `{}` being the holder (assumed, soap:§7
    /// item 5).
    pub checked_out_tail: String,
    /// `Value` of a file item (assumed the file's name, soap:§7 item 9).
    pub file_item_value: FileItemValue,
    /// `Value` of a password that *Hide Launcher Password* hides from the caller (assumed blank,
    /// soap:§3.5).
    pub hidden_launcher_password: HiddenPassword,

    /// The global check-out interval, minutes (documented soap:§3.7).
    pub check_out_minutes: u32,
    /// `CheckIn` of a secret that nobody holds (assumed success, soap:§7 item 8).
    pub check_in_of_free_secret: FreeCheckIn,
    /// How long a password change runs, seconds; the secret cannot be read meanwhile (documented
    /// soap:§3.7; the time is assumed).
    pub password_change_s: u32,
    /// Hours of an approval whose call names none (assumed).
    pub approval_hours: u32,
    /// Host of the SSH proxy (assumed).
    pub ssh_proxy_host: String,
    /// Port of the SSH proxy (assumed).
    pub ssh_proxy_port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: Profile::OnPremises,
            version: "10.3.000015".into(),
            web_services: WebServices::On,
            zero_information: false,
            zero_information_text:
                "An error occurred in the application. Please contact your administrator.".into(),
            unlimited_administration: false,
            organization: String::new(),
            login_failed_text: "Login failed.".into(),
            expired_password_text: "Login failed.".into(),
            ip_not_allowed_text: "IP Address is not allowed".into(),
            ip_allow: Vec::new(),
            lock_out_attempts: 5,
            lock_out_minutes: 0,
            local_password_expiry_days: 0,
            short_domain_names: true,
            token_lifetime_minutes: 20,
            token_lifetime: TokenLifetime::Fixed,
            dead_token_text: "Authentication failed or expired token.".into(),
            max_offline_seconds: 0,
            trust_pending_text: "Impersonation request is pending approval by the user.".into(),
            trust_pending_errors_empty: false,
            trust_mail_interval_minutes: 60,
            trust_denied_text: "Impersonation request was denied by the user.".into(),
            trust_denied_asks_again: false,
            live_tokens_on_revoke: LiveTokens::Keep,
            unknown_target_text: "User not found.".into(),
            authorize_path: "/ManageApplications.aspx".into(),
            search_case_sensitive: false,
            search_trims_term: false,
            secret_error_only: false,
            secret_view_interval_minutes: 5,
            checked_out_tail: "{}.".into(),
            file_item_value: FileItemValue::Name,
            hidden_launcher_password: HiddenPassword::Blank,
            check_out_minutes: 30,
            check_in_of_free_secret: FreeCheckIn::Succeed,
            password_change_s: 0,
            approval_hours: 24,
            ssh_proxy_host: "ssh-proxy.example".into(),
            ssh_proxy_port: 22,
        }
    }
}

/// Which edition answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Secret Server Cloud: the application is the site's root.
    Cloud,
    /// An installation under the virtual directory `/SecretServer`.
    OnPremises,
    /// The Delinea Platform, which has no SOAP service and refuses every call (documented
    /// soap:§3.11).
    Platform,
}

/// *Enable Webservices*, with the three things that a caller may meet when it is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WebServices {
    /// The service answers.
    On,
    /// Every call is answered with a text in `Errors`.
    OffText,
    /// The path is not found: a 404 page.
    OffNotFound,
    /// The path leads to the log-in page.
    OffLogInPage,
}

/// Whether use prolongs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenLifetime {
    /// It ends so long after its issue.
    Fixed,
    /// It ends so long after its last use.
    Sliding,
}

/// What becomes of live tokens when trust is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LiveTokens {
    /// They live until they expire.
    Keep,
    /// They die at once.
    End,
}

/// `Value` of a file item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileItemValue {
    /// The file's name.
    Name,
    /// Nothing.
    Empty,
}

/// What a caller without Edit gets for a password that is hidden from launchers' users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenPassword {
    /// The item with an empty value.
    Blank,
    /// A refusal of the whole secret.
    Refuse,
}

/// The answer to `CheckIn` of a secret that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FreeCheckIn {
    /// Success without effect.
    Succeed,
    /// A text in `Errors`.
    Refuse,
}

/// A network: an address, alone or with a prefix length (`10.0.0.0/8`, `::1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct IpRange {
    address: IpAddr,
    prefix: u8,
}

impl IpRange {
    /// Whether the network holds `address`. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                let ignored = 32 - u32::from(self.prefix);
                u64::from(net.to_bits()) >> ignored == u64::from(one.to_bits()) >> ignored
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => {
                let differing = net.to_bits() ^ one.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl From<IpRange> for String {
    fn from(range: IpRange) -> Self {
        format!("{}/{}", range.address, range.prefix)
    }
}

impl TryFrom<String> for IpRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let cure = || format!("`{text}` is no address or network; write 10.1.2.3 or 10.0.0.0/8");
        let (address, prefix) = text.split_once('/').unwrap_or((&text, ""));
        let address: IpAddr = address.parse().map_err(|_| cure())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = if prefix.is_empty() {
            longest
        } else {
            prefix.parse().map_err(|_| cure())?
        };
        if prefix > longest {
            Err(cure())
        } else {
            Ok(Self { address, prefix })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "10.0.0.1", false),
        ];
        for (network, address, expected) in cases {
            let range = IpRange::try_from(network.to_owned()).unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                expected,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn a_bad_network_names_itself_and_the_cure() {
        for bad in ["10.0.0.0/33", "10.0.0", "x/8", "10.0.0.0/x"] {
            let error = IpRange::try_from(bad.to_owned()).unwrap_err();
            assert!(
                error.contains(bad) && error.contains("10.0.0.0/8"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_empty_table_gives_the_defaults_and_an_unknown_key_is_refused() {
        assert_eq!(toml::from_str::<Settings>("").unwrap(), Settings::default());
        assert!(toml::from_str::<Settings>("token_lifetime_minute = 5").is_err());
    }
}
