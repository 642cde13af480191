//! The reader against quick-xml's own reader of namespaces: for any bytes both find the same
//! elements, or the same fault at the same place.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::sample::select;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, NamespaceResolver, ResolveResult};
use quick_xml::reader::NsReader;

use super::*;

/// An element as either reader tells it.
#[derive(Debug, PartialEq)]
struct Told {
    space: Space,
    name: String,
    nil: bool,
    text: String,
    children: Vec<Told>,
}

/// Fails unless both readers tell the same of `bytes`.
pub(in crate::secret_server) fn check(bytes: &[u8]) {
    let ours = read(bytes).map(|document| told(document.root()));
    assert_eq!(ours, expected(bytes), "{}", String::from_utf8_lossy(bytes));
    // What is kept of a document reads as it did in there.
    let kept = |at: usize| {
        let document = read(bytes).ok()?;
        let element = document.keep(|root| nodes(root).get(at).copied().ok_or(()));
        element.ok().map(|element| told(element.node()))
    };
    if let Ok(document) = read(bytes) {
        for (at, node) in nodes(document.root()).into_iter().enumerate().take(8) {
            assert_eq!(kept(at), Some(told(node)));
        }
    }
}

/// An element and all that are inside.
fn nodes(node: Node<'_>) -> Vec<Node<'_>> {
    let inside = node.children().flat_map(nodes);
    std::iter::once(node).chain(inside).collect()
}

fn told(node: Node<'_>) -> Told {
    Told {
        space: node.space(),
        name: node.name().to_owned(),
        nil: node.nil(),
        text: node.text().to_owned(),
        children: node.children().map(told).collect(),
    }
}

fn expected(bytes: &[u8]) -> Result<Told, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut open, mut root, mut elements) = (Vec::<Told>::new(), None, 0);
    loop {
        let position = reader.buffer_position();
        let event = reader
            .read_event()
            .map_err(|_| XmlError::NotWellFormed(position))?;
        let ends = matches!(event, Event::Empty(_) | Event::End(_));
        let text = match event {
            Event::Start(start) | Event::Empty(start) => {
                let element = element(&start, reader.resolver())?;
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err(XmlError::TooMany);
                }
                if open.len() >= DEPTH_MAX {
                    return Err(XmlError::TooDeep);
                }
                if open.is_empty() && root.is_some() {
                    return Err(XmlError::NotOneRoot);
                }
                open.push(element);
                String::new()
            }
            Event::Text(text) => text.xml10_content().into_owned(),
            Event::CData(text) => text.xml10_content().into_owned(),
            Event::GeneralRef(reference) => resolved(&reference)?.to_string(),
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::End(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => String::new(),
            Event::Eof if open.is_empty() => return root.ok_or(XmlError::NotOneRoot),
            Event::Eof => return Err(XmlError::Unfinished),
        };
        match open.last_mut() {
            Some(element) => element.text.push_str(&text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        if ends {
            let element = open.pop().unwrap();
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => root = Some(element),
            }
        }
    }
}

fn element(start: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Told, XmlError> {
    let (space, name) = resolver.resolve_element(start.name());
    let space = match space {
        ResolveResult::Bound(Namespace(VAULT)) => Space::Vault,
        ResolveResult::Bound(Namespace(SOAP11)) => Space::Soap11,
        ResolveResult::Bound(Namespace(SOAP12)) => Space::Soap12,
        ResolveResult::Bound(Namespace(XSI)) => Space::Instance,
        ResolveResult::Bound(_) => Space::Foreign,
        ResolveResult::Unbound => Space::None,
        ResolveResult::Unknown(_) => return Err(XmlError::UnknownPrefix),
    };
    let mut nil = false;
    for (number, attribute) in start.attributes().enumerate() {
        if number == ATTRIBUTES_MAX {
            return Err(XmlError::TooMany);
        }
        let attribute = attribute.map_err(|_| XmlError::NotWellFormed(0))?;
        let (space, name) = resolver.resolve_attribute(attribute.key);
        if space == ResolveResult::Bound(Namespace(XSI)) && name.as_ref() == "nil" {
            nil = matches!(attribute.value.trim(), "true" | "1");
        }
    }
    Ok(Told {
        space,
        name: name.as_ref().to_owned(),
        nil,
        text: String::new(),
        children: Vec::new(),
    })
}

fn resolved(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => return Ok(character),
        Ok(None) => {}
        Err(_) => return Err(XmlError::UnknownEntity),
    }
    let named = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
    ];
    let name = reference.xml10_content();
    let found = named.iter().find(|(known, _)| *known == name);
    found.map_or(Err(XmlError::UnknownEntity), |(_, character)| {
        Ok(*character)
    })
}

/// Attributes that mean something, are wrong, or come twice when two are drawn.
const ATTRIBUTES: [&str; 29] = [
    " xmlns='urn:thesecretserver.com'",
    " xmlns = \"urn:thesecretserver.com\"",
    " xmlns=''",
    " xmlns:q='urn:thesecretserver.com'",
    " xmlns:q=''",
    "\n\txmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " xmlns:q='http://www.w3.org/2003/05/soap-envelope'",
    " xmlns:i='http://www.w3.org/2001/XMLSchema-instance'",
    " xmlns:q='http://www.w3.org/2001/XMLSchema-instance'",
    " xmlns:='urn:thesecretserver.com'",
    " xmlns:q:r='http://www.w3.org/2001/XMLSchema-instance'",
    " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
    " xmlns:q='http://www.w3.org/XML/1998/namespace'",
    " xmlns='http://www.w3.org/2000/xmlns/'",
    " i:nil='true'",
    " i:nil=' 1 '",
    " i:nil='false'",
    " q:nil='1'",
    " q:r:nil='1'",
    " nil='true'",
    " a='>/>&\"'",
    " b=\"'>\"",
    " b",
    " c=x",
    " ='x'",
    " =d='x'",
    "e='x'",
    " f = ",
    " g='x'/",
];

const NAMES: [&str; 8] = ["a", "q:a", "soap:b", "xml:c", "xmlns:c", "q:", ":a", "i:Ä"];

/// What stands between tags.
const BETWEEN: [&str; 28] = [
    "text",
    " ",
    "\r\n",
    "\r",
    "\n\t",
    "é\u{2028}",
    "\u{1}",
    "]]>",
    ">",
    "'\"",
    "&amp;",
    "&lt;",
    "&#13;",
    "&#x41;",
    "&#32;",
    "&#0;",
    "&#+1;",
    "&#xD800;",
    "&other;",
    "&;",
    "&",
    "<!-- > -->",
    "<!-->",
    "<![CDATA[a\r\n<&b]]>",
    "<![CDATA[]]>",
    "<?pi a?>",
    "<?xml version='1.0'?>",
    "",
];

/// Pieces of markup that rarely fit.
const ODD: [&str; 22] = [
    "<?>",
    "<??>",
    "<?",
    "?>",
    "<",
    "</",
    "<a",
    "<>",
    "</>",
    "</ >",
    "</a\r>",
    "</a>",
    "</a '>'>",
    "<a/>",
    "<a/ >",
    "< a>",
    "<a\"b\">",
    "</a\"b\">",
    "<!DOCTYPE a>",
    "<!doctype",
    "<!a>",
    "\u{feff}",
];

/// Documents that are mostly well-formed.
fn document() -> impl Strategy<Value = String> {
    let attributes = || prop::collection::vec(select(&ATTRIBUTES[..]), 0..4);
    let good = || prop::collection::vec(select(&ATTRIBUTES[..6]), 0..2);
    let attributes = prop_oneof![4 => good(), 1 => attributes()].prop_map(|all| all.concat());
    let name = prop_oneof![6 => Just("a"), 1 => select(&NAMES[..])];
    let between =
        || prop_oneof![6 => Just(""), 4 => select(&BETWEEN[..14]), 1 => select(&BETWEEN[..])];
    let leaf = (name.clone(), attributes.clone(), select(vec!["/>", " />"]))
        .prop_map(|(name, attributes, end)| format!("<{name}{attributes}{end}"));
    let inside = leaf.prop_recursive(6, 40, 5, move |inside| {
        let content = prop::collection::vec((between(), inside, between()), 0..5);
        let end = prop_oneof![9 => Just(""), 1 => select(vec![" ", "\n", "x"])];
        (name.clone(), attributes.clone(), content, end).prop_map(
            |(name, attributes, content, end)| {
                let content: String = content
                    .iter()
                    .flat_map(|(before, element, after)| [*before, element, *after])
                    .collect();
                format!("<{name}{attributes}>{content}</{name}{end}>")
            },
        )
    });
    let all = " xmlns:q='urn:thesecretserver.com' xmlns:soap='s' \
               xmlns:i='http://www.w3.org/2001/XMLSchema-instance'";
    (between(), inside, between())
        .prop_map(move |(before, inside, after)| format!("{before}<a{all}>{inside}</a>{after}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn documents_are_read_as_by_quick_xml(document in document()) {
        check(document.as_bytes());
    }

    #[test]
    fn what_is_hardly_a_document_is_refused_as_by_quick_xml(
        pieces in prop::collection::vec(
            prop_oneof![select(&BETWEEN[..]), select(&ODD[..]), select(&ATTRIBUTES[..])],
            0..12,
        ),
        root in any::<bool>(),
    ) {
        let inside = pieces.concat();
        let document = if root { format!("<a>{inside}</a>") } else { inside };
        check(document.as_bytes());
    }
}

#[test]
fn limits_are_those_of_quick_xml_and_our_own() {
    let many = |piece: &str, times: usize| piece.repeat(times);
    for document in [
        many("<a>", DEPTH_MAX) + &many("</a>", DEPTH_MAX),
        many("<a>", DEPTH_MAX) + "<b/>",
        format!("<a>{}</a>", many("<b/>", ELEMENTS_MAX - 1)),
        format!("<a>{}</a>", many("<b/>", ELEMENTS_MAX)),
    ] {
        check(document.as_bytes());
    }
    for count in [ATTRIBUTES_MAX, ATTRIBUTES_MAX + 1, 128, 129] {
        for name in [" x", " xmlns:x"] {
            let attributes: String = (0..count).map(|n| format!("{name}{n}='y'")).collect();
            check(format!("<a{attributes}/>").as_bytes());
            check(format!("<a{attributes} x0=''/>").as_bytes());
            check(format!("<q:a{attributes} b/>").as_bytes());
        }
    }
    let nested: String = (0..30)
        .map(|n| {
            format!(
                "<a xmlns:a{n}='x' xmlns:b{n}='x' xmlns:c{n}='x' xmlns:d{n}='x' xmlns:e{n}='x'>"
            )
        })
        .collect();
    check(nested.as_bytes());
    let beside = "<b xmlns:x='x' xmlns:y='y'/>".repeat(200);
    check(format!("<a>{beside}<x:b/></a>").as_bytes());
}

#[test]
fn byte_order_marks_count_as_they_do_for_quick_xml() {
    for marks in 0..4 {
        let marks = "\u{feff}".repeat(marks);
        for document in [
            "<?xml version='1.0'?><a>&amp;x</a>",
            "<a/>",
            "",
            " <a></b>",
            "<a \u{feff}>",
        ] {
            check(format!("{marks}{document}").as_bytes());
        }
    }
}

#[test]
fn a_prefix_that_begins_like_a_declaration_is_one_like_any_other() {
    let space = "'http://www.w3.org/2001/XMLSchema-instance'";
    for prefix in ["xmlnsi", "i", "xmln"] {
        let document = format!("<a xmlns:{prefix}={space} {prefix}:nil='true'/>");
        check(document.as_bytes());
        assert!(read(document.as_bytes()).unwrap().root().nil());
    }
}
