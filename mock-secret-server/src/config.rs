//! What an administrator can switch at the web service itself, and how this simulator dresses its
//! bytes: the `[secret-server.protocol]` table of a lab.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The POST binding. The recorded service has that port.
    pub http_post: bool,
    /// Clients may choose HTTP/2 over TLS, as they may with IIS 10 (documented by Microsoft,
    /// *HTTP/2 on IIS*).
    pub http2: bool,
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
            wsdl: WsdlFlavor::Full,
            awkward_seed: None,
        }
    }
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
