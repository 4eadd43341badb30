//! What `reload` says, and which settings it cannot change.

use super::*;

#[test]
fn wrong_values_are_told() {
    check_message("reload: { wach: on }", "unknown key `wach` in `reload`");
    check_message("reload: { watch: yes }", "`yes` is not a choice of `watch`");
    check_message("reload: { poll: 1ms }", "files cannot be looked at more than every 10 ms");
    check_message("reload: { poll: 2d }", "longer than a day");
    check_message("reload: { poll: soon }", "expected a time, found `soon`");
    check_message("reload: on", "expected `reload` (a map), found text");
    assert_eq!(read("reload: { poll: 10ms, watch: on }").reload.poll, Duration::from_millis(10));
    assert_eq!(read("").reload, Reload { watch: true, poll: Duration::from_secs(1) });
}

#[test]
fn settings_that_need_a_restart_are_named() {
    let check = |before: &str, after: &str, expected: &[&str]| {
        assert_eq!(read(before).fixed(&read(after)), expected, "{before} {after}");
    };
    check("", "server: { listen: '127.0.0.1:1' }\nhold: { max_bytes: 1 }\ndrain: { timeout: 1s }", &[]);
    check("server: { workers: 1 }", "server: { workers: 1 }", &[]);
    check("server: { workers: 1 }", "server: { workers: 2 }", &["server.workers"]);
    check("", "log: { filter: debug, format: json }", &["log.format"]);
    let beside = "ext_proc: { listen: '127.0.0.1:1' }\nserver: { listen: '127.0.0.1:2' }";
    check("", beside, &[]);
    check(beside, "ext_proc: { listen: '127.0.0.1:1' }", &["server.listen"]);
}
