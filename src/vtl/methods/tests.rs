use std::rc::Rc;

use super::*;
use crate::vtl::{Limits, Object, Template, json};

/// `$util.parseJson`, to come by the values that only a body has.
struct Util;

impl<'a> Object<'a> for Util {
    fn call(&self, _: &str, arguments: &[Value<'a>], heap: &mut Heap<'a>) -> Result<'a> {
        match arguments {
            [Value::String(crate::vtl::Text::Borrowed(text))] => json::parse(text, heap),
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
