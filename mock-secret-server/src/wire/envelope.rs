//! The envelope around a call, checked in the platform's order (soap:§1.4).

use super::Version;
use super::parameters::{Parameters, ReadError, ValueError};
use super::xml::{Element, Malformed, Namespace, Node, Xml};
use crate::schema::Operation;

/// A call that was read.
#[derive(Debug)]
pub(crate) struct Call<'i> {
    /// Version of the request's envelope, which is the reply's.
    pub(crate) version: Version,
    /// The operation's parameters.
    pub(crate) parameters: Parameters<'i>,
    /// Name of the first header that had to be understood and was not.
    pub(crate) not_understood: Option<String>,
}

/// Why an envelope was refused.
#[derive(Debug)]
pub(crate) struct EnvelopeError {
    /// Version of the envelope, as soon as its root was seen.
    pub(crate) version: Option<Version>,
    /// The reason.
    pub(crate) reason: Reason,
}

/// Reasons to refuse an envelope, in the order in which they are looked for.
#[derive(Debug)]
pub(crate) enum Reason {
    /// Not XML.
    Malformed(Malformed),
    /// The root is in no SOAP namespace, but in this one.
    VersionMismatch(String),
    /// A SOAP 1.1 envelope under `application/soap+xml`.
    ContentType,
    /// The root is not `Envelope`.
    NoEnvelope,
    /// There is no `Body`, or only `<Body/>`.
    NoBody,
    /// A parameter does not fit its type.
    Value {
        line: usize,
        column: usize,
        error: ValueError,
    },
}

impl EnvelopeError {
    fn new(version: Option<Version>, reason: Reason) -> Self {
        Self { version, reason }
    }
}

/// What the first element of the body is called, for requests without a known action.
#[derive(Debug)]
pub(crate) struct BodyElement<'i> {
    /// Version of the envelope.
    pub(crate) version: Version,
    /// Local name, when the element is in the service's namespace.
    pub(crate) name: Option<&'i str>,
}

/// Looks for the first element of the body and reads no further.
pub(crate) fn body_element(text: &str) -> Result<BodyElement<'_>, EnvelopeError> {
    let mut reading = Reading::open(text, false)?;
    let body = reading.body()?;
    let version = reading.version;
    let first = if body.empty {
        Ok(Node::End)
    } else {
        reading.xml.next_tag()
    };
    let name = match first {
        Ok(Node::Start(element)) if element.namespace == Namespace::Target => Some(element.local),
        Ok(_) => None,
        Err(malformed) => return Err(reading.malformed(malformed)),
    };
    Ok(BodyElement { version, name })
}

/// Reads a whole call of `operation`. `soap_xml` says that the content type is
/// `application/soap+xml`, under which only SOAP 1.2 may come.
pub(crate) fn read<'i>(
    text: &'i str,
    operation: &'static Operation,
    soap_xml: bool,
) -> Result<Call<'i>, EnvelopeError> {
    let mut reading = Reading::open(text, soap_xml)?;
    let body = reading.body()?;
    if body.empty {
        return Err(reading.error(Reason::NoBody));
    }
    let parameters = reading.parameters(operation)?;
    reading.finish()?;
    Ok(Call {
        version: reading.version,
        parameters,
        not_understood: reading.not_understood,
    })
}

struct Reading<'i> {
    xml: Xml<'i>,
    version: Version,
    not_understood: Option<String>,
}

impl<'i> Reading<'i> {
    fn open(text: &'i str, soap_xml: bool) -> Result<Self, EnvelopeError> {
        let broken = |malformed| EnvelopeError::new(None, Reason::Malformed(malformed));
        let mut xml = Xml::new(text).map_err(broken)?;
        let Node::Start(root) = xml.next_tag().map_err(broken)? else {
            return Err(broken(Malformed::NoRoot));
        };
        let version = match root.namespace {
            Namespace::Soap11 => Version::Soap11,
            Namespace::Soap12 => Version::Soap12,
            _ => {
                let reason = Reason::VersionMismatch(xml.namespace_text(&root));
                return Err(EnvelopeError::new(None, reason));
            }
        };
        let reading = Self {
            xml,
            version,
            not_understood: None,
        };
        if soap_xml && version == Version::Soap11 {
            return Err(reading.error(Reason::ContentType));
        }
        if root.local != "Envelope" {
            return Err(reading.error(Reason::NoEnvelope));
        }
        Ok(reading)
    }

    /// Passes the headers and stops in the body.
    fn body(&mut self) -> Result<Element<'i>, EnvelopeError> {
        loop {
            match self.tag()? {
                Node::Start(element) if self.is_soap(&element, "Body") => return Ok(element),
                Node::Start(element) if self.is_soap(&element, "Header") => self.headers()?,
                _ => return Err(self.error(Reason::NoBody)),
            }
        }
    }

    fn headers(&mut self) -> Result<(), EnvelopeError> {
        while let Node::Start(header) = self.tag()? {
            if self.not_understood.is_none() && self.must_be_understood(&header) {
                self.not_understood = Some(header.local.to_owned());
            }
            self.skip()?;
        }
        Ok(())
    }

    /// Headers for another role along the way are not ours.
    fn must_be_understood(&self, header: &Element<'i>) -> bool {
        let (namespace, role) = match self.version {
            Version::Soap11 => (Namespace::Soap11, "actor"),
            Version::Soap12 => (Namespace::Soap12, "role"),
        };
        let attribute = |name| self.xml.attribute(header, namespace, name);
        let must = attribute("mustUnderstand");
        let role = attribute(role).unwrap_or_default();
        must.is_some_and(|must| matches!(must.trim(), "1" | "true"))
            && (role.is_empty() || role.ends_with("/next") || role.ends_with("/ultimateReceiver"))
    }

    /// Reads the wrapper element. Another wrapper leaves every parameter at its default.
    fn parameters(
        &mut self,
        operation: &'static Operation,
    ) -> Result<Parameters<'i>, EnvelopeError> {
        let Node::Start(wrapper) = self.tag()? else {
            return Ok(Parameters::default());
        };
        let ours = wrapper.namespace == Namespace::Target && wrapper.local == operation.name;
        let parameters = if ours {
            Parameters::read(&mut self.xml, operation).map_err(|error| match error {
                ReadError::Malformed(malformed) => self.malformed(malformed),
                ReadError::Value {
                    line,
                    column,
                    error,
                } => self.error(Reason::Value {
                    line,
                    column,
                    error,
                }),
            })?
        } else {
            self.skip()?;
            Parameters::default()
        };
        while let Node::Start(_) = self.tag()? {
            self.skip()?;
        }
        Ok(parameters)
    }

    /// Reads on to the end, so that what follows is well-formed too.
    fn finish(&mut self) -> Result<(), EnvelopeError> {
        loop {
            if let Node::Eof = self.tag()? {
                return Ok(());
            }
        }
    }

    fn is_soap(&self, element: &Element<'i>, local: &str) -> bool {
        let namespace = match self.version {
            Version::Soap11 => Namespace::Soap11,
            Version::Soap12 => Namespace::Soap12,
        };
        element.namespace == namespace && element.local == local
    }

    fn tag(&mut self) -> Result<Node<'i>, EnvelopeError> {
        self.xml
            .next_tag()
            .map_err(|malformed| self.malformed(malformed))
    }

    fn skip(&mut self) -> Result<(), EnvelopeError> {
        self.xml
            .skip()
            .map_err(|malformed| self.malformed(malformed))
    }

    fn malformed(&self, malformed: Malformed) -> EnvelopeError {
        self.error(Reason::Malformed(malformed))
    }

    fn error(&self, reason: Reason) -> EnvelopeError {
        EnvelopeError::new(Some(self.version), reason)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::Schema;
    use crate::wire::SOAP11;
    use crate::wire::decode::decode;

    fn get_secret() -> String {
        format!(
            "<?xml version='1.0'?><s:Envelope xmlns:s='{SOAP11}' \
             xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><s:Header><h:x xmlns:h='urn:h' \
             s:mustUnderstand='1'/></s:Header><s:Body><GetSecret xmlns='urn:thesecretserver.com'>\
             <token>a&amp;b<![CDATA[c]]></token><secretId>7</secretId><loadSettingsAndPermissions \
             i:nil='true'/><codeResponses><CodeResponse><Comment>d</Comment></CodeResponse>\
             </codeResponses></GetSecret></s:Body></s:Envelope>"
        )
    }

    #[test]
    fn a_call_is_read_whole() {
        let text = get_secret();
        let operation = Schema::get()
            .operation("GetSecret")
            .expect("it is in the schema");
        let call = read(&text, operation, false).expect("it is well-formed");
        assert_eq!(call.parameters.text("token").as_deref(), Some("a&bc"));
        assert_eq!(call.parameters.int("secretId"), 7);
        assert_eq!(call.not_understood.as_deref(), Some("x"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// Cuts, flips and splices of a good request are answered, never a panic.
        #[test]
        fn no_damage_to_a_request_is_a_panic(
            cut in 0_usize..700,
            at in 0_usize..700,
            with in proptest::collection::vec(any::<u8>(), 0..12),
            piece in prop::sample::select(vec![
                "", "<", ">", "&", "&#0;", "]]>", "<!DOCTYPE a>", "<![CDATA[", "<!--", "-->", "</",
                "/>", "<?xml version='1.0'?>", " xmlns=''", "\u{feff}", "\u{10ffff}", "'", "\"",
            ]),
        ) {
            let mut bytes = get_secret().into_bytes();
            let at = at.min(bytes.len());
            bytes.splice(at..at, with.iter().copied().chain(piece.bytes()));
            bytes.truncate(cut.max(at).min(bytes.len()));
            let operation = Schema::get().operation("GetSecret").expect("it is in the schema");
            for charset in [None, Some("utf-8")] {
                if let Ok(text) = decode(&bytes, charset) {
                    let _ = read(&text, operation, false);
                    let _ = body_element(&text);
                }
            }
        }
    }
}
