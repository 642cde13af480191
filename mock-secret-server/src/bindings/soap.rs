//! POST on the service itself: which operation is meant, and every check on the way to its
//! parameters, in the platform's order (documented soap:§1.4).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use sim_kit::exchange::{BodyError, Reply, Request, StatusCode, header};

use super::{Invocation, Refused, Style};
use crate::fault_codes::{Exception, Fault};
use crate::ops;
use crate::pages;
use crate::schema::{Operation, Schema, TARGET_NAMESPACE};
use crate::wire::Version;
use crate::wire::decode::{ContentType, decode};
use crate::wire::envelope::{self, Call, EnvelopeError, Reason};
use crate::wire::xml::Malformed;

/// Reads a call, or says what the request is answered with.
pub(crate) fn read(request: &Request) -> Result<Invocation, Box<Refused>> {
    let body = match &request.body {
        Ok(body) => body,
        Err(error) => return Err(Refused::http(unread_body(*error))),
    };
    let ContentType {
        base,
        charset,
        action: parameter,
    } = ContentType::of(request.header(header::CONTENT_TYPE).unwrap_or(""));
    let soap_xml = base.eq_ignore_ascii_case("application/soap+xml");
    let action = action_header(request).filter(|_| !soap_xml);

    let operation = if let Some(action) = &action {
        let operation = by_action(action);
        operation.ok_or_else(|| {
            Refused::fault(
                Version::Soap11,
                Fault::action_not_recognized(&unquoted(action)),
            )
        })?
    } else {
        let parameter = parameter.filter(|action| !action.is_empty());
        match parameter.and_then(by_action) {
            Some(operation) => operation,
            None => by_body(decode(body, charset), parameter)?,
        }
    };
    if !soap_xml && !base.eq_ignore_ascii_case("text/xml") {
        return Err(unsupported().of(operation));
    }
    // What the platform takes the version for until it has seen the envelope.
    let guess = if action.is_some() {
        Version::Soap11
    } else {
        Version::Soap12
    };
    let text = decode(body, charset).map_err(|_| bad_request(guess).of(operation))?;
    let Call {
        version,
        parameters,
        not_understood,
    } = envelope::read(&text, operation, soap_xml)
        .map_err(|error| refuse(error, guess).of(operation))?;
    let command = ops::command(operation, &parameters);
    Ok(Invocation {
        operation,
        command,
        style: Style::Soap(version),
        not_understood,
    })
}

/// The SOAPAction header; bytes outside ASCII are not in any operation's name.
fn action_header(request: &Request) -> Option<Cow<'_, str>> {
    let value = request.headers.get("soapaction")?;
    Some(match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(value.as_bytes()),
    })
}

fn unquoted(action: &str) -> Cow<'_, str> {
    let action = action.trim();
    let inner = action
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.unwrap_or(action);
    if memchr::memchr2(b'%', b'+', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let spaced = inner.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

fn by_action(action: &str) -> Option<&'static Operation> {
    let action = unquoted(action);
    let name = action.strip_prefix(TARGET_NAMESPACE)?.strip_prefix('/')?;
    Schema::get().operation(name)
}

/// Routes by the first element of the body. What fails here fails as our own fault, since the
/// platform has not begun to read the message yet.
fn by_body(
    text: Result<Cow<'_, str>, Malformed>,
    action: Option<&str>,
) -> Result<&'static Operation, Box<Refused>> {
    let unprocessed = |malformed: &Malformed| {
        Refused::fault(Version::Soap12, Fault::unprocessed(malformed.to_string()))
    };
    let text = text.map_err(|malformed| unprocessed(&malformed))?;
    let element = envelope::body_element(&text).map_err(|error| match &error.reason {
        Reason::Malformed(malformed) => unprocessed(malformed),
        _ => refuse(error, Version::Soap12),
    })?;
    let operation = element.name.and_then(|name| Schema::get().operation(name));
    operation.ok_or_else(|| {
        let action = action.map(unquoted);
        Refused::fault(element.version, Fault::no_operation(action.as_deref()))
    })
}

fn refuse(error: EnvelopeError, guess: Version) -> Box<Refused> {
    let version = error.version.unwrap_or(guess);
    let missing = |element: &str| {
        let text = format!("Request format is invalid: Missing required soap:{element} element.");
        Fault::unreadable([Exception::invalid_operation(text)])
    };
    let fault = match error.reason {
        Reason::Malformed(_) => return bad_request(version),
        Reason::ContentType => return unsupported(),
        Reason::VersionMismatch(namespace) => {
            return Refused::fault(Version::Soap11, Fault::version_mismatch(&namespace));
        }
        Reason::NoEnvelope => missing("Envelope"),
        Reason::NoBody => missing("Body"),
        Reason::Value {
            line,
            column,
            error,
        } => {
            let place = format!("There is an error in XML document ({line}, {column}).");
            Fault::unreadable([
                Exception::invalid_operation(place),
                Exception::format(error.to_string()),
            ])
        }
    };
    Refused::fault(version, fault)
}

/// Not XML, although the operation is known: a status and nothing else.
fn bad_request(version: Version) -> Box<Refused> {
    Refused::http(Reply::new(
        StatusCode::BAD_REQUEST,
        version.content_type(),
        "",
    ))
}

fn unsupported() -> Box<Refused> {
    Refused::http(Reply::empty(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// A body over the limit of `maxRequestLength`, or one that did not arrive (assumed soap:§1.7).
pub(super) fn unread_body(error: BodyError) -> Reply {
    match error {
        BodyError::TooLarge { .. } => pages::server_error("Maximum request length exceeded."),
        BodyError::TimedOut { .. } | BodyError::Broken => Reply::empty(StatusCode::BAD_REQUEST),
    }
}
