//! What `replaceAll` puts in place of a match: `$1`, `${name}`, `\$`.

use super::super::fault::Fault;

/// A part of a replacement.
#[derive(Debug, PartialEq)]
pub enum Part {
    /// As it is.
    Text(String),
    /// What a group matched.
    Group(usize),
}

/// Reads a replacement for a pattern with these groups.
pub fn parse(replacement: &str, groups: usize, names: &[(String, usize)]) -> Result<Vec<Part>, Fault> {
    let (mut parts, mut text) = (Vec::new(), String::new());
    let mut rest = replacement.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                let escaped = rest.next();
                text.push(escaped.ok_or_else(|| fault(replacement, "nothing follows the last `\\`"))?);
            }
            '$' => {
                let (group, after) = group(rest.as_str(), groups, names)
                    .map_err(|problem| fault(replacement, &problem))?;
                rest = after.chars();
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Group(group));
            }
            character => text.push(character),
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn fault(replacement: &str, problem: &str) -> Fault {
    let shown: String = replacement.chars().take(40).collect();
    Fault::thrown(format!("replacement `{shown}`: {problem}"))
}

/// The group that is named after a `$`, and what follows.
fn group<'t>(text: &'t str, groups: usize, names: &[(String, usize)]) -> Result<(usize, &'t str), String> {
    if let Some(named) = text.strip_prefix('{') {
        let (name, after) = named.split_once('}').ok_or("`${` is not closed")?;
        let group = names.iter().find(|(other, _)| other == name);
        return group.map(|(_, group)| (*group, after)).ok_or_else(|| format!("no group is named `{name}`"));
    }
    let mut digits = text.char_indices().map_while(|(at, digit)| Some((at, digit.to_digit(10)? as usize)));
    let (_, mut group) = digits.next().ok_or("`$` is not followed by the number of a group; write `\\$`")?;
    let mut end = 1;
    if group > groups {
        return Err(format!("there is no group {group}"));
    }
    // More digits count as long as there is such a group.
    for (at, digit) in digits {
        let longer = group * 10 + digit;
        if longer > groups {
            break;
        }
        (group, end) = (longer, at + 1);
    }
    Ok((group, text.get(end..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(replacement: &str, expected: &str) {
        let parts = parse(replacement, 12, &[("name".to_owned(), 3)]);
        let shown = parts.map(|parts| {
            let show = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Group(group) => format!("<{group}>"),
            };
            parts.iter().map(show).collect::<String>()
        });
        assert_eq!(shown.unwrap_or_else(|fault| fault.to_string()), expected);
    }

    #[test]
    fn groups_are_named_by_number_or_name() {
        check("", "");
        check("plain", "plain");
        check("$0-$1", "<0>-<1>");
        check("$12$13", "<12><1>3");
        check("${name}!", "<3>!");
        check(r"\$1\\\a", r"$1\a");
    }

    #[test]
    fn mistakes_are_those_of_java() {
        check("$", "replacement `$`: `$` is not followed by the number of a group; write `\\$`");
        check("a$b", "replacement `a$b`: `$` is not followed by the number of a group; write `\\$`");
        check("a\\", "replacement `a\\`: nothing follows the last `\\`");
        check("${name", "replacement `${name`: `${` is not closed");
        check("${x}", "replacement `${x}`: no group is named `x`");
        assert_eq!(
            parse("$2", 1, &[]).unwrap_err().to_string(),
            "replacement `$2`: there is no group 2"
        );
    }
}
