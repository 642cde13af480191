//! What is not SOAP: error pages, plain-text errors, the help page and discovery.

pub(crate) mod access;
pub(crate) mod applications;
pub(crate) mod discovery;
pub(crate) mod help;
mod session;

use std::borrow::Cow;

use sim_kit::exchange::{HeaderValue, Reply, StatusCode, header};

use crate::config::NotFoundPage;
use crate::fault_codes::{Exception, Told, tell};
use crate::wsdl::escape_attribute as escape;

/// Content type of every page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// An exception as plain text with status 500, as the HTTP bindings and discovery write it: each
/// message encoded for HTML, a line end behind (documented soap:§1.8).
pub(crate) fn plain_error(chain: &[Exception], told: Told) -> Reply {
    let text = tell(chain, told, html_encoded);
    Reply::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        text + "\r\n",
    )
}

/// As `HttpUtility.HtmlEncode` does: markup, Latin-1 letters and what takes two UTF-16 units.
fn html_encoded(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{a0}'..='\u{ff}' | '\u{10000}'.. => {
                out.push_str(&format!("&#{};", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    Cow::Owned(out)
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

/// A path with nothing behind it, on whosever page it is said.
pub(crate) fn not_found(path: &str, page: NotFoundPage) -> Reply {
    match page {
        NotFoundPage::AspNet => aspnet_not_found(path),
        NotFoundPage::Iis => iis_page(
            StatusCode::NOT_FOUND,
            "404 - File or directory not found.",
            "The resource you are looking for might have been removed, had its name changed, or is \
             temporarily unavailable.",
        ),
        NotFoundPage::Product => {
            let body = "<!DOCTYPE html>\r\n<html><head><title>Secret Server - Page Not Found</title>\
                        </head><body><h1>Page Not Found</h1><p>The page you requested does not \
                        exist.</p></body></html>\r\n";
            Reply::new(StatusCode::NOT_FOUND, HTML, body)
        }
    }
}

/// What IIS puts into an empty body when it may; `None` for every other status.
pub(crate) fn iis_filling(status: StatusCode) -> Option<Reply> {
    let (title, text) = match status {
        StatusCode::BAD_REQUEST => (
            "400 - Bad Request",
            "The request could not be understood by the server due to malformed syntax.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "415 - Unsupported media type",
            "The server cannot service the request because the media type is unsupported.",
        ),
        _ => return None,
    };
    Some(iis_page(status, title, text))
}

fn iis_page(status: StatusCode, title: &str, text: &str) -> Reply {
    let body = format!(
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \
         \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n<head>\r\n<title>{title}</title>\r\n\
         </head>\r\n<body>\r\n<div id=\"header\"><h1>Server Error</h1></div>\r\n\
         <div id=\"content\"><h2>{title}</h2>\r\n<h3>{text}</h3></div>\r\n</body>\r\n</html>\r\n"
    );
    Reply::new(status, "text/html", body)
}

fn aspnet_not_found(path: &str) -> Reply {
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
