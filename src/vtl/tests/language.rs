//! The language's traps, line by line. What `tests/golden` has is not repeated here.

use super::super::{Limits, Template};

fn check(template: &str, expected: &str) {
    assert_eq!(super::render(template).unwrap_or_else(|error| error.message), expected, "{template}");
}

fn check_refused(template: &str) {
    Template::parse(template, &Limits::default()).expect_err(template);
}

#[test]
fn a_name_goes_as_far_as_its_letters_do() {
    check("#set($x = 1)$x-y|${x}-y|$x.5|$x._|$x .y|$x(1)", "|1-y|1.5|1._|1 .y|1(1)");
    check("#set($a-1 = 'name')$a-1", "name");
    check("$x.foo(", "(");
    check_refused("$x.foo( ");
    check_refused("${x");
    check_refused("${x }");
    check("${ x}${}${é}$5 $ $$ $- $é", "${ x}${}${é}$5 $ $$ $- $é");
    check("$!5", "$5");
    check_refused("$");
    check_refused("a$!");
    check_refused("#");
    check_refused("## a $");
}

#[test]
fn what_runs_into_a_reference_is_printed_before_it() {
    check("#set($x = 1)$$x #$x $$!x #$\\!x|", "$1 #1 $1 |");
    check("#set($x = 1)$x{foo} $x$x", "1{ 11");
    check_refused("#${x}end");
    check("a$##\nb$#*c*#", "a$b");
    check("$x.foo## c", "## c");
}

#[test]
fn backslashes_before_a_reference_are_halved() {
    let x = |template: &str| format!("#set($x = 1){template}");
    check(&x("\\$x|\\\\$x|\\\\\\$x|\\$!x|\\${x}.a"), "$x|\\1|\\$x|$!x|${x}.a");
    check(&x("\\\\a \\ \\n \\$5 \\#foo"), "\\\\a \\ \\n \\$5 \\#foo");
    check(&x("\\#if(true)x|\\\\#if(true)y#end|\\\\\\#if"), "#if(true)x|\\y|\\#if");
    check(&x("\\#set($q = 1)"), "#set( = 1)");
    check("#macro(m)#end\\#m \\#n", "#m \\#n");
    check("#set($l = [])\\$l.add(1)|$l", "$l.add(1)|[1]");
}

#[test]
fn directives_eat_the_newline_and_leave_the_indent() {
    check("a\n  #if(true) \t\r\n    b\n  #end\nc", "a\n      b\n  c");
    check("#if(true) x #end y", " x  y");
    check("#set($v = 1)\n  #set($x = 2)\n  z", "  z");
    check("\n  #set($x = 1)\n  z", "\n    z");
    check("#set($v = 1)$v #set($x=1)z a #set($x = 1) b", "1z a  b");
    check("#foo()\nx #@foo\n", "#foo()\nx #@foo\n");
    check("a ##c\n b#* x *#\nc", "a  b\nc");
}

#[test]
fn unknown_words_are_text_but_their_arguments_are_read() {
    check("#set($x = 1)#foo #{foo} #foo($x, 'a' b) #foo ( $x )", "#foo #{foo} #foo($x, 'a' b) #foo ( $x )");
    check("#set($x = 1)#foo(\\$x \"$x\")", "#foo($x \"$x\")");
    check("#@foo($x)\n body #end.", "#@foo($x)\n body #end.");
    check("#n(1)#evaluate('x')#macro(n $a)x#end#n(1)", "#n(1)#evaluate('x')#n(1)");
    check_refused("#note (1 + 1)");
    check_refused("#note(\"#if(true)\")");
    check_refused("#macro");
    check_refused("#foreach");
    check_refused("#define");
    check("#include", "");
    check("#include()", "");
}

#[test]
fn a_set_takes_no_null_and_believes_braces() {
    check("#set($a = 1)#set($a = $a / 0)$a #set($a = $nope).$a.", "1..");
    check("#set(${a} = 1)[$a]#set($!a = 1)[$a]", "[][]");
    check("#set($m = {'k': {}})#set(${m.k.x} = 1)#set($!m.k['y'] = 2)$m", "{k={x=1, y=2}}");
    check("#set($nope.x = 1)#set($nope[0] = 1)[$nope]", "[]");
    check("#set($m = {})#set($m.f() = 1)$m", "{f=1}");
}

#[test]
fn plus_prints_the_source_of_what_is_null() {
    check("#set($a = 1 / 0 + 'x')$a", " 0 x");
    check("#set($a = 'x' + (1 / 0))$a", "x1 / 0");
    check("#set($a = [1..$nope] + 'x' + 2)$a", "[1..$nope]x2");
    check("#set($a = 1 + 2 + 'x' + 1 + 2)$a", "3x12");
}

#[test]
fn only_references_comparisons_and_booleans_are_true() {
    let truth = |condition: &str, expected: &str| {
        check(&format!("#set($e = '')#set($f = false)#if({condition})yes#{{else}}no#end"), expected);
    };
    truth("$e", "yes");
    truth("$nope", "yes");
    truth("$f", "no");
    truth("!$f", "yes");
    truth("!!$e", "yes");
    truth("1", "no");
    truth("'x'", "no");
    truth("[1]", "no");
    truth("\"$e\"", "no");
    truth("1 + 1", "no");
    truth("(1 == 1.0)", "yes");
    truth("!1 == 2", "no");
    truth("'a' < 'b'", "no");
    truth("1 < 2 == true", "yes");
    truth("$f or $e and not $f", "yes");
    truth("1 == '1' && [1, 2] == '[1, 2]'", "yes");
}

#[test]
fn a_condition_is_not_calculated_further_than_it_must() {
    check("#set($l = [])#if(true || $l.add(1))#end#if(false && $l.add(1))#end#if(1 + $l.add(1))#end$l", "[]");
}

#[test]
fn strings_double_their_quotes_and_know_no_other_escape() {
    check(
        r#"#set($s = 'it''s')$s#set($s = "a ""b"" \n")$s#set($s = "\u0041\u00e9\ud83d\ude00")$s"#,
        "it'sa \"b\" \\nAé😀",
    );
    check("#set($x = 1)#set($s = \"$x#if(true) t #end\")[$s]#set($s = '$x')[$s]", "[1 t ][$x]");
    check("#set($s = \"a ## b\")[$s]#set($s = \"ab#* c\")[$s]#set($s = \"$ # \")[$s]", "[a ][a][$ # ]");
    check("#set($s = \"#set($y = 2)\")[$s]$y", "[]2");
    check_refused(r#"#set($s = "a \" b")"#);
    check_refused(r#"#set($s = "\u00g0")"#);
    check_refused(r##"#set($s = "#if(true)")"##);
}

#[test]
fn a_loop_puts_its_variables_back() {
    check(
        "#set($x = 'o')#foreach($x in [1, 2])$x$velocityCount$velocityHasNext#end$x$velocityCount",
        "11true22falseo",
    );
    check("#set($foreach = 'o')#foreach($x in [1])$foreach.index#end$foreach", "0o");
    check(
        "#foreach($x in [1, 2])#foreach($y in [1, 2])$foreach.parent.index$foreach.index #end$foreach.count#end",
        "00 01 110 11 2",
    );
    check(
        "#foreach($x in {'a': 1, 'b': 2})$x,#end#foreach($x in 'abc')$x#end#foreach($x in [3..1])$x#end",
        "1,2,321",
    );
    check("#foreach($x [1])a#end#foreach($x in)a#end#foreach($x in [1, 2] $x)a#end|", "12|");
    check("#foreach($x in [1])#set($foreach = 'mine')#end$foreach", "mine");
}

#[test]
fn break_leaves_the_loop_it_names_and_stop_the_template() {
    check("#foreach($x in [1..5])#if($x == 3)#break#end$x#end.", "12.");
    check("#foreach($x in [1, 2])#foreach($y in [1, 2])$x$y #break($foreach.parent)#end#end.", "11 .");
    check("#foreach($x in [1..3])#set($s = \"a#break\")$x#end$s.", ".");
    check("a#break b", "a");
    check("a#stop('why')b", "a");
    check("#define($d)1#break 2#end$d$d", "11");
}

#[test]
fn a_block_is_rendered_where_it_is_used() {
    check("#define($d)<$x>#end#set($x = 1)$d#set($x = 2)$d #set($s = \"$d\")$s", "<1><2><2>");
    check("#define($d)<$x>#end$d()$d.length()$$d", "<>()<>");
    check("#define($b)a${b}c#end$b", "aa${b}cc");
    check("#define($b)a$!b c#end$b", "aa c c");
    check("#define($d)1#end#if($d == '1')yes#end#set($l = [$d])$l", "yes[1]");
}

#[test]
fn literals_are_printed_and_must_be_balanced() {
    check("#literal()#if($x)$y#end#end", "#if($x)$y#end");
    check("#literal()\\$x $$y ## z\n#end", "$x $y ##\n");
    check("#[[ #if $x ]]#.", " #if $x .");
    check_refused("#literal()#end");
    check_refused("#[[ a");
}

#[test]
fn variables_are_asked_for_once_and_only_if_needed() {
    let template = Template::parse("$a$a#if(false)$b#end#set($c = 1)$c", &Limits::default()).unwrap();
    let mut asked = Vec::new();
    let mut heap = super::Heap::new(Limits::default());
    let variables = |name: &str, _: &mut super::Heap<'_>| {
        asked.push(name.to_owned());
        Ok(None)
    };
    template.render(&mut heap, variables, &mut String::new()).unwrap();
    assert_eq!(asked, ["a"]);
}

#[test]
fn a_visitor_sees_every_reference() {
    let text =
        "$a.b#if($c == \"$d\")#set($e.f = $g.h($i[$j]))#end#foreach($k in $l)\\$m.n()#end#define($o)$p#end";
    let template = Template::parse(text, &Limits::default()).unwrap();
    let mut seen = String::new();
    template.visit(&mut |mention| {
        seen.push_str(mention.variable);
        seen.push_str(if mention.is_target { "! " } else { " " });
    });
    assert_eq!(seen, "a c d e! g i j l m p ");
}

#[test]
fn a_template_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Template>();
}
