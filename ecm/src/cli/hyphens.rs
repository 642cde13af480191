//! Values that may begin with a hyphen, as names in a directory do, and that are never flags.

use std::ffi::OsStr;

use clap::builder::{NonEmptyStringValueParser, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// Takes a text with or without a hyphen at its beginning; goes with `allow_hyphen_values`.
pub(super) fn hyphen_text() -> impl TypedValueParser<Value = String> {
    NoFlag(StringValueParser::new())
}

/// The same, and the text must not be empty.
pub(super) fn filled_hyphen_text() -> impl TypedValueParser<Value = String> {
    NoFlag(NonEmptyStringValueParser::new())
}

/// Refuses what is a flag of the command or looks like one: a value that was left out would
/// otherwise be the flag that follows. Clap knows no such rule: its `allow_hyphen_values` takes
/// everything.
#[derive(Clone)]
struct NoFlag<P>(P);

impl<P: TypedValueParser> TypedValueParser for NoFlag<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<P::Value, Error> {
        match is_flag(command, value) {
            true => Err(left_out(command, argument)),
            false => self.0.parse_ref(command, argument, value),
        }
    }
}

fn is_flag(command: &Command, value: &OsStr) -> bool {
    let Some(text) = value.as_encoded_bytes().strip_prefix(b"-") else {
        return false;
    };
    let mut shorts = command.get_arguments().filter_map(Arg::get_short);
    text.starts_with(b"-") || shorts.any(|short| text == short.to_string().as_bytes())
}

/// What clap says of an option at the end of the line. The flag is not repeated: `--set` is followed by
/// what may be a secret.
fn left_out(command: &Command, argument: Option<&Arg>) -> Error {
    let name = argument.map(ToString::to_string).unwrap_or_default();
    let tip = "a value may begin with one hyphen, but not with two, and is no flag of this command";
    let mut error = Error::new(ErrorKind::InvalidValue).with_cmd(command);
    error.insert(ContextKind::InvalidArg, ContextValue::String(name));
    error.insert(
        ContextKind::InvalidValue,
        ContextValue::String(String::new()),
    );
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}
