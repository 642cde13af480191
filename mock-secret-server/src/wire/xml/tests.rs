#![allow(clippy::unwrap_used)]

use super::scope::NAMESPACES_MAX;
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
        "\u{feff}<a/>",
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
        "<a><b xmlns:p='u'/><p:c/></a>",
        "<a><b xmlns:p='u'><p:c/></b><d p:e=''/></a>",
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
        "<a xmlns:a='u' xmlns:b='u' a:x='' b:x=''/>",
        "<a xmlns:p=''/>",
        "<a xmlns:p=''><p:b/></a>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:xmlns='u'/>",
        "<xmlns:a/>",
        "<a b='1'c='2'/>",
        "<a xmlns='u'b='c'/>",
        "<a b ='1' b= '2'/>",
        "<a b='&'/>",
        "<a b='&amp'/>",
        "<a b='\u{ffff}'/>",
        "<a><!-- \u{fffe} --></a>",
        "<a><![CDATA[\u{ffff}]]></a>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml version='1.0' junk='x'?><a/>",
        "<?xml version='1.0'encoding='utf-8'?><a/>",
        "<?xml version='1.0' encoding='-8'?><a/>",
        "<?xml version='1.0' version='1.0'?><a/>",
        "<?xml?><a/>",
        "<?XML x?><a/>",
        "<a><?Xml x?></a>",
        "<? x?><a/>",
        "<?1?><a/>",
        "<?a:b x?><a/>",
        "<a×/>",
        "<a\u{2028}/>",
        "<\u{b7}a/>",
        "<a \u{37e}='x'/>",
        "<a\u{10000}/>",
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
        "<a·\u{300} π='x'/>",
        "<?xml version='1.0' standalone='no' ?><a/>",
        "<?xml version = '1.0' encoding='utf-8'\tstandalone = \"yes\"?><a/>",
        "<a xmlns:a='u' xmlns:b='v' a:x='' b:x='' x=''/>",
        "<a xmlns:p='u'><b xmlns:p='v' p:c='' c=''/></a>",
        "<a b = '1'\n\tc\r\n=\"2\" />",
        // Found by the fuzzer, which asks a parser that refuses it: the prefix needs no declaration.
        "<xml:a><a xml:b=''><xml:a/></a></xml:a>",
        "<a xml:lang='en' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
        "<?xml-stylesheet href='x'?><a/>",
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
fn many_attributes_and_declarations_are_bounded_and_still_compared() {
    let tag = |count: usize, name: fn(usize) -> String| {
        let names: String = (0..count).map(|n| format!(" {}='u{n}'", name(n))).collect();
        format!("<a{names}/>")
    };
    let plain = |n| format!("b{n}");
    assert!(outcome(&tag(ATTRIBUTES_MAX, plain)).is_ok());
    assert!(outcome(&tag(ATTRIBUTES_MAX + 1, plain)).is_err());
    assert!(outcome(&tag(40, |n| format!("b{}", n % 39))).is_err());
    assert!(outcome(&tag(NAMESPACES_MAX, |n| format!("xmlns:b{n}"))).is_ok());
    assert!(outcome(&tag(NAMESPACES_MAX + 1, |n| format!("xmlns:b{n}"))).is_err());
}

#[test]
fn a_namespace_is_what_its_references_stand_for() {
    let mut xml = Xml::new("<a xmlns='urn&#58;thesecretserver.com'><b xmlns=''/></a>").unwrap();
    let namespaces: Vec<_> = (0..2)
        .map(|_| match xml.next().unwrap() {
            Node::Start(element) => element.namespace,
            node => panic!("{node:?}"),
        })
        .collect();
    assert_eq!(namespaces, [Namespace::Target, Namespace::None]);
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
    // Found by fuzzing: places were told three bytes too early.
    assert_eq!(
        outcome("\u{feff}<?xⴭⴭⴭⴭ礭楳ⶥⴭ?>").unwrap_err().to_string(),
        "Data at the root level is invalid. Line 1, position 1."
    );
    assert_eq!(
        outcome("<a>\n<b>").unwrap_err().to_string(),
        "Unexpected end of file has occurred. The following elements are not closed: b, a. \
         Line 2, position 4."
    );
}
