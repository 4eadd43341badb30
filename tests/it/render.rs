//! `candor render` as scripts see it, and all of the golden file through the real program.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use serde_json::Value as Json;

use crate::cli::{candor, check, ended, file};
use crate::support::files;

/// Exit code, stdout and stderr, with this on standard input.
fn rendered(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = candor(&[&["render"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Standard input may be longer than a pipe holds, and be answered line by line.
    let writer = std::thread::spawn({
        let input = input.to_owned();
        move || {
            // A program that has ended reads no more; its exit code says why.
            let _ = stdin.write_all(input.as_bytes());
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    ended(output)
}

#[test]
fn the_output_stands_alone_and_the_overrides_beside_it() {
    let template = file(
        "#set($context.responseOverride.status = $input.path('$.code'))\n\
         #set($context.responseOverride.header.X-Id = [\"a\", \"b\\u000A\"])\n\
         #set($context.requestOverride.path.id = $input.params('id'))\n\
         {\"text\": $input.json('$.text'), \"to\": \"$context.identity.sourceIp $stageVariables.v\"}",
    );
    let body = file(r#"{"code": 404, "text": "no such order"}"#);
    let [template, body] = [&template, &body].map(|file| file.path().to_str().unwrap());
    let with = ["--param", "path.id=17", "--param", "id=18", "--stage-variable", "v=w", "--context", "-"];
    let (code, stdout, stderr) = rendered(
        &[&[template, "--body", body], &with[..]].concat(),
        r#"{"identity": {"sourceIp": "192.0.2.1"}}"#,
    );
    assert_eq!((code, stdout.as_str()), (0, r#"{"text": "no such order", "to": "192.0.2.1 w"}"#), "{stderr}");
    assert_eq!(stderr, "status 404\nheader X-Id: a\nheader X-Id: b\\n\nrequest path id: 17\n");
}

#[test]
fn explain_tells_every_reference() {
    let (code, stdout, stderr) =
        rendered(&["-", "--explain"], "#foreach($i in [1, 2])\n$i$input.path(\"$.a$i\")\n#end\n");
    assert_eq!((code, stdout.as_str()), (0, "1\n2\n"), "{stderr}");
    insta::assert_snapshot!(stderr, @r#"
    2:1 $i = 1
    2:19 $i = 1
    2:3 $input.path("$.a$i") = null
    2:1 $i = 2
    2:19 $i = 2
    2:3 $input.path("$.a$i") = null
    "#);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let (code, stdout, stderr) = rendered(&["-"], "{\n  #if($x\n}");
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("--> standard input:") && stderr.contains('^'), "{stderr}");

    let (code, stdout, stderr) = rendered(&["-", "--explain"], "printed $a\n#set($l = [])$l.get(1)");
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.starts_with("1:9 $a = null\nerror: "), "{stderr}");
    assert!(stderr.contains("--> standard input:2:") && stderr.contains('^'), "{stderr}");

    let (code, _, stderr) = rendered(&["-"], "#set($context.responseOverride.status = 4)");
    assert_eq!(code, 0);
    assert!(stderr.starts_with("warning: the status `4` is ignored"), "{stderr}");
}

#[test]
fn native_templates_may_write_json() {
    assert_eq!(rendered(&["-"], "[$util.toJson([1])]").1, "[]");
    assert_eq!(rendered(&["-", "--native"], "[$util.toJson([1])]").1, "[[1]]");
}

#[test]
fn what_cannot_run_is_another_exit_code() {
    check(&["render", "there/is/none.vtl"], 2, &["cannot read `there/is/none.vtl`"]);
    check(&["render", "-", "--body", "-"], 2, &["`-` is given for TEMPLATE and --body", "help: "]);
    check(&["render", "LICENSE", "--context", "LICENSE"], 2, &["`LICENSE` is no JSON object"]);
    check(&["render", "LICENSE", "--param", "id"], 2, &["--param", "write `NAME=VALUE`"]);
    check(&["render"], 2, &["TEMPLATE"]);
    check(&["render", "--batch", "LICENSE"], 2, &["cannot be used with"]);
}

#[test]
fn a_batch_is_answered_line_by_line() {
    let mut child =
        candor(&["render", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // Each answer comes while the program waits for more.
    for (line, expected) in [
        (r##"{"id": 1, "template": "#foreach($i in [1..2])$i#end"}"##, r#"{"id":1,"output":"12"}"#),
        (r#"{"id": 2, "template": "$input.body", "inputs": {"body": "x"}}"#, r#"{"id":2,"output":"x"}"#),
    ] {
        writeln!(stdin, "{line}").unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim_end(), expected);
    }
    write!(stdin, "nothing").unwrap();
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with(r#"{"id":null,"error":{"kind":"input","message":""#), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_template_without_end_does_not_end_the_batch() {
    let endless = r##"{"id":"a","template":"#foreach($a in [1..999])#foreach($b in [1..999])#foreach($c in [1..999])x#end#end#end"}"##;
    let (code, stdout, _) =
        rendered(&["--batch"], &format!("{endless}\n{endless}\n{{\"id\":\"b\",\"template\":\"y\"}}\n"));
    let told: Vec<Json> = stdout.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!((code, told.len()), (0, 3));
    assert_eq!(told[0]["error"]["kind"], "runtime");
    assert_eq!(told[1]["error"]["kind"], "runtime");
    assert_eq!(told[2]["output"], "y");
}

#[test]
fn the_golden_file_comes_out_as_it_says() {
    let golden = files::text("tests/golden/vtl-public.jsonl");
    let (code, stdout, stderr) = rendered(&["--batch"], &golden);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.lines().count(), golden.lines().count());
    let mut count = 0;
    let mut different = Vec::new();
    for (expected, found) in golden.lines().zip(stdout.lines()) {
        let [expected, found] = [expected, found].map(|line| line.parse::<Json>().unwrap());
        if expected["basis"] == "jvm" {
            continue;
        }
        count += 1;
        if !agree(&expected, &found) {
            different.push(format!("{} {}: {found}", expected["id"], expected["template"]));
        }
    }
    assert!(different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.join("\n"));
    assert!(count > 850, "{count}");
}

/// The same id, output and overrides; or both have failed.
fn agree(expected: &Json, found: &Json) -> bool {
    let is_same = |name: &str| expected.get(name) == found.get(name);
    let have_failed = [expected, found].map(|line| line.get("error").is_some());
    let outcome = match have_failed {
        [true, true] => true,
        [false, false] => is_same("output") && is_same("responseOverride") && is_same("requestOverride"),
        _ => false,
    };
    is_same("id") && outcome
}
