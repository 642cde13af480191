//! SOAP faults as the platform writes them, byte by byte (documented soap:§1.7).

use crate::wire::reply::escape_text;
use crate::wire::{SOAP11, SOAP12, Version, XSD, XSI};

/// A fault.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    code: Code,
    text: String,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Client,
    Server,
    VersionMismatch,
    MustUnderstand,
}

impl Code {
    fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Client, Version::Soap11) => "soap:Client",
            (Self::Client, Version::Soap12) => "soap:Sender",
            (Self::Server, Version::Soap11) => "soap:Server",
            (Self::Server, Version::Soap12) => "soap:Receiver",
            (Self::VersionMismatch, _) => "soap:VersionMismatch",
            (Self::MustUnderstand, _) => "soap:MustUnderstand",
        }
    }
}

impl Fault {
    /// The SOAPAction header names no operation.
    pub(crate) fn action_not_recognized(action: &str) -> Self {
        Self::client(format!(
            "Server did not recognize the value of HTTP Header SOAPAction: {action}."
        ))
    }

    /// Neither the action nor the body names an operation.
    pub(crate) fn no_operation(action: Option<&str>) -> Self {
        Self::client(match action {
            None => "Unable to handle request without a valid action parameter. Please supply a \
                     valid soap action."
                .to_owned(),
            Some(action) => {
                format!("Unable to handle request. The action '{action}' was not recognized.")
            }
        })
    }

    /// The request was not understood.
    pub(crate) fn unreadable(why: &str) -> Self {
        Self::client(format!("Server was unable to read request. ---> {why}"))
    }

    /// The request was understood, and failed.
    pub(crate) fn unprocessed(why: &str) -> Self {
        let text = format!("Server was unable to process request. ---> {why}");
        Self {
            code: Code::Server,
            text,
        }
    }

    /// The root of the document is in no SOAP namespace.
    pub(crate) fn version_mismatch(namespace: &str) -> Self {
        let text = format!(
            "Possible SOAP version mismatch: Envelope namespace {namespace} was unexpected. \
             Expecting {SOAP11}."
        );
        Self {
            code: Code::VersionMismatch,
            text,
        }
    }

    /// A header had to be understood and was not.
    pub(crate) fn not_understood(header: &str) -> Self {
        let text = format!("SOAP header {header} was not understood.");
        Self {
            code: Code::MustUnderstand,
            text,
        }
    }

    /// The operation stands in the WSDL, but has nothing behind it here. Our own words, so that a
    /// test can tell it from an operation that does not exist.
    pub(crate) fn not_mocked(operation: &str) -> Self {
        Self::unprocessed(&format!("{operation} is known but not mocked."))
    }

    /// The text without the engine's words before it: what the HTTP bindings say.
    pub(crate) fn cause(&self) -> &str {
        self.text.rsplit(" ---> ").next().unwrap_or("")
    }

    fn client(text: String) -> Self {
        Self {
            code: Code::Client,
            text,
        }
    }

    /// The whole document.
    pub(crate) fn write(&self, version: Version) -> String {
        let mut text = String::with_capacity(self.text.len());
        escape_text(&mut text, &self.text);
        let code = self.code.name(version);
        let header = if self.code == Code::VersionMismatch {
            upgrade()
        } else {
            String::new()
        };
        // A fault about a header has no detail: that would be about the body.
        let has_detail = self.code != Code::MustUnderstand;
        let fault = match version {
            Version::Soap11 => format!(
                "<faultcode>{code}</faultcode><faultstring>{text}</faultstring>{}",
                if has_detail { "<detail />" } else { "" }
            ),
            Version::Soap12 => format!(
                "<soap:Code><soap:Value>{code}</soap:Value></soap:Code><soap:Reason>\
                 <soap:Text xml:lang=\"en\">{text}</soap:Text></soap:Reason>{}",
                if has_detail { "<soap:Detail />" } else { "" }
            ),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{}\" \
             xmlns:xsi=\"{XSI}\" xmlns:xsd=\"{XSD}\">{header}<soap:Body><soap:Fault>{fault}\
             </soap:Fault></soap:Body></soap:Envelope>",
            version.namespace()
        )
    }
}

/// The header that names both envelopes.
fn upgrade() -> String {
    format!(
        "<soap:Header><soap12:Upgrade xmlns:soap12=\"{SOAP12}\">\
         <soap12:SupportedEnvelope xmlns:soap=\"{SOAP11}\" qname=\"soap:Envelope\" />\
         <soap12:SupportedEnvelope qname=\"soap12:Envelope\" />\
         </soap12:Upgrade></soap:Header>"
    )
}
