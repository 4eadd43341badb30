//! What can be served and is probably not meant.

use super::*;

#[test]
fn suspicious_values_are_warned_of() {
    let check = |rest: &str, expected: &str| {
        let text = format!("version: 1\nupstreams: {{ a: {{ url: 'http://a' }} }}\n{rest}");
        let (settings, problems) = load(Some(&text), &Beside::default());
        assert!(settings.is_some());
        assert_eq!(problems[0].message, expected);
    };
    check(
        "inspect: { content_types: [text/event-stream] }",
        "`text/event-stream` is never inspected: its answers have no end to wait for",
    );
}
