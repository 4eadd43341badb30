//! What `upstreams.NAME.tls` and `server.tls` say.

use super::*;
use crate::document;
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A certificate and its key, as files hold them.
fn files() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["app".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

/// What is wrong with a configuration, whose files are `cert.pem`, `key.pem`, `other.pem`, a key of another, and
/// `empty.pem`.
fn problems(text: &str) -> Vec<String> {
    let mut problems = Diagnostics::default();
    let source = Source::new("candor.yaml", format!("version: 1\n{text}"));
    let document = document::parse(&source, &mut problems).unwrap();
    let ((certificate, key), (_, other)) = (files(), files());
    let read = |path: &str, place: &crate::diagnostic::Place| match path {
        "cert.pem" => Ok(Source::new(path, certificate.as_str())),
        "key.pem" => Ok(Source::new(path, key.as_str())),
        "other.pem" => Ok(Source::new(path, other.as_str())),
        "empty.pem" => Ok(Source::new(path, "")),
        _ => Err(Diagnostic::error(format!("cannot read `{path}`")).at(place)),
    };
    Settings::read_with_files(&document, &Quick::default(), &read, &mut problems);
    problems.into_sorted().into_iter().map(|problem| problem.message).collect()
}

#[track_caller]
fn check_tls(upstream: &str, expected: &[&str]) {
    assert_eq!(problems(&format!("upstreams: {{ a: {upstream} }}")), expected, "{upstream}");
}

#[track_caller]
fn check_server(server: &str, expected: &[&str]) {
    let text = format!("server: {server}\nupstreams: {{ a: {{ url: 'http://a' }} }}");
    assert_eq!(problems(&text), expected, "{server}");
}

#[track_caller]
fn check_server_tls(tls: &str, expected: &[&str]) {
    check_server(&format!("{{ tls: {{ {tls} }} }}"), expected);
}

#[test]
fn files_are_read_and_held_against_each_other() {
    check_tls("{ url: 'https://a' }", &[]);
    check_tls(
        "{ url: 'https://a', tls: { ca: cert.pem, certificate: cert.pem, key: key.pem, server_name: b.test } }",
        &[],
    );
    check_tls("{ url: 'https://a', tls: { ca: none.pem } }", &["cannot read `none.pem`"]);
    check_tls(
        "{ url: 'https://a', tls: { certificate: cert.pem, key: other.pem } }",
        &["TLS cannot be spoken so: keys may not be consistent: KeyMismatch"],
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
    check_tls("{ url: 'unix:/run/app.sock', tls: {} }", &["`tls` for a URL without TLS"]);
    check_tls(
        "{ url: 'https://a', tls: { verify: false } }",
        &["unknown key `verify` in `tls` of upstream `a`"],
    );
}

#[test]
fn the_listener_shows_what_files_hold() {
    let own = "certificate: cert.pem, key: key.pem";
    let check = |more: &str, expected: &[&str]| check_server_tls(&format!("{own}, {more}"), expected);
    check_server_tls(own, &[]);
    check("names: [{ certificate: cert.pem, key: key.pem }], min_version: 1.3", &[]);
    check("client_ca: cert.pem, client_certificate: optional, client_certificate_header: true", &[]);
    check_server_tls("", &["`server.tls` needs `certificate` and `key`"]);
    check_server_tls("certificate: cert.pem", &["`certificate` and `key` belong together"]);
    check_server_tls("certificate: cert.pem, key: none.pem", &["cannot read `none.pem`"]);
    check_server_tls("certificate: key.pem, key: key.pem", &["the file has no certificate in it"]);
    check_server_tls(
        "certificate: cert.pem, key: cert.pem",
        &["the file holds no private key: no items found"],
    );
    check_server_tls(
        "certificate: cert.pem, key: other.pem",
        &["TLS cannot be spoken so: keys may not be consistent: KeyMismatch"],
    );
    check("names: [{ certificate: cert.pem }]", &["`certificate` and `key` belong together"]);
    check("names: [{}]", &["one of `names` needs `certificate` and `key`"]);
    check("names: { a: b }", &["expected a list of certificates and keys, found a map"]);
    check(
        "names: [{ host: a }]",
        &["one of `names` needs `certificate` and `key`", "unknown key `host` in one of `names`"],
    );
    check("min_version: 1.1", &["`1.1` is not a version of TLS"]);
    check("client_certificate: always", &["`always` is not a choice of `client_certificate`"]);
    check("client_certificate: required", &["`client_certificate` without `client_ca`"]);
    check("client_ca: empty.pem", &["the file has no certificate in it"]);
    check(
        "client_certificate_header: true",
        &["`client_certificate_header` while no client is asked for one"],
    );
    check("client_certificate_header: yes", &["expected `true` or `false`, found text"]);
    check("ciphers: all", &["unknown key `ciphers` in `tls` of `server`"]);
}

#[test]
fn clients_must_say_who_they_are_where_somebody_vouches_for_them() {
    let read = |more: &str| {
        let text = format!(
            "version: 1\nserver: {{ tls: {{ certificate: a, key: b{more} }} }}\nupstreams: {{ a: {{ url: 'http://a' }} }}"
        );
        let mut problems = Diagnostics::default();
        let document = document::parse(&Source::new("candor.yaml", text), &mut problems).unwrap();
        let settings = Settings::read(&document, &Quick::default(), &mut problems).unwrap();
        settings.server.tls.unwrap().client_certificate
    };
    assert_eq!(read(""), ClientCertificate::Off);
    assert_eq!(read(", client_ca: c"), ClientCertificate::Required);
    assert_eq!(read(", client_ca: c, client_certificate: optional"), ClientCertificate::Optional);
    assert_eq!(read(", client_ca: c, client_certificate: off"), ClientCertificate::Off);
}

#[test]
fn who_may_name_the_client_is_said() {
    check_server("{ proxy_protocol: required }", &[]);
    check_server("{ proxy_protocol: optional, trusted_proxies: 10.0.0.0/8 }", &[]);
    check_server(
        "{ proxy_protocol: optional }",
        &["`proxy_protocol: optional` would let every client say who it is"],
    );
    check_server("{ proxy_protocol: v2 }", &["`v2` is not a choice of `proxy_protocol`"]);
    check_server("{ timeouts: { handshake: 0s } }", &["a timeout of zero would let nothing through"]);
}
