//! How far one account, one region and one VPC go: the arithmetic of their quotas, and a
//! simulation of clusters whose dashboards poll. docs/scale.md shows what it prints.
//!
//! ```text
//! cargo run -p local --example scale                    # the tables of the page
//! cargo run -p local --example scale -- --clusters 200 --dashboards 20 --blocking
//! ```

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod quotas;
mod simulation;

use std::fmt::Write;

use clap::Parser;

use quotas::thousands;
use simulation::Plan;

fn main() {
    let plan = Plan::parse();
    if std::env::args_os().len() == 1 {
        for (name, table) in tables() {
            println!("{name}\n\n{table}");
        }
    } else {
        println!("{}{}", heading(FIRST), row(plan.clusters as u64, &plan));
    }
}

/// The account's concurrent executions by default.
const CONCURRENCY: u32 = 1_000;
const FIRST: &str = "clusters";

/// Every table of the page, by the name of its place.
fn tables() -> Vec<(&'static str, String)> {
    let plan = || Plan::parse_from(["scale"]);
    let mut polling = heading(FIRST);
    let mut blocking = heading(FIRST);
    let mut crowded = heading("dashboards on one cluster");
    for clusters in [1, 10, 25, 100, 300, 1_000] {
        let is = |blocking| Plan {
            clusters,
            blocking,
            ..plan()
        };
        polling.push_str(&row(clusters as u64, &is(false)));
        blocking.push_str(&row(clusters as u64, &is(true)));
    }
    for dashboards in [5, 20, 50, 100, 200, 500] {
        let plan = Plan {
            clusters: 1,
            dashboards,
            ..plan()
        };
        crowded.push_str(&row(dashboards as u64, &plan));
    }
    vec![
        ("quotas", quotas::table()),
        ("polling", polling),
        ("blocking", blocking),
        ("crowded", crowded),
    ]
}

fn heading(first: &str) -> String {
    format!(
        "| {first} | requests a second, mean | busiest second | functions at work, most | instances | refused at {} | connections from a subnet to a Nomad server, most |\n|---:|---:|---:|---:|---:|---:|---:|\n",
        thousands(u64::from(CONCURRENCY))
    )
}

/// What is wanted, and what the account's usual concurrency makes of it.
fn row(first: u64, plan: &Plan) -> String {
    let wanted = simulation::run(plan);
    let bound = simulation::run(&Plan {
        concurrency: match plan.concurrency {
            0 => CONCURRENCY,
            set => set,
        },
        ..plan.clone()
    });
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} |",
        thousands(first),
        thousands(wanted.requests / plan.seconds.max(1)),
        thousands(wanted.busiest),
        thousands(u64::from(wanted.concurrency)),
        thousands(wanted.cold_starts),
        thousands(bound.refused),
        thousands(u64::from(wanted.connections)),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(name);
        std::fs::read_to_string(path).expect("a file of the repository")
    }

    #[test]
    fn the_page_shows_what_the_program_prints() {
        const PAGE: &str = "docs/scale.md";
        let mut page = file(PAGE);
        for (name, table) in tables() {
            let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
            let (before, rest) = page.split_once(&begin).expect("the table's place");
            let (old, after) = rest.split_once(&end).expect("the end of the table's place");
            if std::env::var_os("WRITE_DOCS").is_none() {
                assert_eq!(old, table, "WRITE_DOCS=1 writes it anew");
            }
            page = format!("{before}{begin}{table}{end}{after}");
        }
        if std::env::var_os("WRITE_DOCS").is_some() {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("..")
                .join(PAGE);
            std::fs::write(path, page).expect("written");
        }
    }

    #[test]
    fn a_stack_has_as_many_functions_and_roles_as_the_arithmetic_says() {
        let template = file("template.yaml");
        for resource in ["AWS::Serverless::Function", "AWS::IAM::Role"] {
            let line = format!("Type: {resource}");
            let count = template.lines().filter(|text| text.trim() == line).count();
            assert_eq!(count as u64, quotas::FUNCTIONS, "{resource}");
        }
        let lists = template
            .matches("!Ref ListConcurrency, !Ref AWS::NoValue")
            .count();
        assert_eq!(lists as u64, quotas::LISTS);
    }

    #[test]
    fn nobody_is_refused_while_there_is_room_and_somebody_when_there_is_not() {
        let plan = |concurrency| Plan {
            clusters: 10,
            concurrency,
            ..Plan::parse_from(["scale"])
        };
        let wanted = simulation::run(&plan(0));
        let enough = simulation::run(&plan(wanted.concurrency));
        assert_eq!((enough.refused, enough), (0, wanted));
        let less = simulation::run(&plan(wanted.concurrency - 1));
        assert!(less.refused > 0);
        assert_eq!(less.concurrency, wanted.concurrency - 1);
    }

    #[test]
    fn dashboards_that_block_hold_a_function_each() {
        let plan = |blocking| Plan {
            clusters: 3,
            blocking,
            ..Plan::parse_from(["scale"])
        };
        let (polling, blocking) = (simulation::run(&plan(false)), simulation::run(&plan(true)));
        assert!(blocking.concurrency >= 15);
        assert!(blocking.requests < polling.requests);
    }
}
