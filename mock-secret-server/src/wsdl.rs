//! The service description, generated from the schema in the shape that ASP.NET gives it
//! (recorded soap:W): same prefixes, same order, same indentation.

use std::fmt::Write as _;

use crate::schema::{Field, Item, Kind, Operation, Schema, TARGET_NAMESPACE, Type};

/// Which document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// As the vendor's: four ports, and the schema whose import of the SOAP encoding some stacks
    /// cannot resolve.
    #[default]
    Full,
    /// Without the HTTP ports, their messages and that schema, and with one wildcard in the one
    /// data set: for zeep and wsimport (soap:§5).
    SoapOnly,
}

/// The vendor's words about its service.
pub const DOCUMENTATION: &str = "Webservice for standard integration.";

/// An ADO.NET data set.
const DATA_SET: &[&str] = &[
    "<s:any minOccurs=\"0\" maxOccurs=\"unbounded\" \
     namespace=\"http://www.w3.org/2001/XMLSchema\" processContents=\"lax\" />",
    "<s:any minOccurs=\"1\" namespace=\"urn:schemas-microsoft-com:xml-diffgram-v1\" \
     processContents=\"lax\" />",
];
/// The same for stacks that make one member of each wildcard and then have two of one name.
const ONE_WILDCARD: &[&str] =
    &["<s:any minOccurs=\"0\" maxOccurs=\"unbounded\" processContents=\"lax\" />"];

const WSDL_NS: &str = "http://schemas.xmlsoap.org/wsdl/";

/// Writes the document. `location` is the address of every port: the URL as requested.
#[must_use]
pub fn write(flavor: Flavor, location: &str) -> String {
    let schema = Schema::get();
    let mut out = Out {
        text: String::with_capacity(340_000),
        depth: 0,
        flavor,
    };
    out.text
        .push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    out.open(&definitions());
    out.line(&format!(
        "<wsdl:documentation xmlns:wsdl=\"{WSDL_NS}\">{DOCUMENTATION}</wsdl:documentation>"
    ));
    out.types(schema);
    let ports = match flavor {
        Flavor::Full => &[Port::Soap, Port::Get, Port::Post][..],
        Flavor::SoapOnly => &[Port::Soap][..],
    };
    for port in ports {
        out.messages(schema, *port);
    }
    for port in ports {
        out.port_type(schema, *port);
    }
    out.bindings(schema);
    out.service(location);
    out.close("wsdl:definitions");
    // The recorded document has no line end after its last tag.
    out.text.pop();
    out.text
}

fn definitions() -> String {
    format!(
        "<wsdl:definitions xmlns:s=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\" \
         xmlns:http=\"http://schemas.xmlsoap.org/wsdl/http/\" \
         xmlns:mime=\"http://schemas.xmlsoap.org/wsdl/mime/\" \
         xmlns:tns=\"{TARGET_NAMESPACE}\" xmlns:s1=\"{TARGET_NAMESPACE}/AbstractTypes\" \
         xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
         xmlns:tm=\"http://microsoft.com/wsdl/mime/textMatching/\" \
         xmlns:soapenc=\"http://schemas.xmlsoap.org/soap/encoding/\" \
         targetNamespace=\"{TARGET_NAMESPACE}\" xmlns:wsdl=\"{WSDL_NS}\">"
    )
}

/// The three port types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Soap,
    Get,
    Post,
}

impl Port {
    fn suffix(self) -> &'static str {
        match self {
            Self::Soap => "Soap",
            Self::Get => "HttpGet",
            Self::Post => "HttpPost",
        }
    }

    fn operations(self, schema: &Schema) -> impl Iterator<Item = &Operation> {
        schema
            .operations
            .iter()
            .filter(move |operation| self == Self::Soap || operation.http)
    }
}

/// The document so far.
struct Out {
    text: String,
    depth: usize,
    flavor: Flavor,
}

impl Out {
    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn open(&mut self, tag: &str) {
        self.line(tag);
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    fn types(&mut self, schema: &Schema) {
        self.open("<wsdl:types>");
        self.open(&format!(
            "<s:schema elementFormDefault=\"qualified\" targetNamespace=\"{TARGET_NAMESPACE}\">"
        ));
        for item in &schema.document {
            match *item {
                Item::Request(index) => self.request_element(&schema.operations[index]),
                Item::Reply(index) => self.reply_element(&schema.operations[index]),
                Item::Type(name) => {
                    if let Some(kind) = schema.types.get(name) {
                        self.named_type(name, kind);
                    }
                }
            }
        }
        for name in schema.global_results() {
            self.line(&format!(
                "<s:element name=\"{name}\" nillable=\"true\" type=\"tns:{name}\" />"
            ));
        }
        self.close("s:schema");
        if self.flavor == Flavor::Full {
            self.abstract_types();
        }
        self.close("wsdl:types");
    }

    fn request_element(&mut self, operation: &Operation) {
        self.open(&format!("<s:element name=\"{}\">", operation.name));
        if operation.parameters.is_empty() {
            self.line("<s:complexType />");
        } else {
            self.open("<s:complexType>");
            self.sequence(&operation.parameters);
            self.close("s:complexType");
        }
        self.close("s:element");
    }

    fn reply_element(&mut self, operation: &Operation) {
        let name = operation.name;
        self.open(&format!("<s:element name=\"{name}Response\">"));
        self.open("<s:complexType>");
        self.open("<s:sequence>");
        self.line(&format!(
            "<s:element minOccurs=\"0\" maxOccurs=\"1\" name=\"{name}Result\" type=\"tns:{}\" />",
            operation.result
        ));
        self.close("s:sequence");
        self.close("s:complexType");
        self.close("s:element");
    }

    fn named_type(&mut self, name: &str, kind: &Type) {
        match kind {
            Type::Enumeration(values) => {
                self.open(&format!("<s:simpleType name=\"{name}\">"));
                self.open("<s:restriction base=\"s:string\">");
                for value in values {
                    self.line(&format!("<s:enumeration value=\"{value}\" />"));
                }
                self.close("s:restriction");
                self.close("s:simpleType");
            }
            Type::Complex {
                base,
                is_abstract,
                fields,
            } => {
                let marked = if *is_abstract {
                    " abstract=\"true\""
                } else {
                    ""
                };
                self.open(&format!("<s:complexType name=\"{name}\"{marked}>"));
                match base {
                    Some(base) => self.extension(base, fields),
                    None => self.sequence(fields),
                }
                self.close("s:complexType");
            }
        }
    }

    fn extension(&mut self, base: &str, fields: &[Field]) {
        self.open("<s:complexContent mixed=\"false\">");
        if fields.is_empty() {
            self.line(&format!("<s:extension base=\"tns:{base}\" />"));
        } else {
            self.open(&format!("<s:extension base=\"tns:{base}\">"));
            self.sequence(fields);
            self.close("s:extension");
        }
        self.close("s:complexContent");
    }

    fn sequence(&mut self, fields: &[Field]) {
        self.open("<s:sequence>");
        for field in fields {
            let (least, most) = (
                if field.optional { "0" } else { "1" },
                if field.repeated { "unbounded" } else { "1" },
            );
            let mut tag = format!(
                "<s:element minOccurs=\"{least}\" maxOccurs=\"{most}\" name=\"{}\"",
                field.name
            );
            if field.nillable {
                tag.push_str(" nillable=\"true\"");
            }
            if let Some((prefix, name)) = field.kind.qualified() {
                let _ = write!(tag, " type=\"{prefix}:{name}\"");
            }
            if field.kind == Kind::DataSet {
                self.open(&(tag + ">"));
                self.data_set();
                self.close("s:element");
            } else {
                self.line(&(tag + " />"));
            }
        }
        self.close("s:sequence");
    }

    fn data_set(&mut self) {
        self.open("<s:complexType>");
        self.open("<s:sequence>");
        let wildcards = match self.flavor {
            Flavor::Full => DATA_SET,
            Flavor::SoapOnly => ONE_WILDCARD,
        };
        for wildcard in wildcards {
            self.line(wildcard);
        }
        self.close("s:sequence");
        self.close("s:complexType");
    }

    fn abstract_types(&mut self) {
        self.open(&format!(
            "<s:schema targetNamespace=\"{TARGET_NAMESPACE}/AbstractTypes\">"
        ));
        self.line("<s:import namespace=\"http://schemas.xmlsoap.org/soap/encoding/\" />");
        self.open("<s:complexType name=\"StringArray\">");
        self.open("<s:complexContent mixed=\"false\">");
        self.open("<s:restriction base=\"soapenc:Array\">");
        self.open("<s:sequence>");
        self.line(
            "<s:element minOccurs=\"0\" maxOccurs=\"unbounded\" name=\"String\" \
             type=\"s:string\" />",
        );
        for name in [
            "s:sequence",
            "s:restriction",
            "s:complexContent",
            "s:complexType",
            "s:schema",
        ] {
            self.close(name);
        }
    }

    fn messages(&mut self, schema: &Schema, port: Port) {
        for operation in port.operations(schema) {
            let (name, suffix) = (operation.name, port.suffix());
            if port == Port::Soap {
                for (way, element) in [("In", ""), ("Out", "Response")] {
                    self.open(&format!("<wsdl:message name=\"{name}Soap{way}\">"));
                    self.line(&format!(
                        "<wsdl:part name=\"parameters\" element=\"tns:{name}{element}\" />"
                    ));
                    self.close("wsdl:message");
                }
                continue;
            }
            if operation.parameters.is_empty() {
                self.line(&format!("<wsdl:message name=\"{name}{suffix}In\" />"));
            } else {
                self.open(&format!("<wsdl:message name=\"{name}{suffix}In\">"));
                for field in &operation.parameters {
                    self.line(&format!(
                        "<wsdl:part name=\"{}\" type=\"{}\" />",
                        field.name,
                        http_part_type(field)
                    ));
                }
                self.close("wsdl:message");
            }
            self.open(&format!("<wsdl:message name=\"{name}{suffix}Out\">"));
            self.line(&format!(
                "<wsdl:part name=\"Body\" element=\"tns:{}\" />",
                operation.result
            ));
            self.close("wsdl:message");
        }
    }

    fn port_type(&mut self, schema: &Schema, port: Port) {
        let suffix = port.suffix();
        self.open(&format!("<wsdl:portType name=\"SSWebService{suffix}\">"));
        for Operation { name, .. } in port.operations(schema) {
            self.open(&format!("<wsdl:operation name=\"{name}\">"));
            self.line(&format!("<wsdl:input message=\"tns:{name}{suffix}In\" />"));
            self.line(&format!(
                "<wsdl:output message=\"tns:{name}{suffix}Out\" />"
            ));
            self.close("wsdl:operation");
        }
        self.close("wsdl:portType");
    }

    fn bindings(&mut self, schema: &Schema) {
        self.soap_binding(schema, "soap", "SSWebServiceSoap");
        self.soap_binding(schema, "soap12", "SSWebServiceSoap12");
        if self.flavor == Flavor::Full {
            self.http_binding(schema, Port::Get, "GET", "<http:urlEncoded />");
            let form = "<mime:content type=\"application/x-www-form-urlencoded\" />";
            self.http_binding(schema, Port::Post, "POST", form);
        }
    }

    fn soap_binding(&mut self, schema: &Schema, prefix: &str, binding: &str) {
        self.open(&format!(
            "<wsdl:binding name=\"{binding}\" type=\"tns:SSWebServiceSoap\">"
        ));
        self.line(&format!(
            "<{prefix}:binding transport=\"http://schemas.xmlsoap.org/soap/http\" />"
        ));
        for Operation { name, .. } in &schema.operations {
            self.open(&format!("<wsdl:operation name=\"{name}\">"));
            self.line(&format!(
                "<{prefix}:operation soapAction=\"{TARGET_NAMESPACE}/{name}\" style=\"document\" />"
            ));
            for way in ["input", "output"] {
                self.open(&format!("<wsdl:{way}>"));
                self.line(&format!("<{prefix}:body use=\"literal\" />"));
                self.close(&format!("wsdl:{way}"));
            }
            self.close("wsdl:operation");
        }
        self.close("wsdl:binding");
    }

    fn http_binding(&mut self, schema: &Schema, port: Port, verb: &str, input: &str) {
        let name = format!("SSWebService{}", port.suffix());
        self.open(&format!(
            "<wsdl:binding name=\"{name}\" type=\"tns:{name}\">"
        ));
        self.line(&format!("<http:binding verb=\"{verb}\" />"));
        for Operation { name, .. } in port.operations(schema) {
            self.open(&format!("<wsdl:operation name=\"{name}\">"));
            self.line(&format!("<http:operation location=\"/{name}\" />"));
            self.open("<wsdl:input>");
            self.line(input);
            self.close("wsdl:input");
            self.open("<wsdl:output>");
            self.line("<mime:mimeXml part=\"Body\" />");
            self.close("wsdl:output");
            self.close("wsdl:operation");
        }
        self.close("wsdl:binding");
    }

    fn service(&mut self, location: &str) {
        let location = escape_attribute(location);
        self.open("<wsdl:service name=\"SSWebService\">");
        self.line(&format!(
            "<wsdl:documentation xmlns:wsdl=\"{WSDL_NS}\">{DOCUMENTATION}</wsdl:documentation>"
        ));
        let ports = [
            ("Soap", "soap"),
            ("Soap12", "soap12"),
            ("HttpGet", "http"),
            ("HttpPost", "http"),
        ];
        let count = if self.flavor == Flavor::Full { 4 } else { 2 };
        for (port, prefix) in &ports[..count] {
            let name = format!("SSWebService{port}");
            self.open(&format!(
                "<wsdl:port name=\"{name}\" binding=\"tns:{name}\">"
            ));
            self.line(&format!("<{prefix}:address location=\"{location}\" />"));
            self.close("wsdl:port");
        }
        self.close("wsdl:service");
    }
}

/// HTTP parameters are text; arrays, and byte arrays with them, are arrays of text.
fn http_part_type(field: &Field) -> &'static str {
    match field.kind {
        Kind::Named(_) | Kind::Base64Binary => "s1:StringArray",
        _ => "s:string",
    }
}

/// Escapes the five characters that cannot stand in an attribute or a page.
#[must_use]
pub fn escape_attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the recorded document and of the same without its HTTP parts (soap:§5).
    #[test]
    fn both_documents_have_the_recorded_length() {
        let location = "http://localhost:8001/SecretServer/webservices/SSWebService.asmx";
        assert_eq!(write(Flavor::Full, location).len(), 329_485);
        let indented = |lines: &[&str]| lines.iter().map(|line| line.len() + 17).sum::<usize>();
        assert_eq!(
            write(Flavor::SoapOnly, location).len() + indented(DATA_SET) - indented(ONE_WILDCARD),
            226_301
        );
    }

    #[test]
    fn the_address_is_escaped() {
        let document = write(Flavor::SoapOnly, "http://h/a?b&\"c");
        assert!(document.contains("location=\"http://h/a?b&amp;&quot;c\""));
    }
}
