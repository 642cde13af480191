//! The HTTP GET and POST bindings: parameters as a query or a form (documented soap:§1.8).

use std::borrow::Cow;

use memchr::memmem;
use percent_encoding::percent_decode;
use sim_kit::exchange::{Method, Request, header};

use super::{Invocation, Refused, Style};
use crate::config::{Protocol, is_local};
use crate::fault_codes::Exception;
use crate::ops;
use crate::pages;
use crate::schema::{Field, Kind, Operation, Schema};
use crate::wire::decode::{ContentType, decode_form};
use crate::wire::parameters::{Parameters, Value, integer};

const FORM: &str = "application/x-www-form-urlencoded";

/// Reads a call of the method behind `.asmx/`, or says what the request is answered with.
pub(crate) fn read(
    request: &Request,
    method: &str,
    protocol: &Protocol,
) -> Result<Invocation, Box<Refused>> {
    let allowed = match request.method {
        Method::GET => protocol.http_get,
        Method::POST => takes_post(request, protocol),
        _ => false,
    };
    // Without a name no binding feels addressed.
    if !allowed || method.is_empty() {
        return Err(Refused::http(pages::unrecognized_format(method)));
    }
    let operation = find(method)?;
    let pairs = if request.method == Method::GET {
        // A query is read as UTF-8, whatever the headers say.
        pairs(request.query.as_deref().unwrap_or("").as_bytes(), None)
    } else {
        form(request)?
    };
    let parameters =
        parameters(operation, &pairs).map_err(|chain| Refused::plain(chain).of(operation))?;
    let command = ops::command(operation, &parameters);
    Ok(Invocation {
        operation,
        command,
        style: Style::Plain,
        not_understood: None,
    })
}

/// Every parameter of the operation, or why there is none.
pub(crate) fn parameters<'i>(
    operation: &'static Operation,
    pairs: &Pairs<'i>,
) -> Result<Parameters<'i>, Vec<Exception>> {
    let mut parameters = Parameters::default();
    for field in &operation.parameters {
        parameters.insert(field.name, value(pairs, field)?);
    }
    Ok(parameters)
}

/// Whether this caller has the POST binding.
pub(crate) fn takes_post(request: &Request, protocol: &Protocol) -> bool {
    protocol.http_post || protocol.http_post_localhost && is_local(request)
}

pub(crate) fn find(method: &str) -> Result<&'static Operation, Box<Refused>> {
    let schema = Schema::get();
    if let Some(operation) = schema.operation(method).filter(|operation| operation.http) {
        return Ok(operation);
    }
    let cased = schema
        .operations
        .iter()
        .find(|operation| operation.http && operation.name.eq_ignore_ascii_case(method));
    Err(match cased {
        Some(operation) => plain(format!(
            "Invalid method name '{method}',  method names are case sensitive.   The method name \
             '{}' with the same name but different casing was found.\r\nParameter name: methodName",
            operation.name
        )),
        None => plain(format!("{method} Web Service method name is not valid.")),
    })
}

fn form(request: &Request) -> Result<Pairs<'_>, Box<Refused>> {
    let content_type = request.header(header::CONTENT_TYPE).unwrap_or("");
    let base = content_type.split(';').next().unwrap_or("").trim();
    if !base.eq_ignore_ascii_case(FORM) {
        let text = format!("Request format is invalid: {content_type}.");
        return Err(Refused::plain(vec![Exception::invalid_form(text)]));
    }
    match &request.body {
        Ok(body) => Ok(pairs(body, ContentType::of(content_type).charset)),
        Err(error) => Err(Refused::http(super::soap::unread_body(*error))),
    }
}

/// Names and values as they were sent.
pub(crate) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Most pairs that are looked at; ASP.NET refuses a form with more than a thousand.
const PAIRS_MAX: usize = 1000;

/// Names and values, the percent-encoded bytes read in this charset, or as UTF-8.
pub(crate) fn pairs<'a>(text: &'a [u8], charset: Option<&str>) -> Pairs<'a> {
    let part = |part: &'a [u8]| {
        let spaced = if part.contains(&b'+') {
            let spaced = part
                .iter()
                .map(|&byte| if byte == b'+' { b' ' } else { byte });
            Cow::Owned(spaced.collect())
        } else {
            Cow::Borrowed(part)
        };
        if memmem::find(&spaced, b"%u").is_some() {
            return decode_units(&spaced, charset).into();
        }
        let bytes: Cow<'a, [u8]> = match spaced {
            Cow::Borrowed(bytes) => percent_decode(bytes).into(),
            Cow::Owned(bytes) => Cow::Owned(percent_decode(&bytes).collect()),
        };
        decode_form(bytes, charset)
    };
    let pairs = text
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs
        .take(PAIRS_MAX)
        .map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            (part(name), part(value))
        })
        .collect()
}

/// A part that writes UTF-16 as `%u00FC`, as the .NET proxies of these bindings do with all that is
/// not ASCII. Anything else after `%u` stays as it is (documented soap:NETFX).
fn decode_units(part: &[u8], charset: Option<&str>) -> String {
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while !rest.is_empty() {
        let mut units = Vec::new();
        while let Some(unit) = unit(rest) {
            units.push(unit);
            rest = &rest[UNIT_BYTES..];
        }
        // Halves of a pair stand side by side or are none.
        text.push_str(&String::from_utf16_lossy(&units));
        let ends = memmem::find_iter(rest, b"%u").find(|&at| unit(&rest[at..]).is_some());
        let (bytes, after) = rest.split_at(ends.unwrap_or(rest.len()));
        text.push_str(&decode_form(percent_decode(bytes).into(), charset));
        rest = after;
    }
    text
}

/// Bytes of `%u` and four digits.
const UNIT_BYTES: usize = 6;

/// The UTF-16 unit that `%u` and four hexadecimal digits stand for.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"%u")?.get(..UNIT_BYTES - 2)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// One parameter. Names compare without case, and repeated ones are joined, as in a .NET
/// NameValueCollection.
fn value<'i>(pairs: &Pairs<'i>, field: &'static Field) -> Result<Value<'i>, Vec<Exception>> {
    let mut found = pairs
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(field.name))
        .map(|(_, value)| value);
    if let Kind::Named(_) | Kind::Base64Binary = field.kind {
        return Ok(Value::List(
            found.map(|value| Value::Text(value.clone())).collect(),
        ));
    }
    let Some(first) = found.next() else {
        let text = format!("Missing parameter: {}.", field.name);
        return Err(vec![Exception::invalid_form(text)]);
    };
    let text = found.fold(first.clone(), |joined, next| {
        Cow::Owned(format!("{joined},{next}"))
    });
    let unfit = |kind: &str, error: String| {
        let outer = format!("Cannot convert {text} to {kind}.\r\nParameter name: type");
        vec![Exception::argument(outer), Exception::format(error)]
    };
    match field.kind {
        Kind::Int => match integer(&text) {
            Ok(number) => Ok(Value::Int(number)),
            Err(error) => Err(unfit("System.Int32", error.to_string())),
        },
        Kind::Boolean => match text.trim() {
            word if word.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            word if word.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
            _ => Err(unfit(
                "System.Boolean",
                "String was not recognized as a valid Boolean.".into(),
            )),
        },
        _ => Ok(Value::Text(text)),
    }
}

fn plain(text: String) -> Box<Refused> {
    Refused::plain(vec![Exception::argument(text)])
}
