//! Parameters of a call, read by the operation's entry in the schema (soap:§1.5).
//!
//! The order is free, unknown elements and elements of other namespaces are passed over, what is
//! missing takes its type's default, and of two elements with one name the first counts.
//!
//! Reading calls itself only along the schema, whose types do not contain themselves: how deep a
//! document nests is of no account.

use std::borrow::Cow;

use super::xml::{Element, Malformed, Namespace, Node, Xml};
use crate::schema::{Field, Kind, Operation, Schema};
use crate::state::SecretText;

/// One value.
#[derive(Debug)]
pub(crate) enum Value<'i> {
    Null,
    Text(Cow<'i, str>),
    Int(i32),
    Boolean(bool),
    /// The items of an array type.
    List(Vec<Value<'i>>),
    /// The elements of any other complex type.
    Record(Parameters<'i>),
}

/// Named values, each name at most once.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'i> {
    values: Vec<(&'static str, Value<'i>)>,
}

/// Why the parameters could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Malformed(Malformed),
    /// A value does not fit its type.
    Value {
        line: usize,
        column: usize,
        error: ValueError,
    },
}

/// Why a text is not a value of its type, in .NET's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("Input string was not in a correct format.")]
    NotAnInteger,
    #[error("Value was either too large or too small for an Int32.")]
    OutOfRange,
    #[error("The string '{0}' is not a valid Boolean value.")]
    NotABoolean(String),
}

impl From<Malformed> for ReadError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl<'i> Parameters<'i> {
    /// Reads the children of the operation's request element, which has just started.
    pub(crate) fn read(
        xml: &mut Xml<'i>,
        operation: &'static Operation,
    ) -> Result<Self, ReadError> {
        Self::read_children(xml, operation.parameters.len(), |name| {
            operation.parameters.iter().find(|field| field.name == name)
        })
    }

    fn read_children(
        xml: &mut Xml<'i>,
        expected: usize,
        field: impl Fn(&str) -> Option<&'static Field>,
    ) -> Result<Self, ReadError> {
        let mut read = Self {
            values: Vec::with_capacity(expected),
        };
        while let Node::Start(element) = xml.next_tag()? {
            let wanted = (element.namespace == Namespace::Target)
                .then(|| field(element.local))
                .flatten()
                .filter(|field| read.find(field.name).is_none());
            match wanted {
                Some(field) => {
                    let value = read_value(xml, &element, field)?;
                    read.values.push((field.name, value));
                }
                None => xml.skip()?,
            }
        }
        Ok(read)
    }

    /// Adds a value that another binding has converted.
    pub(crate) fn insert(&mut self, name: &'static str, value: Value<'i>) {
        self.values.push((name, value));
    }

    fn find(&self, name: &str) -> Option<&Value<'i>> {
        self.values
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// A string; absent and nil are null.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.find(name) {
            Some(Value::Text(text)) => Some(text.to_string()),
            _ => None,
        }
    }

    /// A string that must not be read by accident.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretText> {
        match self.find(name) {
            Some(Value::Text(text)) => Some(SecretText::from(text.as_ref())),
            _ => None,
        }
    }

    /// An `int`; absent is 0.
    pub(crate) fn int(&self, name: &str) -> i32 {
        self.nullable_int(name).unwrap_or(0)
    }

    /// A nullable `int`.
    pub(crate) fn nullable_int(&self, name: &str) -> Option<i32> {
        match self.find(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// A `boolean`; absent is false.
    pub(crate) fn boolean(&self, name: &str) -> bool {
        self.nullable_boolean(name).unwrap_or(false)
    }

    /// A nullable `boolean`.
    pub(crate) fn nullable_boolean(&self, name: &str) -> Option<bool> {
        match self.find(name) {
            Some(Value::Boolean(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// The records of an array; null items are left out.
    pub(crate) fn records(&self, name: &str) -> impl Iterator<Item = &Self> {
        let items = match self.find(name) {
            Some(Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter_map(|item| match item {
            Value::Record(record) => Some(record),
            _ => None,
        })
    }
}

fn read_value<'i>(
    xml: &mut Xml<'i>,
    element: &Element<'i>,
    field: &'static Field,
) -> Result<Value<'i>, ReadError> {
    let nil = is_nil(xml, element);
    match field.kind {
        Kind::Int | Kind::Boolean if nil && field.nillable => skip_null(xml),
        Kind::Int | Kind::Boolean => {
            let text = xml.text()?;
            convert(field.kind, &text).map_err(|error| {
                let (line, column) = xml.next_name_position();
                ReadError::Value {
                    line,
                    column,
                    error,
                }
            })
        }
        _ if nil => skip_null(xml),
        Kind::String | Kind::DateTime | Kind::Base64Binary => Ok(Value::Text(xml.text()?)),
        Kind::Named(name) => read_named(xml, name),
        Kind::Any | Kind::DataSet => skip_null(xml),
    }
}

fn read_named<'i>(xml: &mut Xml<'i>, name: &'static str) -> Result<Value<'i>, ReadError> {
    let schema = Schema::get();
    if let Some(item) = schema.array_item(name) {
        let mut items = Vec::new();
        while let Node::Start(element) = xml.next_tag()? {
            if element.namespace == Namespace::Target && element.local == item.name {
                items.push(read_value(xml, &element, item)?);
            } else {
                xml.skip()?;
            }
        }
        return Ok(Value::List(items));
    }
    let fields = schema.fields(name);
    if fields.is_empty() {
        return Ok(Value::Text(xml.text()?));
    }
    let find = |wanted: &str| fields.iter().copied().find(|field| field.name == wanted);
    Parameters::read_children(xml, fields.len(), find).map(Value::Record)
}

fn skip_null<'i>(xml: &mut Xml<'i>) -> Result<Value<'i>, ReadError> {
    xml.skip()?;
    Ok(Value::Null)
}

fn is_nil<'i>(xml: &Xml<'i>, element: &Element<'i>) -> bool {
    xml.attribute(element, Namespace::Xsi, "nil")
        .is_some_and(|value| matches!(value.trim(), "true" | "1"))
}

/// A number or a truth value from the text of a SOAP element.
fn convert<'i>(kind: Kind, text: &str) -> Result<Value<'i>, ValueError> {
    if kind == Kind::Int {
        return integer(text).map(Value::Int);
    }
    match text.trim() {
        "true" | "1" => Ok(Value::Boolean(true)),
        "false" | "0" => Ok(Value::Boolean(false)),
        _ => Err(ValueError::NotABoolean(text.to_owned())),
    }
}

/// A 32-bit decimal number with white space around it.
pub(crate) fn integer(text: &str) -> Result<i32, ValueError> {
    let text = text.trim();
    text.parse().map_err(|_| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
            ValueError::OutOfRange
        } else {
            ValueError::NotAnInteger
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read<'i>(operation: &str, body: &'i str) -> Result<Parameters<'i>, ReadError> {
        let mut xml = Xml::new(body)?;
        xml.next_tag()?;
        Parameters::read(&mut xml, Schema::get().operation(operation).unwrap())
    }

    #[test]
    fn no_type_of_a_request_contains_itself() {
        fn walk(kind: Kind, path: &mut Vec<&'static str>) {
            let Kind::Named(name) = kind else { return };
            assert!(!path.contains(&name), "{path:?} contains {name}");
            path.push(name);
            for field in Schema::get().fields(name) {
                walk(field.kind, path);
            }
            path.pop();
        }
        for operation in &Schema::get().operations {
            for field in &operation.parameters {
                walk(field.kind, &mut Vec::new());
            }
        }
    }

    #[test]
    fn integers_are_what_net_takes_for_them() {
        for (text, number) in [("7", 7), (" -7\n", -7), ("+7", 7), ("0007", 7)] {
            assert_eq!(integer(text), Ok(number), "{text:?}");
        }
        for text in ["", " ", "abc", "7.0", "1e3", "0x7", "7 7", "-", "٣"] {
            assert_eq!(integer(text), Err(ValueError::NotAnInteger), "{text:?}");
        }
        assert_eq!(integer("2147483648"), Err(ValueError::OutOfRange));
        assert_eq!(integer("-2147483648"), Ok(i32::MIN));
    }

    #[test]
    fn values_are_read_in_any_order_and_only_from_the_service_s_namespace() {
        let read = read(
            "SearchSecretsByFieldValue",
            "<SearchSecretsByFieldValue xmlns='urn:thesecretserver.com' xmlns:x='urn:x'>\
             <showRestricted> 1 </showRestricted><unknown><deep/></unknown><x:token>T</x:token>\
             <searchTerm xmlns=''>no</searchTerm><fieldName/><fieldName>late</fieldName>\
             </SearchSecretsByFieldValue>",
        )
        .unwrap();
        assert!(read.boolean("showRestricted"));
        assert!(!read.boolean("showDeleted"));
        assert_eq!(read.text("token"), None);
        assert_eq!(read.text("searchTerm"), None);
        assert_eq!(read.text("fieldName").as_deref(), Some(""));
    }

    #[test]
    fn arrays_and_nil_are_read() {
        let read = read(
            "GetSecret",
            "<GetSecret xmlns='urn:thesecretserver.com' \
             xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><token i:nil='true'/>\
             <loadSettingsAndPermissions i:nil='1'/><codeResponses><CodeResponse i:nil='true'/>\
             <CodeResponse><ErrorCode>COMMENT</ErrorCode><TicketSystemId>4</TicketSystemId>\
             </CodeResponse></codeResponses></GetSecret>",
        )
        .unwrap();
        assert_eq!(read.text("token"), None);
        assert_eq!(read.nullable_boolean("loadSettingsAndPermissions"), None);
        let records: Vec<_> = read.records("codeResponses").collect();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].text("ErrorCode").as_deref(), Some("COMMENT"));
        assert_eq!(records[0].nullable_int("TicketSystemId"), Some(4));
    }

    #[test]
    fn a_bad_value_names_the_place_after_it() {
        let read = read(
            "CheckIn",
            "<CheckIn xmlns='urn:thesecretserver.com'><secretId>abc</secretId>\n <x/></CheckIn>",
        );
        match read {
            Err(ReadError::Value {
                line,
                column,
                error,
            }) => {
                assert_eq!((line, column), (2, 3));
                assert_eq!(error, ValueError::NotAnInteger);
            }
            other => panic!("{other:?}"),
        }
    }
}
