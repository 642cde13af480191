//! The help page of the service and the page of one operation (documented soap:§1.3).

use std::fmt::Write as _;

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use super::HTML;
use crate::schema::{Field, Kind, Operation, Schema, TARGET_NAMESPACE, Type};
use crate::wire::{Version, XSD, XSI};
use crate::wsdl::{DOCUMENTATION, escape_attribute as escape};

/// Depth to which samples show nested types.
const SAMPLE_DEPTH_MAX: usize = 4;

/// The list of operations. PowerShell's New-WebServiceProxy follows its alternate link.
pub(crate) fn index(path: &str) -> Reply {
    let file = path.rsplit('/').next().unwrap_or(path);
    let mut list = String::new();
    let mut names: Vec<_> = Schema::get().operations.iter().map(|op| op.name).collect();
    names.sort_unstable();
    for name in names {
        let _ = write!(
            list,
            "            <li>\r\n                <a href=\"{0}?op={name}\">{name}</a>\r\n            \
             </li>\r\n            <p>\r\n",
            escape(file)
        );
    }
    page(
        path,
        &format!(
            "          <p class=\"intro\">{DOCUMENTATION}</p>\r\n          <p class=\"intro\">The \
             following operations are supported.  For a formal definition, please review the \
             <a href=\"{}?WSDL\">Service Description</a>. </p>\r\n          <ul>\r\n{list}          \
             </ul>\r\n",
            escape(file)
        ),
    )
}

/// What the page of an operation has beside the SOAP samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered {
    /// A sample of the GET binding.
    pub(crate) get: bool,
    /// A sample of the POST binding.
    pub(crate) post: bool,
    /// A form that calls it.
    pub(crate) form: bool,
}

/// Sample requests and replies of one operation.
pub(crate) fn operation(path: &str, host: &str, name: &str, offered: Offered) -> Reply {
    let file = escape(path.rsplit('/').next().unwrap_or(path));
    let back = format!(
        "          <p class=\"intro\">Click <a href=\"{file}\">here</a> for a complete list of \
         operations.</p>\r\n"
    );
    let Some(operation) = Schema::get().operation(name) else {
        let text = format!(
            "{back}          <h2>Method Not Found</h2>\r\n          Method '{}' was not found in \
             service SSWebService.\r\n",
            escape(name)
        );
        return page(path, &text);
    };
    let mut body = format!("{back}          <h2>{}</h2>\r\n", operation.name);
    body.push_str("          <h3>Test</h3>\r\n");
    test_form(&mut body, operation, path, offered);
    for version in [Version::Soap11, Version::Soap12] {
        soap_samples(&mut body, operation, version, path, host);
    }
    let bindings = [("GET", offered.get), ("POST", offered.post)];
    for (verb, _) in bindings.iter().filter(|(_, on)| *on && operation.http) {
        http_samples(&mut body, operation, verb, path, host);
    }
    page(path, &body)
}

/// The form that calls the operation by the POST binding, or why there is none.
fn test_form(body: &mut String, operation: &Operation, path: &str, offered: Offered) {
    let none = match (operation.http, offered.form && offered.post) {
        (true, true) => None,
        (false, true) => {
            Some("The test form is only available for methods with primitive types as parameters.")
        }
        (_, false) => Some("The test form is only available for requests from the local machine."),
    };
    if let Some(none) = none {
        let _ = write!(body, "          {none}\r\n");
        return;
    }
    let _ = write!(
        body,
        "          To test the operation using the HTTP POST protocol, click the 'Invoke' button.\r\n\
         \x20         <form target=\"_blank\" action=\"{}/{}\" method=\"POST\">\r\n            \
         <table>\r\n",
        escape(path),
        operation.name
    );
    for field in &operation.parameters {
        let _ = write!(
            body,
            "              <tr><td>{0}:</td><td><input type=\"text\" size=\"50\" name=\"{0}\" />\
             </td></tr>\r\n",
            field.name
        );
    }
    body.push_str(
        "              <tr><td></td><td><input type=\"submit\" value=\"Invoke\" /></td></tr>\r\n\
         \x20           </table>\r\n          </form>\r\n",
    );
}

fn soap_samples(
    body: &mut String,
    operation: &Operation,
    version: Version,
    path: &str,
    host: &str,
) {
    let number = if version == Version::Soap11 {
        "1.1"
    } else {
        "1.2"
    };
    let name = operation.name;
    let action = match version {
        Version::Soap11 => format!("SOAPAction: \"{TARGET_NAMESPACE}/{name}\"\n"),
        Version::Soap12 => String::new(),
    };
    let result = format!(
        "<{name}Result>\n{}      </{name}Result>\n",
        fields(&Schema::get().fields(operation.result), 4, 0)
    );
    let request = envelope(
        version,
        &format!(
            "    <{name} xmlns=\"{TARGET_NAMESPACE}\">\n{}    </{name}>\n",
            fields(&operation.parameters.iter().collect::<Vec<_>>(), 3, 0)
        ),
    );
    let reply = envelope(
        version,
        &format!(
            "    <{name}Response xmlns=\"{TARGET_NAMESPACE}\">\n      {result}    </{name}Response>\n"
        ),
    );
    let content_type = version.content_type();
    section(
        body,
        &format!("SOAP {number}"),
        &[
            format!(
                "POST {path} HTTP/1.1\nHost: {host}\nContent-Type: {content_type}\nContent-Length: \
             length\n{action}\n{request}"
            ),
            format!(
                "HTTP/1.1 200 OK\nContent-Type: {content_type}\nContent-Length: length\n\n{reply}"
            ),
        ],
    );
}

fn http_samples(body: &mut String, operation: &Operation, verb: &str, path: &str, host: &str) {
    let pairs: Vec<_> = operation
        .parameters
        .iter()
        .map(|field| format!("{}=string", field.name))
        .collect();
    let (name, pairs) = (operation.name, pairs.join("&"));
    let request = if verb == "GET" {
        format!("GET {path}/{name}?{pairs} HTTP/1.1\nHost: {host}\n")
    } else {
        format!(
            "POST {path}/{name} HTTP/1.1\nHost: {host}\nContent-Type: \
             application/x-www-form-urlencoded\nContent-Length: length\n\n{pairs}"
        )
    };
    let result = operation.result;
    let reply = format!(
        "HTTP/1.1 200 OK\nContent-Type: text/xml; charset=utf-8\nContent-Length: length\n\n\
         <?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{result} xmlns=\"{TARGET_NAMESPACE}\">\n{}\
         </{result}>",
        fields(&Schema::get().fields(result), 1, 0)
    );
    section(body, &format!("HTTP {verb}"), &[request, reply]);
}

fn section(body: &mut String, title: &str, samples: &[String]) {
    let _ = write!(
        body,
        "          <h3>{title}</h3>\r\n          <p>The following is a sample {title} request and \
         response.  The placeholders shown need to be replaced with actual values.</p>\r\n"
    );
    for sample in samples {
        let _ = write!(body, "          <pre>{}</pre>\r\n", escape(sample));
    }
}

fn envelope(version: Version, content: &str) -> String {
    let prefix = if version == Version::Soap11 {
        "soap"
    } else {
        "soap12"
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{prefix}:Envelope xmlns:xsi=\"{XSI}\" \
         xmlns:xsd=\"{XSD}\" xmlns:{prefix}=\"{}\">\n  <{prefix}:Body>\n{content}  \
         </{prefix}:Body>\n</{prefix}:Envelope>",
        version.namespace()
    )
}

/// Placeholder elements: each type's name where a value belongs.
fn fields(fields: &[&Field], indent: usize, depth: usize) -> String {
    let mut out = String::new();
    let margin = "  ".repeat(indent);
    for field in fields {
        let name = field.name;
        match field.kind {
            Kind::Named(kind) => match Schema::get().types.get(kind) {
                Some(Type::Enumeration(values)) => {
                    let _ = writeln!(out, "{margin}<{name}>{}</{name}>", values.join(" or "));
                }
                _ if depth >= SAMPLE_DEPTH_MAX => {
                    let _ = writeln!(out, "{margin}<{name} xsi:nil=\"true\" />");
                }
                _ => {
                    let inner = self::fields(&Schema::get().fields(kind), indent + 1, depth + 1);
                    let _ = writeln!(out, "{margin}<{name}>\n{inner}{margin}</{name}>");
                }
            },
            Kind::Any | Kind::DataSet => {
                let _ = writeln!(out, "{margin}<{name}>xml</{name}>");
            }
            kind => {
                let word = kind.qualified().map_or("", |(_, word)| word);
                let _ = writeln!(out, "{margin}<{name}>{word}</{name}>");
            }
        }
    }
    out
}

fn page(path: &str, content: &str) -> Reply {
    let body = format!(
        "<html>\r\n\r\n    <head><link rel=\"alternate\" type=\"text/xml\" href=\"{}?disco\" />\r\n\
         \r\n    <title>\r\n\tSSWebService Web Service\r\n</title></head>\r\n\r\n  <body>\r\n\r\n    \
         <div id=\"content\">\r\n\r\n      <p class=\"heading1\">SSWebService</p>\r\n\r\n      \
         <span>\r\n{content}      </span>\r\n\r\n    </div>\r\n  </body>\r\n</html>\r\n",
        escape(path)
    );
    Reply::new(StatusCode::OK, HTML, body).with_header(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=0"),
    )
}
