//! SOAP faults as the platform writes them, byte by byte (documented soap:§1.7).

use std::borrow::Cow;

use crate::wire::reply::escape_text;
use crate::wire::{SOAP11, SOAP12, Version, XSD, XSI};

/// How much a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The messages of the exceptions.
    Messages,
    /// Their types and stacks as well.
    Everything,
}

/// A .NET exception: what the outermost one wraps stands behind it in a list.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    kind: &'static str,
    message: Cow<'static, str>,
    /// Where it was thrown (assumed: frames of the published engine).
    stack: &'static [&'static str],
}

impl Exception {
    /// What the HTTP bindings and discovery throw.
    pub(crate) fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "System.ArgumentException",
            message: message.into(),
            stack: &["System.Web.Services.Protocols.HttpServerProtocol.ReadParameters()"],
        }
    }

    /// What the HTTP bindings throw at a form or a query that they cannot use.
    pub(crate) fn invalid_form(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "System.InvalidOperationException",
            ..Self::argument(message)
        }
    }

    /// What reading a request throws.
    pub(crate) fn invalid_operation(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "System.InvalidOperationException",
            message: message.into(),
            stack: &["System.Web.Services.Protocols.SoapServerProtocol.ReadParameters()"],
        }
    }

    /// What parsing a value throws.
    pub(crate) fn format(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "System.FormatException",
            message: message.into(),
            stack: &[
                "System.Number.ParseInt32(String s, NumberStyles style, NumberFormatInfo info)",
            ],
        }
    }

    /// What the product's own code throws.
    fn application(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "System.Exception",
            message: message.into(),
            stack: &["SSWebService.Invoke()"],
        }
    }

    fn soap(message: impl Into<Cow<'static, str>>, stack: &'static [&'static str]) -> Self {
        Self {
            kind: "System.Web.Services.Protocols.SoapException",
            message: message.into(),
            stack,
        }
    }
}

/// The text of an exception and of what it wraps; `encode` is applied to each message.
pub(crate) fn tell(chain: &[Exception], told: Told, encode: fn(&str) -> Cow<'_, str>) -> String {
    let mut text = String::new();
    for (index, exception) in chain.iter().enumerate() {
        if index > 0 {
            text.push_str(" ---> ");
        }
        if told == Told::Everything {
            text.push_str(exception.kind);
            text.push_str(": ");
        }
        text.push_str(&encode(&exception.message));
    }
    if told == Told::Everything {
        for (index, exception) in chain.iter().enumerate().rev() {
            for frame in exception.stack {
                text.push_str("\r\n   at ");
                text.push_str(frame);
            }
            if index > 0 {
                text.push_str("\r\n   --- End of inner exception stack trace ---");
            }
        }
    }
    text
}

/// A fault.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    code: Code,
    chain: Vec<Exception>,
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

const ROUTING: &[&str] = &[
    "System.Web.Services.Protocols.Soap11ServerProtocolHelper.RouteRequest()",
    "System.Web.Services.Protocols.SoapServerProtocol.RouteRequest(SoapServerMessage message)",
    "System.Web.Services.Protocols.SoapServerProtocol.Initialize()",
];
const READING: &[&str] = &[
    "System.Web.Services.Protocols.SoapServerProtocol.ReadParameters()",
    "System.Web.Services.Protocols.WebServiceHandler.CoreProcessRequest()",
];
const RUNNING: &[&str] = &["System.Web.Services.Protocols.WebServiceHandler.CoreProcessRequest()"];
const WRITING: &[&str] = &[
    "System.Web.Services.Protocols.SoapServerProtocol.WriteReturns(Object[] returnValues, Stream \
     outputStream)",
    "System.Web.Services.Protocols.WebServiceHandler.CoreProcessRequest()",
];

impl Fault {
    /// The SOAPAction header names no operation.
    pub(crate) fn action_not_recognized(action: &str) -> Self {
        let text =
            format!("Server did not recognize the value of HTTP Header SOAPAction: {action}.");
        Self::new(Code::Client, Exception::soap(text, ROUTING))
    }

    /// Neither the action nor the body names an operation.
    pub(crate) fn no_operation(action: Option<&str>) -> Self {
        let text: Cow<'static, str> = match action {
            None => "Unable to handle request without a valid action parameter. Please supply a \
                     valid soap action."
                .into(),
            Some(action) => {
                format!("Unable to handle request. The action '{action}' was not recognized.")
                    .into()
            }
        };
        Self::new(Code::Client, Exception::soap(text, ROUTING))
    }

    /// The request was not understood, for these reasons from outside to inside.
    pub(crate) fn unreadable(why: impl IntoIterator<Item = Exception>) -> Self {
        let mut fault = Self::new(
            Code::Client,
            Exception::soap("Server was unable to read request.", READING),
        );
        fault.chain.extend(why);
        fault
    }

    /// The request was understood, and failed.
    pub(crate) fn unprocessed(why: impl Into<Cow<'static, str>>) -> Self {
        let mut fault = Self::new(
            Code::Server,
            Exception::soap("Server was unable to process request.", RUNNING),
        );
        fault.chain.push(Exception::application(why));
        fault
    }

    /// The root of the document is in no SOAP namespace.
    pub(crate) fn version_mismatch(namespace: &str) -> Self {
        let text = format!(
            "Possible SOAP version mismatch: Envelope namespace {namespace} was unexpected. \
             Expecting {SOAP11}."
        );
        Self::new(Code::VersionMismatch, Exception::soap(text, READING))
    }

    /// A header had to be understood and was not.
    pub(crate) fn not_understood(header: &str) -> Self {
        let text = format!("SOAP header {header} was not understood.");
        let mut exception = Exception::soap(text, WRITING);
        exception.kind = "System.Web.Services.Protocols.SoapHeaderException";
        Self::new(Code::MustUnderstand, exception)
    }

    /// The operation stands in the WSDL, but has nothing behind it here. Our own words, so that a
    /// test can tell it from an operation that does not exist.
    pub(crate) fn not_mocked(operation: &str) -> Self {
        Self::unprocessed(format!("{operation} is known but not mocked."))
    }

    /// The innermost exception: what the HTTP bindings tell of.
    pub(crate) fn cause(&self) -> &[Exception] {
        &self.chain[self.chain.len().saturating_sub(1)..]
    }

    fn new(code: Code, exception: Exception) -> Self {
        Self {
            code,
            chain: vec![exception],
        }
    }

    /// The whole document.
    pub(crate) fn write(&self, version: Version, told: Told) -> String {
        let plain = tell(&self.chain, told, |message| Cow::Borrowed(message));
        let mut text = String::with_capacity(plain.len());
        escape_text(&mut text, &plain);
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
