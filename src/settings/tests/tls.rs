//! What `upstreams.NAME.tls` says.

use super::*;
use crate::document;
use crate::settings::tls::fill_in;
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A certificate and its key, as files hold them.
fn files() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["app".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

/// What is wrong with the `tls` of an upstream, whose files are `cert.pem`, `key.pem`, and `empty.pem`.
fn problems(upstream: &str) -> Vec<String> {
    let text = format!("version: 1\nupstreams: {{ a: {upstream} }}");
    let mut problems = Diagnostics::default();
    let mut document = document::parse(&Source::new("candor.yaml", text), &mut problems).unwrap();
    let (certificate, key) = files();
    let read = |path: &str, place: &crate::diagnostic::Place| match path {
        "cert.pem" => Ok(Source::new(path, certificate.as_str())),
        "key.pem" => Ok(Source::new(path, key.as_str())),
        "empty.pem" => Ok(Source::new(path, "")),
        _ => Err(Diagnostic::error(format!("cannot read `{path}`")).at(place)),
    };
    fill_in(&mut document, &read, &mut problems);
    Settings::read(&document, &Quick::default(), &mut problems);
    problems.into_sorted().into_iter().map(|problem| problem.message).collect()
}

#[track_caller]
fn check_tls(upstream: &str, expected: &[&str]) {
    assert_eq!(problems(upstream), expected, "{upstream}");
}

#[test]
fn files_are_read_and_held_against_each_other() {
    check_tls("{ url: 'https://a' }", &[]);
    check_tls(
        "{ url: 'https://a', tls: { ca: cert.pem, certificate: cert.pem, key: key.pem, server_name: b.test } }",
        &[],
    );
    check_tls(
        "{ url: 'https://a', tls: { ca: none.pem } }",
        &["cannot read `none.pem`", "the file has no certificate in it"],
    );
    check_tls("{ url: 'https://a', tls: { ca: empty.pem } }", &["the file has no certificate in it"]);
    check_tls("{ url: 'https://a', tls: { ca: key.pem } }", &["the file has no certificate in it"]);
    check_tls(
        "{ url: 'https://a', tls: { certificate: cert.pem } }",
        &["`certificate` and `key` belong together"],
    );
    check_tls(
        "{ url: 'https://a', tls: { server_name: 'a b' } }",
        &["`a b` is no name that a certificate can be for"],
    );
    check_tls("{ url: 'http://a', tls: {} }", &["`tls` for a URL without TLS"]);
    check_tls(
        "{ url: 'https://a', tls: { verify: false } }",
        &["unknown key `verify` in `tls` of upstream `a`"],
    );
}
