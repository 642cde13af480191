//! What is not SOAP: error pages, plain-text errors, the help page and discovery.

pub(crate) mod access;
pub(crate) mod applications;
pub(crate) mod discovery;
pub(crate) mod help;
mod session;

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use crate::wsdl::escape_attribute as escape;

/// Content type of every page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A plain-text error with status 500, as the HTTP bindings and discovery write it: encoded for
/// HTML, with a line end (documented soap:§1.8).
pub(crate) fn plain_error(text: &str) -> Reply {
    // What joins the messages of nested exceptions is added after the encoding.
    let encoded = escape(text).replace(" ---&gt; ", " ---> ");
    Reply::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        format!("{encoded}\r\n"),
    )
}

/// An ASP.NET error page with status 500.
pub(crate) fn server_error(message: &str) -> Reply {
    error_page(StatusCode::INTERNAL_SERVER_ERROR, "Runtime Error", message)
}

/// A request that no protocol takes: no such binding, or one that is switched off.
pub(crate) fn unrecognized_format(method: &str) -> Reply {
    server_error(&format!(
        "Request format is unrecognized for URL unexpectedly ending in '/{method}'."
    ))
}

/// A verb that the service does not know.
pub(crate) fn method_not_allowed() -> Reply {
    let message = "Request format is unrecognized.";
    error_page(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method Not Allowed",
        message,
    )
}

/// A path with nothing behind it (assumed soap:§1.7: the page of ASP.NET).
pub(crate) fn not_found(path: &str) -> Reply {
    let message = format!(
        "The resource you are looking for (or one of its dependencies) could have been removed, \
         had its name changed, or is temporarily unavailable. Please review the following URL and \
         make sure that it is spelled correctly. Requested URL: {path}"
    );
    error_page(
        StatusCode::NOT_FOUND,
        "The resource cannot be found.",
        &message,
    )
}

/// The service behind Windows authentication, for a caller without it.
pub(crate) fn windows_authentication() -> Reply {
    let message = "401 - Unauthorized: Access is denied due to invalid credentials.";
    let mut reply = error_page(StatusCode::UNAUTHORIZED, "Unauthorized", message);
    for scheme in ["Negotiate", "NTLM"] {
        reply
            .headers
            .append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    reply
}

/// A redirect with the page that ASP.NET puts under it.
pub(crate) fn redirect(location: &str) -> Reply {
    let body = format!(
        "<html><head><title>Object moved</title></head><body>\r\n\
         <h2>Object moved to <a href=\"{}\">here</a>.</h2>\r\n</body></html>\r\n",
        escape(location)
    );
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    Reply::new(StatusCode::FOUND, HTML, body).with_header(header::LOCATION, location)
}

/// The log-in page, which has a form and no function: a SOAP client that meets it has lost.
pub(crate) fn log_in() -> Reply {
    let body = "<!DOCTYPE html>\r\n<html><head><title>Secret Server - Log In</title></head><body>\
                <h1>Log In</h1><form method=\"post\" action=\"Login.aspx\"></form></body></html>\r\n";
    Reply::new(StatusCode::OK, HTML, body)
}

fn error_page(status: StatusCode, title: &str, message: &str) -> Reply {
    let body = format!(
        "<!DOCTYPE html>\r\n<html>\r\n    <head>\r\n        <title>{0}</title>\r\n    </head>\r\n    \
         <body bgcolor=\"white\">\r\n        <h1>Server Error in '/' Application.</h1>\r\n        \
         <h2> <i>{0}</i> </h2>\r\n        <b> Description: </b>{1}\r\n    </body>\r\n</html>\r\n",
        escape(title),
        // An apostrophe stands as it is on these pages.
        escape(message).replace("&#39;", "'")
    );
    Reply::new(status, HTML, body)
}
