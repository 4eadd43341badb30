//! Writes templates and bodies: sound ones, and then whatever comes to mind.

use super::super::super::methods;
use super::dice::Dice;
use super::words::{JSON, KEYS, LITERALS, PATHS, PIECES};

/// A template made of sound statements, of pieces, of bytes, or of one that is known, and mostly spoilt after that.
pub fn template(dice: &mut Dice, known: &[String]) -> String {
    let mut text = match dice.below(8) {
        0 => pieces(dice),
        1 => (0..dice.below(40)).map(|_| char::from_u32(dice.below(0x300) as u32).unwrap_or('$')).collect(),
        2 | 3 => known[dice.below(known.len())].clone(),
        _ => statements(dice, 3),
    };
    while dice.once_in(3) {
        spoil(&mut text, dice, known);
    }
    text
}

fn pieces(dice: &mut Dice) -> String {
    (0..dice.below(40)).map(|_| dice.one_of(PIECES)).collect()
}

/// Takes something out, puts something in, or doubles something.
fn spoil(text: &mut String, dice: &mut Dice, known: &[String]) {
    let (from, to) = (dice.place(text), dice.place(text));
    let range = from.min(to)..from.max(to);
    match dice.below(5) {
        0 => text.replace_range(range, ""),
        1 => text.insert_str(from, dice.one_of(PIECES)),
        2 => {
            let doubled = text.get(range).unwrap_or_default().to_owned();
            text.insert_str(from, &doubled);
        }
        3 => text.insert_str(from, &statements(dice, 1)),
        _ => {
            let other = &known[dice.below(known.len())];
            text.insert_str(from, other.get(..dice.place(other)).unwrap_or_default());
        }
    }
    text.truncate((0..=2_000.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0));
}

fn statements(dice: &mut Dice, depth: usize) -> String {
    (0..=dice.below(5)).map(|_| statement(dice, depth)).collect()
}

fn statement(dice: &mut Dice, depth: usize) -> String {
    let body = |dice: &mut Dice| if depth == 0 { "x".to_owned() } else { statements(dice, depth - 1) };
    match dice.below(14) {
        0 => format!("#if({})\n{}#else{}#end", value(dice, depth), body(dice), body(dice)),
        1 => format!("#foreach(${} in {}){}#end", name(dice), value(dice, depth), body(dice)),
        2 => format!("#define(${}){}#end", name(dice), body(dice)),
        3 => format!("#set({} = {})\n", reference(dice, depth), value(dice, depth)),
        4..=6 => format!("#set(${} = {})", name(dice), value(dice, depth)),
        8 => format!("#foreach($e in [1..99]){}#end", body(dice)),
        9 => {
            let (name, growth) = (
                name(dice),
                dice.one_of(&["\"$a$a\"", "$a + $a", "[$a, $a]", "$a * 99999", "$a.replaceAll('', 'ab')"]),
            );
            format!(
                "#foreach($e in [1..50])#set(${name} = {})#end",
                growth.replace("$a", &format!("${name}"))
            )
        }
        7 => dice
            .one_of(&["#stop", "#break", "$foreach.index", "#[[raw]]#", "## c\n", "$velocityCount"])
            .to_owned(),
        _ => reference(dice, depth) + dice.one_of(&["", " ", "\n", ",", "x"]),
    }
}

fn name(dice: &mut Dice) -> &'static str {
    dice.one_of(&["a", "b", "c", "m", "input", "util", "context", "foreach"])
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.below(6) {
        0 | 1 => dice.one_of(LITERALS).to_owned(),
        2 if depth > 0 => {
            let operator = dice.one_of(&["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"]);
            format!("({} {operator} {})", value(dice, depth - 1), value(dice, depth - 1))
        }
        3 if depth > 0 => format!("[{}, {}]", argument(dice, depth - 1), argument(dice, depth - 1)),
        _ => reference(dice, depth),
    }
}

fn argument(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 || dice.once_in(2) { dice.one_of(LITERALS).to_owned() } else { reference(dice, depth - 1) }
}

fn reference(dice: &mut Dice, depth: usize) -> String {
    let mut text = match dice.below(6) {
        0 => format!("$input.{}('{}')", dice.one_of(&["path", "json"]), dice.one_of(PATHS)),
        1 => {
            let functions =
                &["parseJson", "escapeJavaScript", "urlEncode", "urlDecode", "base64Encode", "base64Decode"];
            format!("$util.{}({})", dice.one_of(functions), argument(dice, depth))
        }
        _ => format!("${}", name(dice)),
    };
    for _ in 0..dice.below(3) {
        match dice.below(4) {
            0 => text.push_str(&format!(
                ".{}",
                dice.one_of(&["a", "b", "list", "size", "empty", "class", "index"])
            )),
            1 => text.push_str(&format!("[{}]", argument(dice, depth))),
            _ => {
                let classes = methods::all();
                let methods = classes[dice.below(classes.len())].methods;
                let method = &methods[dice.below(methods.len())];
                let arguments: Vec<_> = method.parameters.iter().map(|_| argument(dice, depth)).collect();
                text.push_str(&format!(".{}({})", method.name, arguments.join(", ")));
            }
        }
    }
    text
}

/// A body that is mostly JSON.
pub fn body(dice: &mut Dice) -> String {
    let mut text = json(dice, 3);
    while dice.once_in(5) {
        let place = dice.place(&text);
        text.insert_str(place, dice.one_of(&["{", "]", ",", ":", "\"", "\\", " ", "x", "\u{1a}"]));
    }
    text
}

fn json(dice: &mut Dice, depth: usize) -> String {
    let blank = |dice: &mut Dice| dice.one_of(&["", "", "", " ", "\n  "]);
    let length = if dice.once_in(40) { 40 } else { dice.below(4) };
    match dice.below(3) {
        0 if depth > 0 => {
            let items: Vec<_> = (0..length).map(|_| json(dice, depth - 1) + blank(dice)).collect();
            format!("[{}{}]", blank(dice), items.join(","))
        }
        1 | 2 if depth > 0 => {
            let member = |dice: &mut Dice| {
                let (key, value) = (dice.one_of(KEYS), json(dice, depth - 1));
                format!("{}\"{key}\"{}:{}{value}", blank(dice), blank(dice), blank(dice))
            };
            let members: Vec<_> = (0..length).map(|_| member(dice)).collect();
            format!("{{{}{}}}", members.join(","), blank(dice))
        }
        _ => {
            // Most words of most bodies are plain.
            let plain = dice.one_of(&["1", "true", "\"a\"", "\"some text\"", "2.5"]);
            if dice.once_in(6) { dice.one_of(JSON) } else { plain }.to_owned()
        }
    }
}
