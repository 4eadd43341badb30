use super::*;
use crate::vtl::Limits;

#[test]
fn differential() {
    let Ok(cases) = std::fs::read_to_string("/tmp/vtlc/j/re.in") else { return };
    let mut out = String::new();
    for case in cases.split('\0') {
        let Some((pattern, text)) = case.split_once('\u{1}') else { continue };
        let mut meter = Meter::new(Limits::default());
        match JavaRegex::new(pattern) {
            Err(e) => out.push_str(&format!("E\u{2}{e}")),
            Ok(regex) => {
                out.push_str(&format!("{}", regex.is_full_match(text, &mut meter).map_or("X".into(), |b| b.to_string())));
                let mut heap = Heap::new(Limits::default());
                let r = regex.each_match(text, &mut heap, |_, groups, _| {
                    out.push('[');
                    for g in groups {
                        match g { None => out.push_str("-,"), Some((a, b)) => out.push_str(&format!("{}:{},", utf16::units_before(text, *a), utf16::units_before(text, *b))) }
                    }
                    out.push(']');
                    Ok(More::Yes)
                });
                if r.is_err() { out.push('X'); }
                let mut heap = Heap::new(Limits::default());
                let Value::List(id) = split(&Text::Borrowed(text), pattern, 0, &mut heap).unwrap_or(Value::List(heap_none())) else { continue };
                for p in heap.list(id) { out.push('|'); out.push_str(p.as_str().unwrap()); }
            }
        }
        out.push('\0');
    }
    std::fs::write("/tmp/vtlc/j/re.rust", out).unwrap();
}
fn heap_none() -> super::super::heap::ListId { super::super::heap::ListId::NONE }
