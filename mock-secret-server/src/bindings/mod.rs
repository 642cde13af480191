//! The three ways to make a call - SOAP, HTTP GET, HTTP POST - and how each writes its reply.

pub(crate) mod form;
pub(crate) mod soap;

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use crate::fault_codes::{Exception, Fault, Told};
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

/// A request that did not become a call.
pub(crate) struct Refused {
    /// What it is answered with.
    pub(crate) with: RefusedWith,
    /// The operation, as far as one was named.
    pub(crate) operation: Option<&'static str>,
}

/// What a request that did not become a call is answered with.
pub(crate) enum RefusedWith {
    /// A SOAP fault in an envelope of this version.
    Fault(Version, Fault),
    /// An exception as plain text.
    Plain(Vec<Exception>),
    /// A page, or a status and nothing else.
    Http(Reply),
}

impl Refused {
    fn http(reply: Reply) -> Box<Self> {
        Self::with(RefusedWith::Http(reply))
    }

    fn fault(version: Version, fault: Fault) -> Box<Self> {
        Self::with(RefusedWith::Fault(version, fault))
    }

    fn plain(chain: Vec<Exception>) -> Box<Self> {
        Self::with(RefusedWith::Plain(chain))
    }

    fn with(with: RefusedWith) -> Box<Self> {
        Box::new(Self {
            with,
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
    pub(crate) fn fault(self, fault: &Fault, told: Told) -> Reply {
        match self {
            Self::Soap(version) => Reply::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                version.content_type(),
                fault.write(version, told),
            ),
            Self::Plain => pages::plain_error(fault.cause(), told),
        }
    }
}
