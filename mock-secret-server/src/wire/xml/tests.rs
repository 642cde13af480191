#![allow(clippy::unwrap_used)]

use super::*;

fn outcome(text: &str) -> Result<usize, Malformed> {
    let mut xml = Xml::new(text)?;
    let mut steps = 0;
    while !matches!(xml.next()?, Node::Eof) {
        steps += 1;
    }
    Ok(steps)
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        "  ",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<a>&b;</a>",
        "<a>&</a>",
        "<a>& b</a>",
        "<a>&#0;</a>",
        "<a>&#x1f;</a>",
        "<a>&#xD800;</a>",
        "<a>&#+65;</a>",
        "<a>\u{1}</a>",
        "<a>]]></a>",
        "<a b='1' b='2'/>",
        "<a b/>",
        "<a b=1/>",
        "<a b='<'/>",
        "<a b='&c;'/>",
        "<p:a/>",
        "<a p:b=''/>",
        "<1a/>",
        "<a:b:c xmlns:a='u'/>",
        "<a><!-- -- --></a>",
        " <?xml version='1.0'?><a/>",
        "<?xml version='1.1'?><a/>",
        "<a>\u{ffff}</a>",
        "<a><?xml version='1.0'?></a>",
        "<![CDATA[x]]><a/>",
        "</a>",
        "<a></a></a>",
        "<",
        "<a",
        "<a b='",
        "<a><![CDATA[",
        "<a><!--",
        "<a>&#",
    ] {
        assert!(outcome(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn what_is_well_formed_is_read() {
    for text in [
        "<a/>",
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<a/>\n",
        "<!-- c --><?pi d?><a b='1' xmlns='u' c=\"&lt;&#65;\"><p:b xmlns:p='v'/></a><!-- -->",
        "<a>&amp;&lt;&gt;&quot;&apos;&#65;&#x41;<![CDATA[<&]]></a>",
        "<é/>",
    ] {
        assert!(outcome(text).is_ok(), "{text:?}: {:?}", outcome(text));
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(outcome(&deep(DEPTH_MAX)).is_ok());
    assert!(outcome(&deep(DEPTH_MAX + 1)).is_err());
}

#[test]
fn pieces_of_text_are_joined() {
    let mut xml = Xml::new("<a>p&amp;w<![CDATA[<]]>\r\n&#13;<!-- x -->!</a>").unwrap();
    xml.next().unwrap();
    assert_eq!(xml.text().unwrap(), "p&w<\n\r!");
}

#[test]
fn the_parser_speaks_as_the_platform_does() {
    assert_eq!(
        outcome("").unwrap_err().to_string(),
        "Root element is missing."
    );
    assert_eq!(
        outcome("x").unwrap_err().to_string(),
        "Data at the root level is invalid. Line 1, position 1."
    );
    assert_eq!(
        outcome("<a>\n<b>").unwrap_err().to_string(),
        "Unexpected end of file has occurred. The following elements are not closed: b, a. \
         Line 2, position 4."
    );
}
