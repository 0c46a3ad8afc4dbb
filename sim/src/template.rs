//! Driver Config strings are templates.
//!
//! Nomad reads every string of a driver's Config as an HCL template before the
//! driver sees it, while the job shown to clients keeps it as registered. So
//! `${1}` silently becomes `1`, `%{x}` fails the task's validation, and only
//! `$${` and `%%{` are the literal forms. This is just enough of HCL to behave
//! so: literals, quoted strings and the names Nomad defines.

use serde_json::Value;

/// Renders every string of a Config; `lookup` gives the value of a name. The
/// errors are HCL's diagnostics, one a fault.
pub(crate) fn render(
    config: &mut Value,
    lookup: &dyn Fn(&str) -> Option<String>,
    faults: &mut Vec<String>,
) {
    let each = |item| render(item, lookup, faults);
    match config {
        Value::Array(items) => items.iter_mut().for_each(each),
        Value::Object(map) => map.values_mut().for_each(each),
        Value::String(text) => match render_text(text, lookup) {
            Ok(rendered) => *text = rendered,
            Err(fault) => faults.push(fault),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn render_text(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        if tail.starts_with("$${") || tail.starts_with("%%{") {
            let (literal, after) = tail.split_at(3);
            out.push_str(literal.get(1..).unwrap_or_default());
            rest = after;
        } else if let Some(after) = tail.strip_prefix("${") {
            let unterminated =
                "Unterminated template string: No closing marker was found for the string.";
            let (expression, after) = after.split_once('}').ok_or(unterminated)?;
            out.push_str(&evaluate(expression.trim_matches(['~', ' ']), lookup)?);
            rest = after;
        } else if let Some(after) = tail.strip_prefix("%{") {
            let keyword: String = after
                .trim_start_matches(['~', ' '])
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            return Err(format!(
                "Invalid template control keyword: {keyword:?} is not a valid template control keyword."
            ));
        } else {
            let mut chars = tail.chars();
            out.extend(chars.next());
            rest = chars.as_str();
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn evaluate(expression: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    if expression.is_empty() {
        let fault = "Expected the start of an expression, but found an invalid expression token.";
        return Err(format!("Invalid expression: {fault}"));
    }
    if expression.parse::<f64>().is_ok() || matches!(expression, "true" | "false") {
        return Ok(expression.to_owned());
    }
    let quoted = expression.strip_prefix('"');
    if let Some(literal) = quoted.and_then(|rest| rest.strip_suffix('"')) {
        return Ok(literal.to_owned());
    }
    lookup(expression).ok_or_else(|| {
        let root = expression.split(['.', '[']).next().unwrap_or(expression);
        format!("Unknown variable: There is no variable named {root:?}.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str) -> Result<String, String> {
        render_text(template, &|name| {
            (name == "node.unique.name").then(|| "nomad1".to_owned())
        })
    }

    #[test]
    fn an_unescaped_group_reference_becomes_its_number() {
        assert_eq!(text("${1}_x"), Ok("1_x".to_owned()));
    }

    #[test]
    fn escaped_forms_come_out_literal() {
        assert_eq!(text("$${1} %%{x}"), Ok("${1} %{x}".to_owned()));
    }

    #[test]
    fn lone_signs_pass_untouched() {
        assert_eq!(
            text(r"$1 100% \d $$ %% {x}"),
            Ok(r"$1 100% \d $$ %% {x}".to_owned())
        );
    }

    #[test]
    fn a_control_sequence_is_refused() {
        assert!(text("%{x}").is_err());
    }

    #[test]
    fn known_names_are_filled_in_and_unknown_ones_refused() {
        assert_eq!(text("${node.unique.name}"), Ok("nomad1".to_owned()));
        assert!(text("${nope}").is_err());
    }
}
