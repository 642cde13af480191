//! Replies that no schema allows: elements left out, null, unknown or broken into lines. What some
//! version of the vendor, or a proxy in between, may send one day (soap:§7).

use std::ops::Range;

use sim_kit::fault::Verdict;

/// Characters of a line of broken base64.
const LINE: usize = 76;

/// The document as the verdict says; `None` when there is nothing in it that it could touch.
pub(crate) fn reshape(verdict: &Verdict, document: &str) -> Option<String> {
    match verdict {
        Verdict::Omit { element } => replace_each(document, element, |_| String::new()),
        Verdict::Nil { element } => replace_each(document, element, |found| {
            let name = tag_name(&found[1..]);
            format!("<{name} xsi:nil=\"true\" />")
        }),
        Verdict::BreakLines { element } => replace_each(document, element, in_lines),
        Verdict::Extra => with_extra(document),
        _ => None,
    }
}

/// Replaces every element of this local name; `None` when nothing changed.
fn replace_each(document: &str, local: &str, with: impl Fn(&str) -> String) -> Option<String> {
    let mut out = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(found) = find(rest, local) {
        out.push_str(&rest[..found.start]);
        out.push_str(&with(&rest[found.clone()]));
        rest = &rest[found.end..];
    }
    out.push_str(rest);
    (out != document).then_some(out)
}

/// The first element of this local name, whatever its prefix: all of it.
fn find(document: &str, local: &str) -> Option<Range<usize>> {
    let mut start = None;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tag) = next_tag(document, at) {
        at = tag.end;
        let text = &document[tag.clone()];
        let (is_end, is_empty) = (text.starts_with("</"), text.ends_with("/>"));
        let name = tag_name(text.trim_start_matches(['<', '/']));
        if name.rsplit(':').next() != Some(local) {
            continue;
        }
        if is_end {
            depth = depth.saturating_sub(1);
        } else {
            start = start.or(Some(tag.start));
            depth += usize::from(!is_empty);
        }
        if let (Some(start), 0) = (start, depth) {
            return Some(start..tag.end);
        }
    }
    None
}

/// The next tag; comments and declarations count as tags of no known name.
fn next_tag(document: &str, from: usize) -> Option<Range<usize>> {
    let start = from + document[from..].find('<')?;
    let end = if document[start..].starts_with("<!--") {
        start + document[start..].find("-->")? + 3
    } else {
        start + document[start..].find('>')? + 1
    };
    Some(start..end)
}

fn tag_name(text: &str) -> &str {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/'));
    &text[..end.unwrap_or(text.len())]
}

/// The element with its value broken into lines, as some encoders write base64.
fn in_lines(element: &str) -> String {
    let Some((start, value)) = element.split_once('>') else {
        return element.to_owned();
    };
    let Some((value, end)) = value.rsplit_once("</") else {
        return element.to_owned();
    };
    if value.is_empty() || value.contains('<') || !value.is_ascii() {
        return element.to_owned();
    }
    let mut out = format!("{start}>");
    for line in value.as_bytes().chunks(LINE) {
        out.push_str("\r\n");
        out.extend(line.iter().map(|&byte| char::from(byte)));
    }
    out.push_str("\r\n</");
    out.push_str(end);
    out
}

/// The document with an element that no schema has at the end of every record and list below the
/// response element.
fn with_extra(document: &str) -> Option<String> {
    let result = next_result(document)?;
    let mut out = String::with_capacity(document.len() * 2);
    let mut at = 0;
    let mut after_tag = false;
    while let Some(tag) = next_tag(document, at) {
        let text = &document[tag.clone()];
        let between = &document[at..tag.start];
        out.push_str(between);
        let is_end = text.starts_with("</");
        if is_end && after_tag && between.trim_ascii().is_empty() && result.contains(&tag.start) {
            let name = tag_name(&text[2..]);
            let prefix = name
                .rsplit_once(':')
                .map_or(String::new(), |(p, _)| format!("{p}:"));
            out.push_str(&format!("<{prefix}SimUnknown>1</{prefix}SimUnknown>"));
        }
        out.push_str(text);
        after_tag = is_end || text.ends_with("/>");
        at = tag.end;
    }
    out.push_str(&document[at..]);
    (out != document).then_some(out)
}

/// Where the result stands: within the response element of a SOAP reply, or as the root.
fn next_result(document: &str) -> Option<Range<usize>> {
    let mut at = 0;
    let mut root = None;
    while let Some(tag) = next_tag(document, at) {
        at = tag.end;
        let text = &document[tag.clone()];
        if text.starts_with("<?") || text.starts_with("<!") {
            continue;
        }
        let name = tag_name(&text[1..]);
        let local = name.rsplit(':').next().unwrap_or(name);
        match local {
            "Envelope" | "Header" | "Body" => {}
            "Fault" => return None,
            _ if local.ends_with("Response") && root.is_none() => root = Some(()),
            // The end tag of a result closes after its last record.
            _ => return find(document, local),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const REPLY: &str = "<e:Envelope><e:Body><n:AResponse><n:AResult><n:Errors /><n:Rows><n:Row>\
        <n:Id>1</n:Id></n:Row></n:Rows></n:AResult></n:AResponse></e:Body></e:Envelope>";

    #[test]
    fn each_shape_changes_what_it_names_and_nothing_else() {
        let named = |element: &str| element.to_owned();
        let cases = [
            (
                Verdict::Omit {
                    element: named("Errors"),
                },
                REPLY.replace("<n:Errors />", ""),
            ),
            (
                Verdict::Omit {
                    element: named("Rows"),
                },
                REPLY.replace("<n:Rows><n:Row><n:Id>1</n:Id></n:Row></n:Rows>", ""),
            ),
            (
                Verdict::Nil {
                    element: named("Id"),
                },
                REPLY.replace("<n:Id>1</n:Id>", "<n:Id xsi:nil=\"true\" />"),
            ),
            (
                Verdict::BreakLines {
                    element: named("Id"),
                },
                REPLY.replace("<n:Id>1</n:Id>", "<n:Id>\r\n1\r\n</n:Id>"),
            ),
            (
                Verdict::Extra,
                REPLY
                    .replace("</n:Row>", "<n:SimUnknown>1</n:SimUnknown></n:Row>")
                    .replace("</n:Rows>", "<n:SimUnknown>1</n:SimUnknown></n:Rows>")
                    .replace("</n:AResult>", "<n:SimUnknown>1</n:SimUnknown></n:AResult>"),
            ),
        ];
        for (verdict, expected) in cases {
            assert_eq!(reshape(&verdict, REPLY).unwrap(), expected, "{verdict:?}");
        }
    }

    #[test]
    fn a_shape_without_its_element_is_none() {
        let element = "Token".to_owned();
        assert_eq!(
            reshape(
                &Verdict::Omit {
                    element: element.clone()
                },
                REPLY
            ),
            None
        );
        assert_eq!(reshape(&Verdict::Nil { element }, REPLY), None);
        let fault = "<e:Envelope><e:Body><e:Fault><detail /></e:Fault></e:Body></e:Envelope>";
        assert_eq!(reshape(&Verdict::Extra, fault), None);
        assert_eq!(reshape(&Verdict::Garble, REPLY), None);
    }
}
