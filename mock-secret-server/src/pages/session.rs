//! Signing in to the pages. The cookie opens the pages and nothing else.

use std::borrow::Cow;
use std::sync::Arc;

use sim_kit::clock::SimTime;
use sim_kit::exchange::{HeaderValue, Method, Reply, Request, StatusCode, header};

use super::{HTML, method_not_allowed};
use crate::service::Service;
use crate::state::{RefusalKind, SecretText, SignIn};
use crate::wsdl::escape_attribute as escape;

const COOKIE: &str = "SimSecretServerSession";
/// More fields than any of the forms has.
const FIELDS_MAX: usize = 16;

/// A page that a person must sign in to.
pub(super) struct Page {
    pub(super) title: &'static str,
    /// The page as a user sees it; the text is what became of the last act.
    pub(super) show: fn(&Visit<'_>, &str) -> String,
    /// Carries an act out, and says what became of it.
    pub(super) act: fn(&Visit<'_>, &Form<'_>) -> String,
}

/// A user at a page.
pub(super) struct Visit<'a> {
    pub(super) service: &'a Service,
    pub(super) request: &'a Request,
    pub(super) user: &'a str,
    pub(super) now: SimTime,
}

/// The fields of a form or of a query.
pub(super) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(bytes).take(FIELDS_MAX).collect())
    }

    /// The field's value; empty when there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_ref())
    }
}

impl Visit<'_> {
    /// What stands behind the question mark of the address.
    pub(super) fn query(&self) -> Form<'_> {
        Form::of(self.request.query.as_deref().unwrap_or_default().as_bytes())
    }
}

impl Page {
    /// Answers a request for the page.
    pub(super) fn answer(&self, service: &Service, request: &Request, now: SimTime) -> Reply {
        let signed_in = signed_in(service, request, now);
        let visit = |user| Visit {
            service,
            request,
            user,
            now,
        };
        if request.method == Method::GET {
            return match signed_in {
                Some(user) => self.shown(&visit(&user), ""),
                None => self.form(""),
            };
        }
        if request.method != Method::POST {
            return method_not_allowed();
        }
        let form = Form::of(request.body.as_deref().unwrap_or_default());
        if let Some(user) = signed_in {
            let visit = visit(&user);
            let done = (self.act)(&visit, &form);
            return self.shown(&visit, &done);
        }
        match sign_in(service, request, &form, now) {
            Err(told) => self.form(told),
            Ok((user, cookie)) => {
                let page = self.shown(&visit(&user), "");
                match HeaderValue::from_str(&cookie) {
                    Ok(cookie) => page.with_header(header::SET_COOKIE, cookie),
                    Err(_) => page,
                }
            }
        }
    }

    fn shown(&self, visit: &Visit<'_>, message: &str) -> Reply {
        let content = (self.show)(visit, message);
        let user = escape(visit.user);
        self.page(&format!("<p>Signed in as {user}.</p>\n{content}"), message)
    }

    fn form(&self, message: &str) -> Reply {
        self.page(
            "<form method=\"post\">\n\
             <label>Username <input name=\"username\" autocomplete=\"username\"></label>\n\
             <label>Domain <input name=\"domain\"></label>\n\
             <label>Password <input name=\"password\" type=\"password\"></label>\n\
             <label>Code of the second factor <input name=\"code\" autocomplete=\"one-time-code\">\
             </label>\n\
             <button>Log in</button>\n</form>",
            message,
        )
    }

    fn page(&self, content: &str, message: &str) -> Reply {
        let (title, message) = (self.title, escape(message));
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>{title}</title></head>\n\
             <body>\n<h1>{title}</h1>\n<p role=\"status\">{message}</p>\n{content}\n</body>\n\
             </html>\n"
        );
        Reply::new(StatusCode::OK, HTML, body)
            .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }
}

fn signed_in(service: &Service, request: &Request, now: SimTime) -> Option<Arc<str>> {
    let cookies = request.header(header::COOKIE)?;
    let cookie = cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.split_once('=')?;
        (name.trim() == COOKIE).then(|| value.trim())
    })?;
    let from = request.peer.ip();
    service.vault().sim_signed_in(cookie, now, from)
}

/// The user and the cookie, or what the page says.
fn sign_in(
    service: &Service,
    request: &Request,
    form: &Form<'_>,
    now: SimTime,
) -> Result<(Arc<str>, String), &'static str> {
    let given = |name: &str| Some(form.value(name)).filter(|value| !value.is_empty());
    let by = SignIn {
        username: form.value("username").to_owned(),
        domain: given("domain").map(str::to_owned),
        password: SecretText::from(form.value("password")),
        code: given("code").map(SecretText::from),
    };
    let signed_in = service.vault().sim_sign_in(by, now, request.peer.ip());
    let (user, token) = signed_in.map_err(|refusal| match refusal.kind {
        RefusalKind::RadiusChallenge => {
            "The code was right, and is answered by a challenge: log in again with the answer as \
             the code."
        }
        _ => "Login failed.",
    })?;
    let secure = if request.tls { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}",
        token.expose()
    );
    Ok((user, cookie))
}
