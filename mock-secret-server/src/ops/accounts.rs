//! Who is calling: log-on, tokens, impersonation (soap:§3.1 to soap:§3.3).

use super::Place;
use crate::state::{Command, ImpersonateResult, SecretText, TokenIsValidResult, UserInfoResult};
use crate::wire::parameters::Parameters;
use crate::wire::reply::Writer;

pub(super) fn authenticate(p: &Parameters<'_>) -> Command {
    Command::Authenticate {
        username: p.text("username"),
        password: p.secret("password"),
        organization: p.text("organization"),
        domain: p.text("domain"),
    }
}

pub(super) fn authenticate_radius(p: &Parameters<'_>) -> Command {
    Command::AuthenticateRADIUS {
        username: p.text("username"),
        password: p.secret("password"),
        organization: p.text("organization"),
        domain: p.text("domain"),
        radius_password: p.secret("radiusPassword"),
    }
}

pub(super) fn get_token_is_valid(p: &Parameters<'_>) -> Command {
    Command::GetTokenIsValid {
        token: p.secret("token"),
    }
}

pub(super) fn impersonate_user(p: &Parameters<'_>) -> Command {
    Command::ImpersonateUser {
        token: p.secret("token"),
        username: p.text("username"),
        organization: p.text("organization"),
        domain: p.text("domain"),
    }
}

pub(super) fn who_am_i(p: &Parameters<'_>) -> Command {
    Command::WhoAmI {
        token: p.secret("token"),
    }
}

pub(super) fn change_password(p: &Parameters<'_>) -> Command {
    Command::ChangePassword {
        token: p.secret("token"),
        current_password: p.secret("currentPassword"),
        new_password: p.secret("newPassword"),
    }
}

pub(super) fn write_token(w: &mut Writer, token: &SecretText) {
    w.errors(&[]);
    w.text("Token", token.expose());
}

pub(super) fn write_impersonation(w: &mut Writer, result: &ImpersonateResult, place: Place<'_>) {
    w.errors(&[]);
    w.text("Token", result.token.as_ref().map(SecretText::expose));
    if let Some(path) = &result.authorize_url {
        write_authorize_url(w, path, place);
    }
}

/// Makes the vault's path an address that the user's browser can open.
pub(super) fn write_authorize_url(w: &mut Writer, path: &str, place: Place<'_>) {
    let (scheme, authority) = (place.request.scheme(), place.request.authority());
    let url = format!("{scheme}://{authority}{}{path}", place.root);
    w.text("AuthorizeURL", url.as_str());
}

pub(super) fn write_token_is_valid(w: &mut Writer, result: &TokenIsValidResult) {
    w.errors(&[]);
    w.int("MaxOfflineSeconds", result.max_offline_seconds);
    w.text("Version", &*result.version);
}

pub(super) fn write_user_info(w: &mut Writer, result: &UserInfoResult) {
    w.errors(&[]);
    w.text("DisplayName", result.display_name.as_deref());
    w.text("UserName", result.user_name.as_deref());
    w.text("KnownAs", result.known_as.as_deref());
    w.int("UserId", result.user_id);
    w.int("DomainId", result.domain_id);
    w.text("DomainName", result.domain_name.as_deref());
}

pub(super) fn write_version(w: &mut Writer, version: &str) {
    w.errors(&[]);
    w.text("Version", version);
}
