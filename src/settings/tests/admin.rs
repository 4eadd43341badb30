//! The token of the admin listener.

use super::*;

#[test]
fn a_token_is_long_enough_and_never_shown() {
    let settings = read("admin: { token: a-token-of-many-characters }");
    let token = settings.admin.token.as_ref().unwrap();
    assert!(token.is("a-token-of-many-characters"));
    for other in
        ["", "a-token-of-many-character", "a-token-of-many-characterx", "a-token-of-many-characters2"]
    {
        assert!(!token.is(other), "{other}");
    }
    assert!(!format!("{settings:?}").contains("many"));
    let problem = |file: &str| {
        told(&format!("version: 1\nupstreams: {{ a: {{ url: 'http://a' }} }}\n{file}"), &Beside::default())
    };
    assert_eq!(
        problem("admin: { token: secret }"),
        "error: the token at candor.yaml:3:17 is shorter than 16 characters\n\n"
    );
    assert!(problem("admin: { token: 'with blanks in it, and long' }").contains("other than visible ASCII"));
    check_message(
        "admin: { token: a-token-of-many-characters, token_file: x }",
        "`token_file` beside `token`: there is one token",
    );
    let file = read("admin: { token_file: /run/secrets/token }").admin.token_file;
    assert_eq!(file.unwrap().0, "/run/secrets/token");
}
