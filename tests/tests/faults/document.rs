//! The tables in docs/faults.md.

use std::fmt::Write;
use std::path::Path;

use tests::faulty::Outcome;

pub(crate) fn statuses(outcomes: &[Outcome]) -> Vec<u16> {
    outcomes.iter().map(|o| o.answer.status).collect()
}

pub(crate) fn table(routes: &[&str], columns: &[(&str, Vec<u16>)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| route | {} |\n|---|", names.join(" | "));
    text.push_str(&"---|".repeat(columns.len()));
    text.push('\n');
    for (row, route) in routes.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, all)| all[row].to_string())
            .collect();
        let _ = writeln!(text, "| {route} | {} |", cells.join(" | "));
    }
    text
}

/// Holds a table against the one in the document, or writes it there.
pub(crate) fn check_document(name: &str, table: &str) {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = ONE.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), "<!-- end -->".to_owned());
    let from = text.find(&begin).expect("the table's place") + begin.len();
    let to = from + text[from..].find(&end).expect("its end");
    if std::env::var_os("WRITE_DOCS").is_some() {
        let whole = format!("{}\n{table}\n{}", &text[..from], &text[to..]);
        std::fs::write(&path, whole).unwrap();
    } else {
        assert!(
            text[from..to].trim() == table.trim(),
            "docs/faults.md is not current, WRITE_DOCS=1 writes it:\n{table}"
        );
    }
}
