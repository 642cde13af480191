//! The three ways to make a call - SOAP, HTTP GET, HTTP POST - and how each writes its reply.

pub(crate) mod form;
pub(crate) mod soap;

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use crate::fault_codes::Fault;
use crate::pages;
use crate::schema::Operation;
use crate::state::Command;
use crate::wire::Version;
use crate::wire::reply::Writer;

/// A call that was understood.
pub(crate) struct Invocation {
    /// The operation.
    pub(crate) operation: &'static Operation,
    /// What to do; `None` when nothing stands behind the operation.
    pub(crate) command: Option<Command>,
    /// How to answer.
    pub(crate) style: Style,
    /// A SOAP header that had to be understood. It is looked at only after the method ran.
    pub(crate) not_understood: Option<String>,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// An envelope of this version.
    Soap(Version),
    /// The bare result.
    Plain,
}

/// A request that did not become a call, with the answer that it gets.
pub(crate) struct Refused {
    /// The answer.
    pub(crate) reply: Reply,
    /// Whether the answer is a SOAP fault.
    pub(crate) is_fault: bool,
    /// The operation, as far as one was named.
    pub(crate) operation: Option<&'static str>,
}

impl Refused {
    fn http(reply: Reply) -> Box<Self> {
        Box::new(Self {
            reply,
            is_fault: false,
            operation: None,
        })
    }

    fn fault(version: Version, fault: &Fault) -> Box<Self> {
        let reply = Style::Soap(version).fault(fault);
        Box::new(Self {
            reply,
            is_fault: true,
            operation: None,
        })
    }

    fn of(mut self: Box<Self>, operation: &'static Operation) -> Box<Self> {
        self.operation = Some(operation.name);
        self
    }
}

impl Style {
    /// A result, whose members `write` writes.
    pub(crate) fn result(self, operation: &Operation, write: impl FnOnce(&mut Writer)) -> String {
        match self {
            Self::Soap(version) => {
                let mut writer = Writer::soap(version, operation);
                write(&mut writer);
                writer.finish_soap(operation)
            }
            Self::Plain => {
                let mut writer = Writer::plain(operation);
                write(&mut writer);
                writer.finish_plain(operation)
            }
        }
    }

    /// The reply around a result.
    pub(crate) fn ok(self, body: String) -> Reply {
        let content_type = match self {
            Self::Soap(version) => version.content_type(),
            Self::Plain => "text/xml; charset=utf-8",
        };
        Reply::new(StatusCode::OK, content_type, body).with_header(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=0"),
        )
    }

    /// The reply around a fault; the HTTP bindings have only its text.
    pub(crate) fn fault(self, fault: &Fault) -> Reply {
        match self {
            Self::Soap(version) => Reply::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                version.content_type(),
                fault.write(version),
            ),
            Self::Plain => pages::plain_error(fault.cause()),
        }
    }
}
