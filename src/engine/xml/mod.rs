//! Values out of XML answers, such as a SOAP fault's `Envelope/Body/Fault/faultcode`.
//! All paths are looked for in one pass, which keeps no tree and stops when every value is known. [`Scan`] makes it
//! while the body goes by, [`find`] over a whole one.

pub use path::{ElementPath, XmlPathError};
pub use scan::{Scan, State};

use super::charset;

mod path;
mod scan;
mod search;

/// Characters of a [`NotXml::reason`]; a document's own names, repeated there, can be of any length.
const REASON_MAX: usize = 160;

/// What a pass over a body found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// For each path, in the order asked: the value, or nothing where the document has no such element.
    /// Values read before the document turned out not to be XML are kept.
    pub values: Vec<Option<String>>,
    /// Set when the body is not well-formed XML as far as it was read.
    pub not_xml: Option<NotXml>,
}

/// Where and why a body stopped being XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotXml {
    /// Offset in the body, in bytes.
    pub offset: usize,
    /// For traces: lowercase, no full stop, the document's words in backticks.
    pub reason: String,
}

impl NotXml {
    fn at(offset: usize, reason: &str) -> NotXml {
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        NotXml { offset, reason: reason.chars().take(REASON_MAX).map(printable).collect() }
    }
}

/// Looks for all `paths` in one pass over `body`, and reads no further than it must.
///
/// The value of an element is all text and CDATA in it and its descendants, white space around it trimmed;
/// an empty element (`<a/>`, `xsi:nil`) has the empty value. The value of an attribute is as XML 1.0
/// section 3.3.3 normalizes it. The first element of a document that a path matches gives its value; for
/// an attribute, the first that has it.
///
/// The body is UTF-8 (a byte order mark is skipped), or else in the encoding that its declaration names; failing
/// both, invalid bytes become U+FFFD. XML's five entities and character references are decoded. No DTD is read:
/// any other entity, like a bare `&`, stays as written, so that expansion attacks have nothing to expand.
pub fn find(paths: &[ElementPath], body: &[u8]) -> Found {
    let text = charset::text(body);
    let mut scan = Scan::new(paths);
    scan.finish(paths, &text);
    let found = scan.into_found();
    Found {
        not_xml: found.not_xml.map(|not_xml| NotXml { offset: undecoded(body, not_xml.offset), ..not_xml }),
        ..found
    }
}

/// The offset in `body` of what stands at `offset` in its lossy decoding; a little before it where the encoding was
/// declared.
fn undecoded(body: &[u8], offset: usize) -> usize {
    let (mut left, mut at) = (offset, 0);
    for chunk in body.utf8_chunks() {
        if left <= chunk.valid().len() {
            return at + left;
        }
        left = left.saturating_sub(chunk.valid().len() + char::REPLACEMENT_CHARACTER.len_utf8());
        at += chunk.valid().len() + chunk.invalid().len();
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::path::STEPS_MAX;
    use super::search::DEPTH_MAX;
    use super::*;

    const SOAP_11: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- from the gateway -->
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Body>
    <soap:Fault>
      <faultcode>soap:Client</faultcode>
      <faultstring xml:lang="en"> Order &lt;42&gt; not found &amp; gone&#33; </faultstring>
      <detail><e:error xmlns:e="urn:e" code="E404" e:level='high'><e:why/></e:error></detail>
    </soap:Fault>
  </soap:Body>
</soap:Envelope>
"#;

    const SOAP_12: &str = r#"<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><env:Body><env:Fault>
<env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>m:Timeout</env:Value></env:Subcode></env:Code>
<env:Reason><env:Text xml:lang="en">Too <![CDATA[<late> & ]]>old</env:Text></env:Reason>
<env:Node xsi:nil="true"/></env:Fault></env:Body></env:Envelope>"#;

    fn find_one(path: &str, body: impl AsRef<[u8]>) -> (Option<String>, Option<NotXml>) {
        let path = ElementPath::parse(path).unwrap();
        let mut found = find(&[path], body.as_ref());
        (found.values.remove(0), found.not_xml)
    }

    fn check(path: &str, body: impl AsRef<[u8]>, expected: Option<&str>) {
        let (value, not_xml) = find_one(path, body);
        assert_eq!((value.as_deref(), not_xml), (expected, None), "{path}");
    }

    fn check_not_xml(body: impl AsRef<[u8]>, offset: usize, reason: &str) {
        let (value, not_xml) = find_one("//absent", body);
        assert_eq!((value, not_xml), (None, Some(NotXml { offset, reason: reason.to_owned() })));
    }

    #[test]
    fn soap_11_faults_are_read() {
        check("Envelope/Body/Fault/faultcode", SOAP_11, Some("soap:Client"));
        check("/Envelope/Body/Fault/faultstring", SOAP_11, Some("Order <42> not found & gone!"));
        check("//Fault/faultstring", SOAP_11, Some("Order <42> not found & gone!"));
        check("//detail/*/@code", SOAP_11, Some("E404"));
        check("//error/@level", SOAP_11, Some("high"));
        check("//faultstring/@lang", SOAP_11, Some("en"));
        check("//detail", SOAP_11, Some(""));
        check("Fault", SOAP_11, None);
        check("Envelope/Fault", SOAP_11, None);
        check("//Fault/Code", SOAP_11, None);
    }

    #[test]
    fn soap_12_faults_are_read() {
        check("Envelope/Body/Fault/Code/Value", SOAP_12, Some("env:Sender"));
        check("//Subcode/Value", SOAP_12, Some("m:Timeout"));
        check("//Reason/Text", SOAP_12, Some("Too <late> & old"));
        check("//Node", SOAP_12, Some(""));
        check("//Code", SOAP_12, Some("env:Senderm:Timeout"));
    }

    #[test]
    fn prefixes_are_ignored_on_both_sides() {
        check("s:Envelope/x:Body/Fault/faultcode", SOAP_11, Some("soap:Client"));
        check("a", "<x:a>1</x:a>", Some("1"));
        check("x:a", "<a>1</a>", Some("1"));
        check("a/@x:b", "<a y:b='1'/>", Some("1"));
    }

    #[test]
    fn steps_match_whole_chains() {
        check("a/b", "<a><x><b>no</b></x><b>yes</b></a>", Some("yes"));
        check("a/*/b", "<a><b>no</b><x><b>yes</b></x></a>", Some("yes"));
        check("*", "<a>1</a>", Some("1"));
        check("//*/b", "<b>0<b>1</b></b>", Some("1"));
        check("//a/b", "<a><a><c/><b>1</b></a></a>", Some("1"));
        check("//a/a/b", "<a><a><a><b>1</b></a></a></a>", Some("1"));
        check("//a/b", "<a><x/></a>", None);
        check("a/A", "<a><A>1</A></a>", Some("1"));
        check("a/A", "<a><a>1</a></a>", None);
    }

    #[test]
    fn first_in_document_order_wins() {
        check("//a", "<r><a>1</a><a>2</a></r>", Some("1"));
        check("//a", "<a>x<a>y</a>z</a>", Some("xyz"));
        check("r/a", "<r><a/><a>2</a></r>", Some(""));
        check("r/a/@k", "<r><a/><a k='2'/><a k='3'/></r>", Some("2"));
    }

    #[test]
    fn text_is_all_text_inside() {
        check("a", "<a> 1 <b>2</b><!-- no --><?no no?> 3 </a>", Some("1 2 3"));
        check("a", "<a><![CDATA[ &lt;x> ]]></a>", Some("&lt;x>"));
        check("a", "<a>1\r\n2\r3</a>", Some("1\n2\n3"));
        check("a", "<a/>", Some(""));
        check("a", "<a></a>", Some(""));
        check("a", "<a xsi:nil=\"true\"></a>", Some(""));
        check("a", "<a>&apos;&quot;&#x41;&#65;&#x1F600;</a>", Some("'\"AA\u{1F600}"));
    }

    #[test]
    fn unknown_references_stay_as_written() {
        check("a", "<a>AT&T &nbsp; &#0; &#xD800; &</a>", Some("AT&T &nbsp; &#0; &#xD800; &"));
        check("a/@b", "<a b='AT&T &nbsp;&lt;&'/>", Some("AT&T &nbsp;<&"));
        let bomb = "<!DOCTYPE a [<!ENTITY x 'ha'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        check("a", bomb, Some("&y;"));
        check("a", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>1</a>", Some("1"));
    }

    #[test]
    fn attributes_are_normalized() {
        check("a/@b", "<a b = ' 1\r\n2\t3&#10;4 '/>", Some(" 1 2 3\n4 "));
        check("a/@b", "<a c='>' b=\"<'>\"/>", Some("<'>"));
        check("a/@b", "<a xmlns:b='urn:b' xmlns='urn:a'/>", None);
        check("a/@xmlns", "<a xmlns='urn:a'/>", None);
    }

    #[test]
    fn bytes_need_not_be_clean() {
        check("a", b"\xEF\xBB\xBF\r\n <a>1</a>\n", Some("1"));
        check("a", b"<a>caf\xE9</a>", Some("caf\u{fffd}"));
        check("caf\u{e9}", "<caf\u{e9}>1</caf\u{e9}>", Some("1"));
    }

    #[test]
    fn reading_stops_when_all_is_found() {
        check("a/b", "<a><b>1</b></oops><<<", Some("1"));
        check("a/@b", "<a b='1'>", Some("1"));
        assert_eq!(find(&[], b"<a"), Found { values: vec![], not_xml: None });
    }

    fn known(value: &Option<String>) -> State<'_> {
        value.as_deref().map_or(State::Missing, State::Found)
    }

    /// What is known of the path after each piece.
    #[track_caller]
    fn check_pieces(path: &str, pieces: &[&str], expected: &[State]) {
        let paths = [ElementPath::parse(path).unwrap()];
        let mut scan = Scan::new(&paths);
        for (piece, expected) in pieces.iter().zip(expected) {
            scan.feed(&paths, piece);
            assert_eq!(scan.state(0), *expected, "{path} after {piece:?}");
        }
        assert_eq!(pieces.len(), expected.len());
    }

    #[test]
    fn a_path_is_settled_as_soon_as_the_document_tells() {
        use State::{Found, Missing, Pending};
        check_pieces(
            "//code",
            &["<r><co", "de>4", "04</code", ">", "<more"],
            &[Pending, Pending, Pending, Found("404"), Found("404")],
        );
        check_pieces("//b/@c", &["<a><b c='&l", "t;'", ">"], &[Pending, Pending, Found("<")]);
        check_pieces("a", &["<a>&a", "mp;\r", "\n</a>"], &[Pending, Pending, Found("&")]);
        check_pieces("//b", &["\u{feff}", " ", "<a>", "</a>"], &[Pending, Pending, Pending, Missing]);
        check_pieces("Envelope/Body", &["<?xml version='1.0'?>", "<html>"], &[Pending, Missing]);
        check_pieces("//b", &[" ", "{"], &[Pending, Missing]);
        check_pieces("//b", &["<a>", "</b>", "<b>1</b>"], &[Pending, Missing, Missing]);
    }

    #[test]
    fn long_markup_is_left_to_the_end() {
        use State::{Found, Pending};
        let (text, comment) = ("x".repeat(100_000), format!("<!--{}", "x".repeat(100_000)));
        check_pieces("//b", &["<a>", &text, "<b>1</b>"], &[Pending, Pending, Found("1")]);
        check_pieces("//b", &["<a>\r", &text, "<b>1</b>"], &[Pending, Pending, Found("1")]);
        check_pieces("//b", &["<a>", &comment, "--><b>1</b>"], &[Pending; 3]);
        check("//b", comment.replace("<!--", "<a><!--") + "--><b>1</b></a>", Some("1"));
    }

    #[test]
    fn values_before_an_error_are_kept() {
        let paths = ["//code", "//text", "//more"].map(|path| ElementPath::parse(path).unwrap());
        let found = find(&paths, b"<r><code>404</code><text>never clo<b></text><more>1</more></r>");
        assert_eq!(found.values, [Some("404".to_owned()), None, None]);
        assert_eq!(found.not_xml.unwrap().offset, 37);
    }

    #[test]
    fn other_bodies_are_not_xml() {
        check_not_xml("", 0, "empty");
        check_not_xml(" \n", 2, "empty");
        check_not_xml("  {\"a\": 1}", 2, "does not begin with `<`");
        check_not_xml("<a>", 3, "ends before its root element does");
        check_not_xml("<a><b><c>1</c>", 14, "ends with 2 elements open");
        check_not_xml("<a></b>", 3, "expected `</a>`, but `</b>` was found");
        check_not_xml("<a", 0, "tag not closed: `>` not found before end of input");
        check_not_xml("<a/><b/>", 4, "a second root element `<b>`");
        check_not_xml("<a/> tail", 5, "text outside the root element");
        check_not_xml("<!-- x -->&amp;<a/>", 10, "text outside the root element");
        check_not_xml("<!-- only -->", 13, "no element");
        check_not_xml("<3 you", 0, "tag not closed: `>` not found before end of input");
        check_not_xml("<3>you</3>", 0, "`<3>` is not a tag");
        check_not_xml("<a:b:c/>", 0, "`<a:b:c>` is not a tag");
        check_not_xml("<></>", 0, "`<>` is not a tag");
        check_not_xml("<a>\u{1b}</\u{1b}>", 4, "expected `</a>`, but `</\u{fffd}>` was found");
        check_not_xml("<a> <b c=1/></a>", 4, "an attribute of `<b>` is not written `name=\"value\"`");
        check_not_xml("<a b></a>", 0, "an attribute of `<a>` is not written `name=\"value\"`");
    }

    #[test]
    fn html_is_not_xml() {
        let page = r#"<!DOCTYPE html><html><head><meta charset="utf-8"></head></html>"#;
        check_not_xml(page, 49, "expected `</meta>`, but `</head>` was found");
        check_not_xml("<html lang=en>", 0, "an attribute of `<html>` is not written `name=\"value\"`");
        check_not_xml("<p>one<p>two", 12, "ends with 2 elements open");
        check(
            "html/head/title",
            "<!doctype html><html><head><title>Fine</title></head></html>",
            Some("Fine"),
        );
    }

    #[test]
    fn error_offset_counts_the_bodys_own_bytes() {
        check_not_xml(b"\xEF\xBB\xBF<a></b>", 6, "expected `</a>`, but `</b>` was found");
        check_not_xml(b"<a>\xFF\xFE\xE9</b>", 6, "expected `</a>`, but `</b>` was found");
        check_not_xml("<a>\u{e9}</b>", 5, "expected `</a>`, but `</b>` was found");
    }

    #[test]
    fn depth_and_messages_are_bounded() {
        let nested = |depth| format!("{}1{}", "<a>".repeat(depth), "</a>".repeat(depth));
        check("//b", nested(DEPTH_MAX), None);
        check_not_xml(nested(DEPTH_MAX + 1), 3 * DEPTH_MAX, "more than 512 elements deep");
        let (_, not_xml) = find_one("//b", format!("<a></{}>", "b".repeat(10_000)));
        assert_eq!(not_xml.unwrap().reason.len(), REASON_MAX);
    }

    #[test]
    fn longest_path_is_followed() {
        let path = ["a"; STEPS_MAX].join("/");
        check(&path, format!("{}1{}", "<a>".repeat(STEPS_MAX), "</a>".repeat(STEPS_MAX)), Some("1"));
        check(&path, format!("{}1{}", "<a>".repeat(62), "</a>".repeat(62)), None);
    }

    /// Text that is markup often enough to get past the first character.
    fn nearly_xml() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "<a>",
                "</a>",
                "<b c='1'>",
                "</b>",
                "<a/>",
                "<",
                ">",
                "&",
                ";",
                "&lt;",
                "&#x41;",
                "\"",
                "'",
                "=",
                "<!--",
                "-->",
                "<![CDATA[",
                "]]>",
                "<?x",
                "?>",
                "<!DOCTYPE a [",
                "]>",
                "<!ENTITY",
                "\r\n",
                "/",
            ])
            .prop_map(|piece| piece.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(body in prop_oneof![nearly_xml(), prop::collection::vec(any::<u8>(), 0..200)]) {
            let paths = ["a", "//a/b", "//*/@c", "a/*"].map(|path| ElementPath::parse(path).unwrap());
            let found = find(&paths, &body);
            prop_assert_eq!(found.values.len(), paths.len());
            prop_assert!(found.not_xml.is_none_or(|error| error.offset <= body.len()));
        }

        #[test]
        fn paths_found_together_are_as_found_alone(body in nearly_xml()) {
            let paths = ["a", "//a/b", "//*/@c", "a/*"].map(|path| ElementPath::parse(path).unwrap());
            let alone: Vec<_> = paths.iter().flat_map(|path| find(std::slice::from_ref(path), &body).values).collect();
            prop_assert_eq!(find(&paths, &body).values, alone);
        }

        #[test]
        fn a_document_in_pieces_is_read_as_the_whole(
            body in nearly_xml(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let paths = ["a", "//a/b", "//*/@c", "a/*", "b/a"].map(|path| ElementPath::parse(path).unwrap());
            let text = String::from_utf8_lossy(&body);
            let whole = find(&paths, text.as_bytes());
            let mut ends: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
            ends.sort_unstable();
            let mut scan = Scan::new(&paths);
            let mut begin = 0;
            for end in ends {
                scan.feed(&paths, text.get(begin..end).unwrap());
                begin = end;
                for (index, value) in whole.values.iter().enumerate() {
                    let state = scan.state(index);
                    prop_assert!(state == State::Pending || state == known(value), "{} at {}: {:?}", paths[index], end, state);
                }
            }
            scan.finish(&paths, text.get(begin..).unwrap());
            prop_assert_eq!(scan.settled(&paths), paths.len());
            prop_assert_eq!(scan.into_found(), whole);
        }
    }
}
