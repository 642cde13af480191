//! Secrets Safe: secrets, their versions, shares and one-time codes, as far as the vendor's
//! clients call them. psafe:§2.12.

mod history;
mod values;

use super::{
    Access, Call, Gives, Param, Route, Run, created, file, flag, gives, int, many_or_page, nothing,
    objects, ok, one_of, route, text, texts,
};
use crate::state::State;
use crate::state::people::{Feature, Level};
use crate::state::refusal::Refusal;
use crate::state::secrets_safe::TeamSecret;
use crate::wire::rows::secrets_safe::{MovedSecretsRow, SecretRow, ShareRow, TotpRow, VersionsRow};
use history::{remove_share, remove_shares, roll_back, share, shares, totp, version, versions};
pub(super) use values::{SecretDraft, check_room, on_duplicate, view};
use values::{
    add, change_file, change_kind, download, favorite, get, get_kind, list, move_secrets, remove,
};

pub(super) const READ: Access = Access::Feature(Feature::SecretsSafe, Level::Read);
pub(super) const FULL: Access = Access::Feature(Feature::SecretsSafe, Level::FullControl);
const SECRET_NOT_FOUND: Refusal = Refusal::NotFound("Secret not found");
/// The minor versions of the body model (`documented psafe:DOC-new`).
pub(super) const VERSION: &[Param] = &[one_of("version", &["3.0", "3.1", "3.2", "3.3"])];
/// What a move takes beside what is moved (`vendor-client psafe:PYLIB`).
pub(super) const MOVING: &[Param] = &[
    text("DestinationFolderId").required(),
    one_of("DuplicateNameAction", &["Rename", "Stop", "Skip"]).required(),
];
const MOVE: &[Param] = &[MOVING[0], MOVING[1], texts("SecretIds"), texts("ShareIds")];
const TITLE: Param = text("Title").at_most(256);
const DESCRIPTION: Param = text("Description").at_most(256);
const NOTES: Param = text("Notes");
const CREDENTIAL: [Param; 10] = [
    TITLE,
    DESCRIPTION,
    NOTES,
    text("Username").at_most(256),
    text("Password").at_most(256),
    text("FolderId"),
    objects("Owners"),
    objects("Urls"),
    flag("TotpEnabled"),
    text("TotpSecretKey"),
];
const NEW_CREDENTIAL: &[Param] = &[
    TITLE.required(),
    DESCRIPTION,
    NOTES,
    text("Username").required().at_most(256),
    text("Password").required().at_most(256),
    objects("Owners"),
    objects("Urls"),
    flag("TotpEnabled"),
    text("TotpSecretKey"),
];
const TEXT: &[Param] = &[
    TITLE,
    DESCRIPTION,
    NOTES,
    text("Text"),
    text("FolderId"),
    objects("Owners"),
    objects("Urls"),
];
const NEW_TEXT: &[Param] = &[
    TITLE.required(),
    DESCRIPTION,
    NOTES,
    text("Text").required(),
    objects("Owners"),
    objects("Urls"),
];
const FILE: &[Param] = &[
    TITLE,
    DESCRIPTION,
    NOTES,
    text("FileName").at_most(256),
    text("FolderId"),
    objects("Owners"),
    objects("Urls"),
    file("files"),
];
const NEW_FILE: &[Param] = &[
    TITLE.required(),
    DESCRIPTION,
    NOTES,
    text("FileName").at_most(256),
    objects("Owners"),
    objects("Urls"),
    file("files"),
];
const ROW: Gives = ok(gives::<SecretRow>);
const NEW_ROW: Gives = created(gives::<SecretRow>);
const VALUE: Gives = ok(gives::<String>);

const fn read(name: &'static str, summary: &'static str, gives: Gives, run: Run) -> Route {
    route(name, summary, READ, VERSION, &[], gives, run)
}

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Secrets-Safe/Secrets",
        summary: "Secrets by path and title; a page from version 3.2 on",
        access: READ,
        query: &[
            text("path"),
            text("separator").at_most(1),
            text("title"),
            flag("decrypt"),
            flag("favorite"),
            text("afterdate").at_most(40),
            VERSION[0],
            int("limit").between(0, i32::MAX),
            int("offset").between(0, i32::MAX),
        ],
        body: &[],
        gives: ok(many_or_page::<SecretRow>),
        run: list,
    },
    read("GET Secrets-Safe/Secrets/{id}", "One secret", ROW, get),
    read(
        "GET Secrets-Safe/Secrets/{id}/Text",
        "A text secret",
        ROW,
        |state, call| get_kind(state, call, "Text"),
    ),
    read(
        "GET Secrets-Safe/Secrets/{id}/File",
        "A file secret's row",
        ROW,
        |state, call| get_kind(state, call, "File"),
    ),
    read(
        "GET Secrets-Safe/Secrets/{id}/File/Download",
        "A file secret's bytes",
        nothing(200),
        download,
    ),
    route(
        "POST Secrets-Safe/Folders/{folderId}/Secrets",
        "Add a credential",
        FULL,
        VERSION,
        NEW_CREDENTIAL,
        NEW_ROW,
        add,
    ),
    route(
        "POST Secrets-Safe/Folders/{folderId}/Secrets/Text",
        "Add a text",
        FULL,
        VERSION,
        NEW_TEXT,
        NEW_ROW,
        add,
    ),
    route(
        "POST Secrets-Safe/Folders/{folderId}/Secrets/File",
        "Add a file",
        FULL,
        VERSION,
        NEW_FILE,
        NEW_ROW,
        add,
    ),
    route(
        "PUT Secrets-Safe/Secrets/{id}",
        "Change a credential",
        FULL,
        VERSION,
        &CREDENTIAL,
        ROW,
        |state, call| change_kind(state, call, None),
    ),
    route(
        "PUT Secrets-Safe/Secrets/{id}/Text",
        "Change a text",
        FULL,
        VERSION,
        TEXT,
        ROW,
        |state, call| change_kind(state, call, Some("Text")),
    ),
    // The one change that the vendor's clients want 204 of.
    route(
        "PUT Secrets-Safe/Secrets/{id}/File",
        "Change a file",
        FULL,
        VERSION,
        FILE,
        nothing(204),
        change_file,
    ),
    route(
        "DELETE Secrets-Safe/Secrets/{id}",
        "Remove a secret",
        FULL,
        VERSION,
        &[],
        nothing(200),
        remove,
    ),
    route(
        "PUT Secrets-Safe/Secrets/Move",
        "Move secrets and shares into a folder",
        FULL,
        VERSION,
        MOVE,
        ok(gives::<MovedSecretsRow>),
        move_secrets,
    ),
    route(
        "PUT Secrets-Safe/Secrets/{id}/Favorite",
        "Mark a secret as one's favorite, or not",
        READ,
        VERSION,
        &[flag("Favorite").required()],
        nothing(204),
        favorite,
    ),
    read(
        "GET Secrets-Safe/Secrets/{id}/Versions",
        "The values that a secret has and had",
        ok(gives::<VersionsRow>),
        versions,
    ),
    read(
        "GET Secrets-Safe/Secrets/Password/{id}/Versions/{versionId}",
        "A password that a secret has or had",
        VALUE,
        |state, call| version(state, call, "Credential"),
    ),
    read(
        "GET Secrets-Safe/Secrets/Text/{id}/Versions/{versionId}",
        "A text that a secret has or had",
        VALUE,
        |state, call| version(state, call, "Text"),
    ),
    read(
        "GET Secrets-Safe/Secrets/File/{id}/Versions/{versionId}",
        "The bytes that a file has or had",
        nothing(200),
        |state, call| version(state, call, "File"),
    ),
    route(
        "POST Secrets-Safe/Secrets/{id}/Versions/{versionId}/Rollback",
        "Make an earlier value the one that counts",
        FULL,
        VERSION,
        &[],
        nothing(204),
        roll_back,
    ),
    read(
        "GET Secrets-Safe/Secrets/{id}/Shares",
        "The other folders that a secret shows in",
        ok(gives::<Vec<ShareRow>>),
        shares,
    ),
    route(
        "POST Secrets-Safe/Secrets/{id}/Shares/{folderId}",
        "Show a secret in another folder",
        FULL,
        VERSION,
        &[],
        created(gives::<ShareRow>),
        share,
    ),
    route(
        "DELETE Secrets-Safe/Secrets/{id}/Shares/{folderId}",
        "Show a secret no longer in another folder",
        FULL,
        VERSION,
        &[],
        nothing(204),
        remove_share,
    ),
    route(
        "DELETE Secrets-Safe/Secrets/{id}/Shares",
        "Show a secret in no other folder",
        FULL,
        VERSION,
        &[],
        nothing(204),
        remove_shares,
    ),
    read(
        "GET Secrets-Safe/Secrets/{id}/Totp/Code",
        "The one-time code of a credential",
        ok(gives::<TotpRow>),
        totp,
    ),
];

pub(super) fn secret_not_found() -> Refusal {
    SECRET_NOT_FOUND
}

fn id(call: &Call<'_>) -> String {
    call.param(0).to_ascii_lowercase()
}

fn secret<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a TeamSecret, Refusal> {
    let found = state.secrets_safe.secrets.get(&id(call));
    found.ok_or(SECRET_NOT_FOUND)
}

fn secret_mut<'a>(state: &'a mut State, call: &Call<'_>) -> Result<&'a mut TeamSecret, Refusal> {
    let found = state.secrets_safe.secrets.get_mut(&id(call));
    found.ok_or(SECRET_NOT_FOUND)
}
