//! The bytes: request envelopes in, result documents out.
//!
//! Written from soap:§1.4 to soap:§1.7 alone. Nothing here knows what an operation does; the
//! schema says what its parameters look like.

mod characters;
pub(crate) mod decode;
pub(crate) mod envelope;
pub(crate) mod parameters;
pub(crate) mod reply;
pub(crate) mod xml;

/// Namespace of a SOAP 1.1 envelope.
pub(crate) const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of a SOAP 1.2 envelope.
pub(crate) const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// Namespace of `nil` and `type`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Namespace of XML Schema.
pub(crate) const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// The two envelope versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
}

impl Version {
    /// Namespace of the envelope.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => SOAP11,
            Self::Soap12 => SOAP12,
        }
    }

    /// Content type of a reply.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }
}
