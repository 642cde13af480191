//! The web service's schema, read once from `sswebservice.txt`: 88 operations and 141 types, in
//! document order (recorded soap:W). The WSDL, the request reader and the help pages are drawn
//! from it, so that they cannot disagree.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Namespace of every element of the service, at any depth.
pub const TARGET_NAMESPACE: &str = "urn:thesecretserver.com";

const SOURCE: &str = include_str!("sswebservice.txt");

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::read(SOURCE));

/// The whole schema.
#[derive(Debug)]
pub struct Schema {
    /// Operations in WSDL order.
    pub operations: Vec<Operation>,
    /// Types by name.
    pub types: HashMap<&'static str, Type>,
    /// Everything that stands in the schema document, in its order.
    pub document: Vec<Item>,
    by_name: HashMap<&'static str, usize>,
}

/// One entry of the schema document.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// The request element of the operation at this index.
    Request(usize),
    /// The response element of the operation at this index.
    Reply(usize),
    /// A named type.
    Type(&'static str),
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// The vendor's name: request element, end of the SOAPAction, path of the HTTP bindings.
    pub name: &'static str,
    /// Whether the HTTP GET and POST bindings have it.
    pub http: bool,
    /// Children of the request element, in order.
    pub parameters: Vec<Field>,
    /// Type of the one child, `<name>Result`, of the response element.
    pub result: &'static str,
}

/// A named type.
#[derive(Debug)]
pub enum Type {
    /// A sequence of elements.
    Complex {
        /// The type it extends, whose elements come first.
        base: Option<&'static str>,
        /// Only derived types may stand for it.
        is_abstract: bool,
        /// Own elements, in order.
        fields: Vec<Field>,
    },
    /// A string out of a list.
    Enumeration(Vec<&'static str>),
}

/// An element of a sequence.
#[derive(Debug)]
pub struct Field {
    /// Local name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// minOccurs is 0.
    pub optional: bool,
    /// maxOccurs is unbounded.
    pub repeated: bool,
    /// `xsi:nil` is allowed by the schema.
    pub nillable: bool,
}

/// Type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `xs:string`.
    String,
    /// `xs:int`: 32 bits, decimal.
    Int,
    /// `xs:boolean`.
    Boolean,
    /// `xs:dateTime`.
    DateTime,
    /// `xs:base64Binary`.
    Base64Binary,
    /// No type attribute: anything.
    Any,
    /// The two wildcards of an ADO.NET data set.
    DataSet,
    /// A type of the service.
    Named(&'static str),
}

impl Schema {
    /// The schema of the service.
    #[must_use]
    pub fn get() -> &'static Self {
        &SCHEMA
    }

    /// An operation by its exact name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.by_name.get(name).map(|&index| &self.operations[index])
    }

    /// Result types of the operations with an HTTP binding, each once, in order: the global
    /// elements at the end of the schema.
    #[must_use]
    pub fn global_results(&self) -> Vec<&'static str> {
        let mut results = Vec::new();
        for operation in self.operations.iter().filter(|operation| operation.http) {
            if !results.contains(&operation.result) {
                results.push(operation.result);
            }
        }
        results
    }

    /// Elements of a complex type, inherited ones first; none for other types.
    #[must_use]
    pub fn fields(&self, name: &str) -> Vec<&Field> {
        let Some(Type::Complex { base, fields, .. }) = self.types.get(name) else {
            return Vec::new();
        };
        let mut all = base.map_or_else(Vec::new, |base| self.fields(base));
        all.extend(fields);
        all
    }

    /// The one repeated element of an array type.
    #[must_use]
    pub fn array_item(&self, name: &str) -> Option<&Field> {
        match self.types.get(name) {
            Some(Type::Complex { fields, .. }) => match fields.as_slice() {
                [item] if item.repeated => Some(item),
                _ => None,
            },
            _ => None,
        }
    }

    fn read(source: &'static str) -> Self {
        let mut schema = Self {
            operations: Vec::new(),
            types: HashMap::new(),
            document: Vec::new(),
            by_name: HashMap::new(),
        };
        let mut owner = Owner::Nobody;
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if let Some(field) = line.strip_prefix("  ") {
                schema.add_field(owner, Field::read(field));
            } else {
                owner = schema.add_item(line);
            }
        }
        schema
    }

    fn add_item(&mut self, line: &'static str) -> Owner {
        let mut words = line.split(' ');
        let (keyword, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match keyword {
            "op" => {
                let index = self.operations.len();
                let http = words.next() == Some("http");
                self.operations.push(Operation {
                    name,
                    http,
                    parameters: Vec::new(),
                    result: "",
                });
                self.by_name.insert(name, index);
                self.document.push(Item::Request(index));
                Owner::Operation(index)
            }
            "reply" => {
                if let Some(&index) = self.by_name.get(name) {
                    self.operations[index].result = words.next().unwrap_or("");
                    self.document.push(Item::Reply(index));
                }
                Owner::Nobody
            }
            "enum" => {
                self.types.insert(name, Type::Enumeration(words.collect()));
                self.document.push(Item::Type(name));
                Owner::Nobody
            }
            _ => {
                let base = words.nth(1);
                let is_abstract = keyword == "abstract";
                self.types.insert(
                    name,
                    Type::Complex {
                        base,
                        is_abstract,
                        fields: Vec::new(),
                    },
                );
                self.document.push(Item::Type(name));
                Owner::Type(name)
            }
        }
    }

    fn add_field(&mut self, owner: Owner, field: Field) {
        match owner {
            Owner::Operation(index) => self.operations[index].parameters.push(field),
            Owner::Type(name) => {
                if let Some(Type::Complex { fields, .. }) = self.types.get_mut(name) {
                    fields.push(field);
                }
            }
            Owner::Nobody => {}
        }
    }
}

/// Whom the next field lines belong to.
#[derive(Clone, Copy)]
enum Owner {
    Nobody,
    Operation(usize),
    Type(&'static str),
}

impl Field {
    fn read(line: &'static str) -> Self {
        let (name, kind) = line.split_once(' ').unwrap_or((line, "anyType"));
        let nillable = kind.ends_with('~');
        let kind = kind.trim_end_matches('~');
        let repeated = kind.ends_with('*');
        let optional = repeated || kind.ends_with('?');
        let kind = Kind::read(kind.trim_end_matches(['*', '?']));
        Self {
            name,
            kind,
            optional,
            repeated,
            nillable,
        }
    }
}

impl Kind {
    fn read(word: &'static str) -> Self {
        match word {
            "string" => Self::String,
            "int" => Self::Int,
            "boolean" => Self::Boolean,
            "dateTime" => Self::DateTime,
            "base64Binary" => Self::Base64Binary,
            "anyType" => Self::Any,
            "dataSet" => Self::DataSet,
            name => Self::Named(name),
        }
    }

    /// The type's name as the WSDL writes it; `None` where there is no `type` attribute.
    #[must_use]
    pub fn qualified(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::String => ("s", "string"),
            Self::Int => ("s", "int"),
            Self::Boolean => ("s", "boolean"),
            Self::DateTime => ("s", "dateTime"),
            Self::Base64Binary => ("s", "base64Binary"),
            Self::Named(name) => ("tns", name),
            Self::Any | Self::DataSet => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_recorded_counts() {
        let schema = Schema::get();
        let complex = schema
            .types
            .values()
            .filter(|kind| matches!(kind, Type::Complex { .. }));
        assert_eq!(schema.operations.len(), 88);
        assert_eq!(complex.count(), 135);
        assert_eq!(
            schema
                .operations
                .iter()
                .filter(|operation| operation.http)
                .count(),
            62
        );
        assert_eq!(schema.global_results().len(), 38);
    }

    #[test]
    fn every_named_type_and_result_is_there() {
        let schema = Schema::get();
        let known = |kind: &Kind| match kind {
            Kind::Named(name) => schema.types.contains_key(name),
            _ => true,
        };
        for operation in &schema.operations {
            assert!(
                schema.types.contains_key(operation.result),
                "{}",
                operation.name
            );
            assert!(operation.parameters.iter().all(|field| known(&field.kind)));
        }
        for kind in schema.types.values() {
            if let Type::Complex { fields, .. } = kind {
                assert!(fields.iter().all(|field| known(&field.kind)));
            }
        }
    }

    #[test]
    fn a_derived_type_has_its_base_first() {
        let names: Vec<_> = Schema::get()
            .fields("FileDownloadResult")
            .iter()
            .map(|field| field.name)
            .collect();
        assert_eq!(names, ["Errors", "FileAttachment", "FileName"]);
    }
}
