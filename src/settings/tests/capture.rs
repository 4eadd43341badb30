//! What `capture:` says.

use super::*;

#[test]
fn what_is_captured_has_a_place_and_is_redacted() {
    let capture = read("capture: { folder: c }").capture.unwrap();
    assert_eq!(capture, Capture::to("c"));
    assert!(capture.redact.fields.contains(&"password".to_owned()));
    check_message("capture: { rate: 1 }", "`capture` needs `folder`, where its files go");
    check_message("capture: { folder: c, rate: 2 }", "`2` is not a rate from 0 to 1");
    check_message("capture: { folder: c, rules: [busy] }", "`busy` does not name a rule");
    check_message("capture: { folder: c, redact: { headers: ['a b'] } }", "`a b` is not a header's name");
    check_message("capture: { folder: c, only: [translate] }", "`translate` is not a kind of exchange");
}
