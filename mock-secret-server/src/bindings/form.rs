//! The HTTP GET and POST bindings: parameters as a query or a form (documented soap:§1.8).

use std::borrow::Cow;

use sim_kit::exchange::{Method, Request, header};

use super::{Invocation, Refused, Style};
use crate::config::Protocol;
use crate::ops;
use crate::pages;
use crate::schema::{Field, Kind, Operation, Schema};
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
        Method::POST => protocol.http_post,
        _ => false,
    };
    if !allowed {
        return Err(Refused::http(pages::unrecognized_format(method)));
    }
    let operation = find(method)?;
    let pairs = if request.method == Method::GET {
        pairs(request.query.as_deref().unwrap_or("").as_bytes())
    } else {
        form(request)?
    };
    let mut parameters = Parameters::default();
    for field in &operation.parameters {
        let value = value(&pairs, field).map_err(|text| plain(&text).of(operation))?;
        parameters.insert(field.name, value);
    }
    let command = ops::command(operation, &parameters);
    Ok(Invocation {
        operation,
        command,
        style: Style::Plain,
        not_understood: None,
    })
}

fn find(method: &str) -> Result<&'static Operation, Box<Refused>> {
    let schema = Schema::get();
    if let Some(operation) = schema.operation(method).filter(|operation| operation.http) {
        return Ok(operation);
    }
    let cased = schema
        .operations
        .iter()
        .find(|operation| operation.http && operation.name.eq_ignore_ascii_case(method));
    Err(match cased {
        Some(operation) => plain(&format!(
            "Invalid method name '{method}',  method names are case sensitive.   The method name \
             '{}' with the same name but different casing was found.\r\nParameter name: methodName",
            operation.name
        )),
        None => plain(&format!("{method} Web Service method name is not valid.")),
    })
}

fn form(request: &Request) -> Result<Pairs<'_>, Box<Refused>> {
    let content_type = request.header(header::CONTENT_TYPE).unwrap_or("");
    let base = content_type.split(';').next().unwrap_or("").trim();
    if !base.eq_ignore_ascii_case(FORM) {
        return Err(plain(&format!(
            "Request format is invalid: {content_type}."
        )));
    }
    match &request.body {
        Ok(body) => Ok(pairs(body)),
        Err(error) => Err(Refused::http(super::soap::unread_body(*error))),
    }
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Most pairs that are looked at; ASP.NET refuses a form with more than a thousand.
const PAIRS_MAX: usize = 1000;

fn pairs(text: &[u8]) -> Pairs<'_> {
    form_urlencoded::parse(text).take(PAIRS_MAX).collect()
}

/// One parameter. Names compare without case, and repeated ones are joined, as in a .NET
/// NameValueCollection.
fn value<'i>(pairs: &Pairs<'i>, field: &'static Field) -> Result<Value<'i>, String> {
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
        return Err(format!("Missing parameter: {}.", field.name));
    };
    let text = found.fold(first.clone(), |joined, next| {
        Cow::Owned(format!("{joined},{next}"))
    });
    let unfit = |kind: &str, error: &dyn std::fmt::Display| {
        format!("Cannot convert {text} to {kind}.\r\nParameter name: type ---> {error}")
    };
    match field.kind {
        Kind::Int => match integer(&text) {
            Ok(number) => Ok(Value::Int(number)),
            Err(error) => Err(unfit("System.Int32", &error)),
        },
        Kind::Boolean => match text.trim() {
            word if word.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            word if word.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
            _ => Err(unfit(
                "System.Boolean",
                &"String was not recognized as a valid Boolean.",
            )),
        },
        _ => Ok(Value::Text(text)),
    }
}

fn plain(text: &str) -> Box<Refused> {
    Refused::http(pages::plain_error(text))
}
