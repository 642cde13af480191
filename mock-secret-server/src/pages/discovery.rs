//! `?WSDL` and `?disco` (documented soap:§1.3).

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use super::plain_error;
use crate::fault_codes::{Exception, Told};
use crate::schema::TARGET_NAMESPACE;
use crate::wsdl::{self, Flavor, escape_attribute as escape};

const XML: &str = "text/xml; charset=utf-8";

/// What a GET on the service asks for, by its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// The service description.
    Wsdl,
    /// The other service description: not the vendor's, for stacks that need it.
    SimSoapOnlyWsdl,
    /// The discovery document.
    Disco,
    /// A description by number, of which there is none.
    NoSuchId,
    /// The help page, or the page of one operation.
    Help(Option<String>),
}

impl Document {
    /// Reads the query. `?WSDL` is a key without a value; with a value it asks for an id.
    pub(crate) fn of(query: Option<&str>) -> Self {
        let query = query.unwrap_or("");
        for part in query.split('&') {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (part, None),
            };
            match (key.to_ascii_lowercase().as_str(), value) {
                ("wsdl", None) => return Self::Wsdl,
                ("disco", None) => return Self::Disco,
                ("wsdl-soap-only", None) => return Self::SimSoapOnlyWsdl,
                ("wsdl" | "disco" | "schema", Some(_)) => return Self::NoSuchId,
                ("op", Some(name)) => {
                    let name = form_urlencoded::parse(format!("op={name}").as_bytes())
                        .next()
                        .map(|(_, name)| name.into_owned());
                    return Self::Help(name);
                }
                _ => {}
            }
        }
        Self::Help(None)
    }
}

/// A service description for the service at `url`.
pub(crate) fn wsdl(flavor: Flavor, url: &str) -> Reply {
    document(wsdl::write(flavor, url))
}

/// The discovery document for the service at `url`.
pub(crate) fn disco(url: &str) -> Reply {
    let url = escape(url);
    let soap = |binding: &str| {
        format!(
            "  <soap address=\"{url}\" xmlns:q1=\"{TARGET_NAMESPACE}\" binding=\"q1:{binding}\" \
             xmlns=\"http://schemas.xmlsoap.org/disco/soap/\" />\r\n"
        )
    };
    document(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<discovery \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns=\"http://schemas.xmlsoap.org/disco/\">\r\n  \
         <contractRef ref=\"{url}?wsdl\" docRef=\"{url}\" \
         xmlns=\"http://schemas.xmlsoap.org/disco/scl/\" />\r\n{}{}</discovery>",
        soap("SSWebServiceSoap"),
        soap("SSWebServiceSoap12")
    ))
}

/// `?WSDL=` looks for a description by its number and finds the number wanting.
pub(crate) fn no_such_id(told: Told) -> Reply {
    let text = "Input string was not in a correct format.";
    plain_error(&[Exception::format(text)], told)
}

fn document(body: String) -> Reply {
    Reply::new(StatusCode::OK, XML, body).with_header(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=0"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_for_a_document_by_a_key_without_a_value() {
        let cases = [
            (None, Document::Help(None)),
            (Some(""), Document::Help(None)),
            (Some("WSDL"), Document::Wsdl),
            (Some("wsdl"), Document::Wsdl),
            (Some("Disco"), Document::Disco),
            (Some("wsdl-soap-only"), Document::SimSoapOnlyWsdl),
            (Some("wsdl="), Document::NoSuchId),
            (Some("WSDL=x"), Document::NoSuchId),
            (Some("op=Who%41mI"), Document::Help(Some("WhoAmI".into()))),
            (Some("x=y"), Document::Help(None)),
        ];
        for (query, expected) in cases {
            assert_eq!(Document::of(query), expected, "{query:?}");
        }
    }
}
