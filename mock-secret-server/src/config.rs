//! What an administrator can switch at the web service itself, and how this simulator dresses its
//! bytes: the `[secret-server.protocol]` table of a lab.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sim_kit::exchange::Request;

use crate::fault_codes::Told;
use crate::settings::path;
use crate::wsdl::Flavor;

/// Switches of the protocol engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Virtual directory of an on-premises installation; empty for an installation at the site's
    /// root (documented soap:§1.1).
    #[serde(deserialize_with = "path::directory")]
    pub virtual_directory: String,
    /// *Allow HTTP Get*: the GET binding. The recorded service has that port.
    pub http_get: bool,
    /// The POST binding for every caller. The recorded service has that port.
    pub http_post: bool,
    /// Clients may choose HTTP/2 over TLS, as they may with IIS 10 (documented by Microsoft,
    /// *HTTP/2 on IIS*).
    pub http2: bool,
    /// `HttpPostLocalhost`: the POST binding for callers on this machine, also when it is off for
    /// others. On in a stock installation (documented soap:§1.4).
    pub http_post_localhost: bool,
    /// The page of one operation has a form to try it, for callers on this machine (documented
    /// soap:§1.3).
    pub test_form: bool,
    /// How much a fault tells (documented soap:§1.7).
    pub custom_errors: CustomErrors,
    /// `maxRequestLength`: the longest request body, KB. Stock ASP.NET's number; Secret Server's is
    /// not known (assumed soap:§1.7).
    pub max_request_length_kb: u32,
    /// Whose page answers for a path with nothing behind it (assumed soap:§7 item 6).
    pub not_found_page: NotFoundPage,
    /// IIS puts its own page into the empty bodies of 400 and 415 (assumed soap:§1.7).
    pub iis_fills_empty_errors: bool,
    /// The header `Server` (assumed soap:§7 item 12).
    pub server_header: bool,
    /// The header `X-AspNet-Version` (assumed soap:§7 item 12).
    pub aspnet_version_header: bool,
    /// The header `X-Powered-By` (assumed soap:§7 item 12).
    pub powered_by_header: bool,
    /// What `?WSDL` gives. The other document is always at `?wsdl-soap-only`.
    pub wsdl: WsdlFlavor,
    /// Answers that are legal but that few clients have met: other prefixes, white space and
    /// comments between elements, character references, `xsi:nil` against omission, rows in
    /// another order, tokens that die early. Off unless a seed is given; the same seed gives the
    /// same oddities.
    pub awkward_seed: Option<u64>,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            virtual_directory: "/SecretServer".into(),
            http_get: true,
            http_post: true,
            http2: true,
            http_post_localhost: true,
            test_form: true,
            custom_errors: CustomErrors::On,
            max_request_length_kb: 4096,
            not_found_page: NotFoundPage::AspNet,
            iis_fills_empty_errors: false,
            server_header: true,
            aspnet_version_header: true,
            powered_by_header: true,
            wsdl: WsdlFlavor::Full,
            awkward_seed: None,
        }
    }
}

impl Protocol {
    /// The longest request body, bytes.
    #[must_use]
    pub fn request_bytes_max(&self) -> usize {
        usize::try_from(self.max_request_length_kb).map_or(usize::MAX, |kb| kb.saturating_mul(1024))
    }

    /// How much this request's caller is told when something fails.
    pub(crate) fn told(&self, request: &Request) -> Told {
        match self.custom_errors {
            CustomErrors::On => Told::Messages,
            CustomErrors::Off => Told::Everything,
            CustomErrors::RemoteOnly if is_local(request) => Told::Everything,
            CustomErrors::RemoteOnly => Told::Messages,
        }
    }
}

/// Whether a request comes from this machine, by its address or by the name that it asked for
/// (documented soap:NETFX).
pub(crate) fn is_local(request: &Request) -> bool {
    let peer = request.peer.ip().to_canonical();
    if peer.is_loopback() || peer == request.local.ip().to_canonical() {
        return true;
    }
    let authority = request.authority();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => &authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// `customErrors`: how much a fault tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CustomErrors {
    /// The messages of the exceptions.
    On,
    /// Callers on this machine get the exceptions' types and stacks as well.
    RemoteOnly,
    /// Every caller gets them.
    Off,
}

/// Whose page answers for a path with nothing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotFoundPage {
    /// "The resource cannot be found."
    AspNet,
    /// "404 - File or directory not found."
    Iis,
    /// One of Secret Server's own.
    Product,
}

/// Which service description is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WsdlFlavor {
    /// As the vendor's, with the HTTP ports.
    Full,
    /// For SOAP stacks that cannot resolve the import of the SOAP encoding (soap:§5).
    SoapOnly,
}

impl From<WsdlFlavor> for Flavor {
    fn from(flavor: WsdlFlavor) -> Self {
        match flavor {
            WsdlFlavor::Full => Self::Full,
            WsdlFlavor::SoapOnly => Self::SoapOnly,
        }
    }
}
