//! A template ends at a bound, whatever it tries.

use super::super::{FaultKind, Limits, Template};

#[test]
fn bounds_end_a_render() {
    let check = |template: &str, expected: &str| {
        let error = super::render(template).expect_err(template);
        assert_eq!(error.kind, FaultKind::Limit, "{template}: {error}");
        assert!(error.message.contains(expected), "{template}: {error}");
        assert!(error.span.is_some(), "{template}: no place");
    };
    let loops = "#foreach($a in $l)#foreach($b in $l)#foreach($c in $l)#end#end#end";
    check(&format!("#set($l = [1..999]){loops}"), "steps");
    check("#set($s = 'x')#foreach($a in [1..40])#set($s = $s + $s)#end", "bytes");
    check("#set($s = 'xxxxxxxxxx')#foreach($a in [1..20])#set($s = \"$s$s\")#end$s$s$s$s$s$s", "bytes");
    let number = "9".repeat(300);
    check(
        &format!("#set($n = {number})#foreach($a in [1..999])#foreach($b in [1..999])$n#end#end"),
        "a text of",
    );
    check("#set($l = [1..2000000000])", "bytes");
    check("#set($l = [])#foreach($i in [1..200])#set($l = [$l])#end$l", "deeper");
}

#[test]
fn a_loop_ends_in_silence_after_its_turns() {
    assert_eq!(super::render("#foreach($i in [1..3000])#set($last = $i)#end$last").unwrap(), "1000");
}

#[test]
fn what_is_nested_too_deep_is_an_error_and_not_a_crash() {
    let check = |template: String| {
        Template::parse(&template, &Limits::default()).expect_err("too deep");
    };
    check(format!("#if({}1{})#end", "(".repeat(90_000), ")".repeat(90_000)));
    check(format!("#set($x = {}{})", "[".repeat(90_000), "]".repeat(90_000)));
    check("#if(true)".repeat(30_000));
    check("$a[".repeat(90_000));
    check("$a.b(".repeat(50_000));
    check(format!("#set($x = \"{}\")", "#foo(".repeat(50_000)));
    check("#{foreach}($x in {".repeat(10_000));
}

#[test]
fn what_is_nested_as_deep_as_allowed_renders() {
    let check = |template: String, expected: &str| {
        assert_eq!(super::render(&template).unwrap(), expected);
    };
    check(format!("{}x{}", "#if(true)".repeat(95), "#end".repeat(95)), "x");
    check(format!("{}x{}", "#foreach($a in [1])".repeat(95), "#end".repeat(95)), "x");
    check(format!("#set($a = {}1{})$a", "(".repeat(95), ")".repeat(95)), "1");
    check(format!("#set($a = {}{})$a", "[".repeat(90), "]".repeat(90)), &("[".repeat(90) + &"]".repeat(90)));
    check(format!("#set($m = {{}})$m.get({}1{})", "$m.get(".repeat(45), ")".repeat(45)), "");
}

#[test]
fn long_chains_are_not_deep() {
    let check = |template: String, expected: &str| {
        assert_eq!(super::render(&template).unwrap(), expected);
    };
    check(format!("#set($x = 0{})$x", " + 1".repeat(20_000)), "20000");
    check(format!("#if({}true)yes#end", "!".repeat(50_000)), "yes");
    check(format!("#if(false{})yes#end", " || true".repeat(20_000)), "yes");
    check(format!("#if(false)#{{else}}{}#end", "$a.b".repeat(20_000)), "");
}

#[test]
fn blocks_that_call_one_another_end() {
    let mut template = String::new();
    for block in 0..200 {
        template.push_str(&format!("#define($b{block})$b{} $b{}#end", block + 1, (block * 7) % 200));
    }
    template.push_str("$b0");
    super::render(&template).expect_err("too deep or too much");
}
