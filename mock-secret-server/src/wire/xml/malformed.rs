//! Why a document is refused.

/// Why the document is not XML, in the words of the platform's parser.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("Root element is missing.")]
    NoRoot,
    #[error("Data at the root level is invalid. Line {line}, position {column}.")]
    RootLevelData { line: usize, column: usize },
    #[error(
        "Unexpected end of file has occurred. The following elements are not closed: {open}. \
         Line {line}, position {column}."
    )]
    UnexpectedEnd {
        open: String,
        line: usize,
        column: usize,
    },
    #[error(
        "For security reasons DTD is prohibited in this XML document. To enable DTD processing set \
         the DtdProcessing property on XmlReaderSettings to Parse and pass the settings into \
         XmlReader.Create method."
    )]
    Dtd,
    #[error("Invalid character in the given encoding. Line 1, position 1.")]
    Encoding,
    #[error("System does not support '{label}' encoding. Line 1, position {column}.")]
    UnknownEncoding { label: String, column: usize },
    #[error("There is no Unicode byte order mark. Cannot switch to Unicode.")]
    NoByteOrderMark,
    #[error("'{element}' is an unexpected token. Line {line}, position {column}.")]
    UnexpectedElement {
        element: String,
        line: usize,
        column: usize,
    },
    #[error("The document is not well-formed. Line {line}, position {column}.")]
    Syntax { line: usize, column: usize },
}
