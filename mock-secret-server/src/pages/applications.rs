//! Tools > Manage Applications: where a user answers an application's request to act on their
//! behalf, and takes the answer back (documented soap:§3.3; the page's form is assumed).
//!
//! Sign in as the user; the session is a token of the vault in a cookie.

use std::borrow::Cow;
use std::sync::Arc;

use sim_kit::clock::SimTime;
use sim_kit::exchange::{HeaderValue, Method, Reply, Request, StatusCode, header};

use super::{HTML, method_not_allowed};
use crate::service::Service;
use crate::state::{Command, Operate, SecretText, Trust, TrustView};
use crate::wsdl::escape_attribute as escape;

const COOKIE: &str = "SimSecretServerSession";

/// Answers a request for the page.
pub(crate) fn answer(service: &Service, request: &Request, now: SimTime) -> Reply {
    let session = signed_in(service, request, now);
    if request.method == Method::GET {
        return match session {
            Some(user) => list(service, &user, ""),
            None => sign_in_form(""),
        };
    }
    if request.method != Method::POST {
        return method_not_allowed();
    }
    let form: Vec<(Cow<'_, str>, Cow<'_, str>)> = match &request.body {
        Ok(body) => form_urlencoded::parse(body).take(16).collect(),
        Err(_) => Vec::new(),
    };
    let value = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_ref())
    };
    match session {
        Some(user) => act(service, &user, value("act"), value("caller"), now),
        None => sign_in(
            service,
            request,
            [value("username"), value("domain"), value("password")],
            now,
        ),
    }
}

fn signed_in(service: &Service, request: &Request, now: SimTime) -> Option<Arc<str>> {
    let cookies = request.header(header::COOKIE)?;
    let token = cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.split_once('=')?;
        (name.trim() == COOKIE).then(|| value.trim())
    })?;
    let question = Command::WhoAmI {
        token: Some(SecretText::from(token)),
    };
    service.vault().acting_user(&question, now)
}

fn sign_in(
    service: &Service,
    request: &Request,
    [username, domain, password]: [&str; 3],
    now: SimTime,
) -> Reply {
    let domain = Some(domain).filter(|domain| !domain.is_empty());
    let (password, from) = (SecretText::from(password), request.peer.ip());
    let signed_in = service
        .vault()
        .sim_sign_in(username, domain, password, now, from);
    match signed_in {
        Ok((user, token)) => {
            let secure = if request.tls { "; Secure" } else { "" };
            let cookie = format!(
                "{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}",
                token.expose()
            );
            let page = list(service, &user, "");
            match HeaderValue::from_str(&cookie) {
                Ok(cookie) => page.with_header(header::SET_COOKIE, cookie),
                Err(_) => page,
            }
        }
        Err(_) => sign_in_form("Login failed."),
    }
}

fn act(service: &Service, user: &str, act: &str, caller: &str, now: SimTime) -> Reply {
    let (caller, user_name) = (caller.to_owned(), user.to_owned());
    let act = match act {
        "approve" => Operate::ApproveImpersonation {
            caller,
            user: user_name,
        },
        "deny" => Operate::DenyImpersonation {
            caller,
            user: user_name,
        },
        "revoke" => Operate::RevokeImpersonation {
            caller,
            user: user_name,
        },
        _ => return list(service, user, "Choose approve, deny or revoke."),
    };
    let outcome = service.vault().operate(act, now);
    match outcome {
        Ok(_) => list(service, user, "Saved."),
        Err(error) => list(service, user, &format!("Failed to {error}.")),
    }
}

fn list(service: &Service, user: &str, message: &str) -> Reply {
    let trusts = service.vault().trusts();
    let rows: String = trusts
        .iter()
        .filter(|trust| &*trust.user == user)
        .map(row)
        .collect();
    let table = if rows.is_empty() {
        "<p>No application has asked to act on your behalf.</p>".to_owned()
    } else {
        format!(
            "<table>\n<tr><th>Application account</th><th>State</th><th></th></tr>\n{rows}</table>"
        )
    };
    page(
        &format!("<p>Signed in as {}.</p>\n{table}", escape(user)),
        message,
    )
}

fn row(trust: &TrustView) -> String {
    let acts: &[&str] = match trust.state {
        Trust::Pending => &["approve", "deny"],
        Trust::Approved => &["revoke"],
        Trust::None | Trust::Denied | Trust::Revoked => &["approve"],
    };
    let caller = escape(&trust.caller);
    let buttons: String = acts
        .iter()
        .map(|act| format!("<button name=\"act\" value=\"{act}\">{act}</button>"))
        .collect();
    format!(
        "<tr><td>{caller}</td><td>{}</td><td><form method=\"post\"><input type=\"hidden\" \
         name=\"caller\" value=\"{caller}\">{buttons}</form></td></tr>\n",
        trust.state.name()
    )
}

fn sign_in_form(message: &str) -> Reply {
    page(
        "<form method=\"post\">\n\
         <label>Username <input name=\"username\" autocomplete=\"username\"></label>\n\
         <label>Domain <input name=\"domain\"></label>\n\
         <label>Password <input name=\"password\" type=\"password\"></label>\n\
         <button>Log in</button>\n</form>",
        message,
    )
}

fn page(content: &str, message: &str) -> Reply {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Manage Applications</title></head>\n\
         <body>\n<h1>Manage Applications</h1>\n<p role=\"status\">{}</p>\n{content}\n</body>\n\
         </html>\n",
        escape(message)
    );
    Reply::new(StatusCode::OK, HTML, body)
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
