use std::rc::Rc;

use super::*;
use crate::vtl::{Limits, Object, Template, Text, json};

/// `$util.parseJson`, to come by the values that only a body has.
struct Util;

impl<'a> Object<'a> for Util {
    fn call(&self, _: &str, arguments: &[Value<'a>], heap: &mut Heap<'a>) -> Result<'a> {
        match arguments {
            [Value::String(Text::Borrowed(text))] => json::parse(text, heap),
            _ => Ok(Value::Null),
        }
    }
}

fn render(template: &str) -> std::result::Result<String, String> {
    let limits = Limits::default();
    let template = Template::parse(template, &limits).map_err(|error| error.to_string())?;
    let (heap, mut out) = (&mut Heap::new(limits), String::new());
    let variable = |name: &str, _: &mut Heap<'_>| Ok((name == "util").then(|| Value::Object(Rc::new(Util))));
    template.render(heap, variable, &mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

#[track_caller]
fn check(template: &str, expected: &str) {
    assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn check_thrown(template: &str, message: &str) {
    let told = render(template).unwrap_err();
    assert!(told.contains(message), "{template}\n{told}\nshould say {message}");
}

#[test]
fn every_example_prints_what_it_says() {
    let problem = |method: &Method| {
        let printed = render(method.example);
        let right = printed.as_deref() == Ok(method.prints);
        (!right).then(|| format!("{}\n  {printed:?}\n  should be {:?}", method.example, method.prints))
    };
    let problems: Vec<_> = all().iter().flat_map(|class| class.methods).filter_map(problem).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_example_calls_its_method() {
    for class in all() {
        for method in class.methods {
            assert!(method.example.contains(&format!(".{}(", method.name)), "{}", method.example);
        }
    }
}

#[test]
fn methods_stand_in_the_order_in_which_they_are_looked_up() {
    for class in all() {
        assert!(class.methods.is_sorted_by_key(|method| method.name), "{}", class.name);
    }
}

// What follows was printed by Velocity 1.7 on Java 17.

#[test]
fn indices_count_utf16_units() {
    let text = r#"#set($s = "é😀x")"#;
    let check = |call: &str, expected: &str| check(&format!("{text}$s.{call}"), expected);
    check("length()", "4");
    check("substring(0, 1)", "é");
    check("substring(1, 3)", "😀");
    check("substring(3)", "x");
    check("substring(2)", "?x");
    check("substring(0, 2)", "é?");
    check("charAt(3)", "x");
    check("codePointAt(1)", "128512");
    check("indexOf(\"x\")", "3");
    check("indexOf(\"x\", 2)", "3");
    check("lastIndexOf(\"x\")", "3");
    check("hashCode()", "61901292");
    check("format(\"%5s|%.2s\", $s, $s)", " é😀x|é?");
}

#[test]
fn searches_begin_and_end_where_java_lets_them() {
    let check = |call: &str, expected: &str| check(&format!(r#"#set($s = "aXbXc")$s.{call}"#), expected);
    check(r#"indexOf("")"#, "0");
    check(r#"indexOf("", 99)"#, "5");
    check(r#"indexOf("b", -5)"#, "2");
    check(r#"lastIndexOf("")"#, "5");
    check(r#"lastIndexOf("", 1)"#, "1");
    check(r#"lastIndexOf("c", 3)"#, "-1");
    check(r#"lastIndexOf("X", 3)"#, "3");
    check(r#"lastIndexOf("b", -1)"#, "-1");
    check(r#"startsWith("", 9)"#, "false");
    check(r#"startsWith("a", -1)"#, "false");
    check(r#"indexOf($s.charAt(0))"#, "");
}

#[test]
fn nothing_is_converted_for_a_parameter() {
    check(r#"#set($s = "abc")[$s.substring("1")][$s.concat(1)][$s.isNumeric()][$s.contains(1)]"#, "[][][][]");
    check(r#"#set($i = 0)[$i.parseInt(5)][$i.MAX_VALUE]"#, "[][]");
    check(r#"#set($d = 0.0)$d.compare(1, 2.5) $d.valueOf(5)"#, "-1 5.0");
    check(r#"#set($l = ["a"])[$l.get("0")][$l["0"]][$l.size][$l.first]"#, "[][][][]");
}

#[test]
fn what_java_throws_is_told() {
    check_thrown(r#"#set($s = "abc")$s.length(1)"#, "`length` takes no arguments");
    check_thrown(r#"#set($s = "abc")$s.charAt(9)"#, "`charAt`: index 9 is outside of a string of 3");
    check_thrown(
        r#"#set($s = "abc")$s.substring(2, 1)"#,
        "`substring`: begin 2 and end 1 do not fit a string of 3",
    );
    check_thrown(r#"#set($s = "abc")$s.substring(9)"#, "begin 9 and end 3 do not fit a string of 3");
    check_thrown(r#"#set($s = "abc")$s.concat(null)"#, "argument 1 of `concat` is null");
    check_thrown(
        r#"#set($s = "abc")$s.replaceAll("[", "x")"#,
        "pattern `[`: unclosed character class near index 1",
    );
    check_thrown(r#"#set($s = "abc")$s.replaceAll("b", "$1")"#, "replacement `$1`: there is no group 1");
    check_thrown(r#"#set($s = "abc")$s.compareTo(1)"#, "`compareTo`: argument 1 is of another class");
    check_thrown(r#"#set($s = "abc")$s[-1]"#, "`[-1]` counts from the end of something that has no size");
    check_thrown(r#"#set($i = 0)$i.parseInt("4x2")"#, "`parseInt`: `4x2` is not an int");
    check_thrown(r#"#set($i = 0)$i.parseInt("2147483648")"#, "`2147483648` is not an int");
    check_thrown(r#"#set($i = 0)$i.parseInt(" 7")"#, "` 7` is not an int");
    check_thrown(r#"#set($d = 0.0)$d.parseDouble("x")"#, "`parseDouble`: `x` is not a number");
    check_thrown(r#"#set($l = [1, 2, 3])$l.get(9)"#, "`get`: index 9 is outside of a list of 3");
    check_thrown(r#"#set($l = [1, 2, 3])$l[-4]"#, "`get`: index -1 is outside of a list of 3");
    check_thrown(r#"#set($l = [1])#set($l[5] = 2)"#, "`set`: index 5 is outside of a list of 1");
    check_thrown(r#"#set($l = [1])$l.subList(1, 0)"#, "begin 1 and end 0 do not fit a list of 1");
    check_thrown(r#"#set($l = [])$l.iterator().next()"#, "`next`: nothing is left");
    check_thrown(
        r#"#set($l = [1, 2])$l.join(",", $l)$l.get(0).toString().join(",", $l)"#,
        "not all that is to be joined",
    );
    check_thrown(r#"#set($m = {})$m.keySet().add("x")"#, "cannot grow");
    check_thrown(r#"#set($s = "a,b")$s.split(",").add("x")"#, "cannot grow");
}

#[test]
fn properties_are_getters_and_keys() {
    check(r#"#set($s = "é")$s.empty $s.Empty $s.bytes.size() [$s.length] [$s.size]"#, "false false 2 [] []");
    check(r#"#set($l = [])$l.empty"#, "true");
    check(r#"#set($m = {"empty": 1, "a": 2})$m.empty $m.a [$m.size]"#, "1 2 []");
    check(r#"#set($a = "x,y")#set($a = $a.split(","))[$a.empty][$a.length]$a[0]$a[-1]"#, "[][]xy");
    check(r#"#set($m = {"a": 1})$m["a"] [$m[0]] [$m[-1]] #set($n = 5)[$n[0]]"#, "1 [] [] []");
}

#[test]
fn values_are_set_by_key_and_by_place() {
    check(r#"#set($m = {})#set($m["a"] = 1)#set($m.b = 2)#set($m[1] = 3)$m"#, "{a=1, b=2, 1=3}");
    check(r#"#set($l = ["a", "b"])#set($l[0] = "z")#set($l[-1] = "y")$l"#, "[z, y]");
    check(r#"#set($s = "a")#set($s.x = 1)#set($s[0] = 1)$s"#, "a");
    check(r#"#set($a = "x,y")#set($a = $a.split(","))#set($a[0] = "z")$a[0]"#, "z");
}

#[test]
fn a_loop_has_properties_that_are_methods_too() {
    check(
        "#foreach($i in [1, 2])$foreach.index $foreach.count $foreach.hasNext $foreach.hasNext() $foreach.first \
         $foreach.isLast() $foreach.getIndex() $foreach [$foreach.parent]#set($foreach.foo = 1)$foreach.foo $foreach;#end",
        "0 1 true true true false 0 {} []1 {foo=1};1 2 false false false true 1 {foo=1} []1 {foo=1};",
    );
    check(
        "#foreach($i in [1])#foreach($j in [1, 2])$foreach.parent.hasNext $foreach.topmost.count;#end#end",
        "false 1;false 1;",
    );
}

#[test]
fn formats_are_those_of_java() {
    let check = |format: &str, argument: &str, expected: &str| {
        check(&format!(r#"#set($s = "")#set($v = {argument})$s.format("{format}", $v)"#), expected);
    };
    check("%05d|%<+d", "-42", "-0042|-42");
    check("%,d", "-1234567", "-1,234,567");
    check("%(d|%<x|%<o", "-42", "(42)|ffffffd6|37777777726");
    check("%#x %<X", "255", "0xff FF");
    check("%.2f", "2.675", "2.68");
    check("%.2f", "1.005", "1.01");
    check("%.0f", "0.5", "1");
    check("%,.2f", "1234567.891", "1,234,567.89");
    check("%e", "12345.678", "1.234568e+04");
    check("%.0e", "99999.5", "1e+05");
    check("%g", "0.00012345", "0.000123450");
    check("%g", "999999.5", "1.00000e+06");
    check("%010.2f", "-1.5", "-000001.50");
    check("%8.3f|%<-8.3f|", "1.5", "   1.500|1.500   |");
    check("%s %<S %<b %<h", r#""ab""#, "ab AB true c21");
    check("%f", "1e999", "Infinity");
    check("%c", "128512", "😀");
    check("%5%|%-5%|%n", "1", "    %|%    |\n");
}

#[test]
fn formats_that_java_refuses_are_told() {
    let check = |format: &str, argument: &str, message: &str| {
        check_thrown(&format!(r#"#set($s = "")#set($v = {argument})$s.format("{format}", $v)"#), message);
    };
    check("%d", "1.5", "`%d`: the argument is of another type");
    check("%f", "1", "`%f`: the argument is of another type");
    check("%s %s", "1", "`%s`: there is no such argument");
    check("%z", "1", "`%z` is not a format");
    check("%", "1", "`%` is not a format");
    check("%-d", "1", "`%-d`: it needs a width");
    check("%.2d", "1", "it takes no precision");
    check("%--5d", "1", "the flag `-` stands twice");
    check("%99999999999d", "1", "is not a format");
}

#[test]
fn work_and_memory_of_methods_are_bounded() {
    let check = |template: &str| {
        let told = render(template).unwrap_err();
        assert!(told.contains("more than") || told.contains("too many"), "{template}\n{told}");
    };
    check(r#"#set($s = "a")$s.repeat(2000000000)"#);
    check(r#"#set($s = "a")$s.format("%1000000000d", 1)"#);
    check(r#"#set($s = "a")$s.format("%.1000000000f", 1.0)"#);
    let doubled = "#foreach($i in [1..60])#set($s = CALL)#end";
    let doubling = |call: &str| format!("#set($s = \"abcdefgh\"){}", doubled.replace("CALL", call));
    check(&doubling("$s.concat($s)"));
    check(&doubling(r#"$s.replace("a", $s)"#));
    check(&doubling(r#"$s.replaceAll("a", "$0$0")"#));
    check(&doubling(r#"$s.join($s, [$s, $s])"#));
    check(&doubling(r#"$s.format("%s%<s", $s)"#));
    let list = "#set($l = [1, 2])#foreach($i in [1..60])#set($b = CALL)#end";
    check(&list.replace("CALL", "$l.addAll($l)"));
    check(&list.replace("CALL", "$l.addAll(0, $l)"));
    let search =
        "#set($l = [1..900])#foreach($i in [1..1000])#foreach($j in [1..1000])#set($b = CALL)#end#end";
    check(&search.replace("CALL", "$l.contains(0)"));
    check(&search.replace("CALL", "$l.indexOf(0)"));
    check(&search.replace("CALL", "$l.containsAll($l)"));
    check(&search.replace("CALL", "$l.hashCode()"));
    check(&search.replace("CALL", "$l.toString()"));
}
