//! Where listeners are, and where upstreams that are no addresses are.

use super::*;

#[test]
fn listeners_are_addresses_with_ports() {
    let check = |listen: &str, help: &str| {
        let (_, problems) = load(
            Some(&format!("version: 1\nserver: {{ listen: '{listen}' }}")),
            &Beside { flags: vec![(Flag::Upstream, "http://app")], ..Beside::default() },
        );
        assert_eq!(problems[0].message, format!("`{listen}` is not an address and port"));
        assert_eq!(problems[0].help.as_deref(), Some(help));
    };
    check("8080", "did you mean `0.0.0.0:8080`?");
    check(":80", "did you mean `0.0.0.0:80`?");
    check("localhost:80", "did you mean `127.0.0.1:80`?");
    check("10.0.0.1", "did you mean `10.0.0.1:8080`?");
    check("::1", "did you mean `[::1]:8080`?");
    check("app:80", "an IP address and a port, such as `0.0.0.0:8080`");
    check("0.0.0.0:99999", "an IP address and a port, such as `0.0.0.0:8080`");
}

#[test]
fn two_listeners_need_two_ports() {
    let taken = "`server.listen` and `admin.listen` both take port 9901";
    check_message("server: { listen: '0.0.0.0:9901' }", taken);
    check_message("server: { listen: '127.0.0.1:9901' }\nadmin: { listen: '0.0.0.0:9901' }", taken);
    read("server: { listen: '10.0.0.1:9901' }");
    read("server: { listen: '127.0.0.1:0' }\nadmin: { listen: '127.0.0.1:0' }");
}

#[test]
fn sockets_in_the_file_system_are_whole_paths() {
    let (settings, problems) = load(
        Some("version: 1\nserver: { listen: 'unix:/run/candor.sock', socket_mode: 0660 }"),
        &Beside { flags: vec![(Flag::Upstream, "unix:/run/app.sock:/api/")], ..Beside::default() },
    );
    assert_eq!(problems, []);
    let Settings { server, upstreams, .. } = settings.unwrap();
    assert_eq!(
        (server.listen.to_string().as_str(), server.socket_mode),
        ("unix:/run/candor.sock", Some(0o660))
    );
    let UpstreamUrl { authority, base_path, socket, .. } = &upstreams[0].url;
    let socket = socket.as_ref().and_then(|path| path.to_str());
    assert_eq!(
        (authority.as_str(), base_path.as_str(), socket),
        ("localhost", "/api", Some("/run/app.sock"))
    );
    check_message("server: { listen: 'unix:candor.sock' }", "the socket `candor.sock` has no whole path");
    check_message("server: { listen: 'unix:' }", "the socket `` has no whole path");
    check_message("server: { listen: 'unix:@candor' }", "the socket `@candor` has no file");
    let long = format!("/{}", "a".repeat(107));
    check_message(
        &format!("server: {{ listen: 'unix:{long}' }}"),
        &format!("the socket `{long}` has a path longer than 107 bytes"),
    );
    check_message("server: { listen: 'unix:/a', socket_mode: 999 }", "`999` is not the mode of a file");
    check_message("server: { socket_mode: 0660 }", "`socket_mode` for a listener that is no file");
    check_message("ext_proc: { listen: 'unix:a' }", "the socket `a` has no whole path");
    let refused = |url: &str| UpstreamUrl::parse(url).unwrap_err().message;
    assert_eq!(refused("unix:app.sock"), "the socket `app.sock` has no whole path");
    let wrong = "upstream URL `unix:/run/app.sock:api` has a path that is not valid";
    assert_eq!(refused("unix:/run/app.sock:api"), wrong);
}
