//! The tables, in both languages, and the places of docs/performance.md that they fill.

use std::fmt::Write;
use std::path::Path;

use crate::Outcome;
use crate::chart;
use crate::report::{
    ANY_JOB, Bound, CROWD, GATEWAY, GETS, Goal, Metric, NGINX, NOMAD, ONE_CALLER, PROXY, Report,
    Row, What, goals,
};

/// The largest answer of a function, in bytes. A compressed one travels as base64.
const LARGEST_ANSWER: f64 = 6e6;
/// Seconds that a request has.
const DEADLINE: f64 = 28.0;

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    const fn of<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// All tables, for a terminal.
pub(crate) fn all(report: &Report) -> String {
    let language = Language::English;
    let parts = [
        state(report, language),
        targets(report, language),
        routes(report, language),
        lists(report, language),
    ];
    parts.join("\n")
}

/// Writes the tables and charts into docs/.
pub(crate) fn write(report: &Report, docs: &Path) -> Outcome<()> {
    let kind = if report.nomad.is_some() {
        "real"
    } else {
        "memory"
    };
    for (file, language) in [
        ("performance.md", Language::English),
        ("performance.zh-CN.md", Language::Chinese),
    ] {
        let file = docs.join(file);
        let mut page = std::fs::read_to_string(&file)?;
        let picture = |name: &str, english, chinese| {
            format!(
                "\n![{}]({name}-{kind}.svg)\n",
                language.of(english, chinese)
            )
        };
        let bars = picture("routes", "Requests a second of each", "各方每秒请求数");
        let lines = picture(
            "growth",
            "How lists grow with the jobs",
            "列表随任务数增长的曲线",
        );
        let mut parts = vec![
            ("state", state(report, language)),
            ("routes", routes(report, language) + &bars),
            ("lists", lists(report, language) + &lines),
        ];
        // The goals are beside a real Nomad.
        if report.nomad.is_some() {
            parts.push(("goals", targets(report, language)));
        }
        for (part, text) in parts {
            page = filled(&page, &format!("{kind} {part}"), &text)?;
        }
        std::fs::write(&file, page)?;
    }
    std::fs::write(
        docs.join(format!("routes-{kind}.svg")),
        chart::routes(report)?,
    )?;
    std::fs::write(
        docs.join(format!("growth-{kind}.svg")),
        chart::growth(report)?,
    )?;
    Ok(())
}

/// The page with another text between the two marks of that name.
fn filled(page: &str, name: &str, text: &str) -> Outcome<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let missing = || format!("no place for {name} in the page");
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

/// When, what and where.
fn state(report: &Report, language: Language) -> String {
    let Report {
        machine,
        date,
        commit,
        ..
    } = report;
    let nomad = match &report.nomad {
        Some(release) => format!("Nomad {release}"),
        None => language
            .of("the in-memory Nomad", "内存中的 Nomad")
            .to_owned(),
    };
    match language {
        Language::English => {
            format!("Measured on {date} at commit `{commit}`, with {nomad}, on {machine}.\n")
        }
        Language::Chinese => format!("测于 {date}，提交 `{commit}`，{nomad}，{machine}。\n"),
    }
}

fn name(who: &str, language: Language) -> &str {
    match who {
        PROXY => language.of("bare proxy", "裸代理"),
        GATEWAY => language.of("gateway", "网关"),
        GETS => language.of(
            "that many GETs at Nomad, 8 at a time",
            "直接向 Nomad 逐个 GET，每次八个",
        ),
        ONE_CALLER => language.of("one caller", "一个调用方"),
        ANY_JOB => language.of("any job", "普通任务"),
        other => other,
    }
}

fn title(what: &What, language: Language) -> String {
    let list = |size: &usize, english: &str, chinese: &str| match language {
        Language::English => format!("list of {}, {english}", thousands(*size as f64)),
        Language::Chinese => format!("{} 个任务的列表，{chinese}", thousands(*size as f64)),
    };
    match what {
        What::Route(route) => route.clone(),
        What::First(size) => list(size, "first", "首次"),
        What::Repeated(size) => list(size, "repeated", "之后"),
        What::Zipped(size) => list(size, "gzip, repeated", "gzip，之后"),
        What::Crowd(size) => {
            let chinese = format!("{CROWD} 个调用方同时首次");
            list(size, &format!("first, {CROWD} callers at once"), &chinese)
        }
        What::Named(others) => match language {
            Language::English => format!(
                "GET of a job whose ID begins {} others",
                thousands(*others as f64)
            ),
            Language::Chinese => {
                format!(
                    "GET 一个任务，另有 {} 个任务的 ID 以它的 ID 开头",
                    thousands(*others as f64)
                )
            }
        },
    }
}

fn unit(metric: Metric, language: Language) -> &'static str {
    match metric {
        Metric::Throughput => language.of("requests/s", "每秒请求数"),
        Metric::P50 => language.of("p50 ms", "p50 毫秒"),
        Metric::P99 => language.of("p99 ms", "p99 毫秒"),
        Metric::Cpu => language.of("CPU µs", "CPU 微秒"),
        Metric::Bytes => language.of("bytes", "字节"),
        Metric::Memory => language.of("memory, bytes a job", "内存，每个任务的字节数"),
        Metric::Calls => language.of("calls to Nomad", "对 Nomad 的调用"),
    }
}

/// The unit of a goal: what is asked once has no median of its own.
fn unit_of(goal: &Goal, language: Language) -> &'static str {
    match (&goal.what, goal.metric) {
        (What::First(_) | What::Crowd(_), Metric::P50) => language.of("ms", "毫秒"),
        (_, metric) => unit(metric, language),
    }
}

fn line(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// A heading; so many columns of it stand to the left, the others to the right.
fn heading(out: &mut String, cells: &[String], left: usize) {
    line(out, cells);
    let align = (0..cells.len()).map(|column| if column < left { "---" } else { "---:" });
    let _ = writeln!(out, "|{}|", align.collect::<Vec<_>>().join("|"));
}

/// Every goal beside what was measured.
fn targets(report: &Report, language: Language) -> String {
    let mut out = String::new();
    let mut cells: Vec<String> = [
        language.of("", ""),
        language.of("connections", "连接数"),
        language.of("unit", "单位"),
    ]
    .map(str::to_owned)
    .to_vec();
    cells.extend(
        report
            .contenders()
            .iter()
            .map(|who| name(who, language).to_owned()),
    );
    cells.extend(
        [
            language.of("beside", "对照"),
            language.of("ratio", "比值"),
            language.of("goal", "目标"),
            language.of("met", "达到"),
        ]
        .map(str::to_owned),
    );
    heading(&mut out, &cells, 3);
    for goal in goals(report.sizes) {
        line(&mut out, &target(report, &goal, language));
    }
    out
}

fn target(report: &Report, goal: &Goal, language: Language) -> Vec<String> {
    let row = report.row(&goal.what, goal.connections);
    let median = |who: &str| row.map_or(f64::NAN, |row| row.median(who, goal.metric));
    let mut cells = vec![
        title(&goal.what, language),
        goal.connections.to_string(),
        unit_of(goal, language).to_owned(),
    ];
    cells.extend(report.contenders().iter().map(|who| number(median(who))));
    let value = match goal.beside {
        None => median(GATEWAY),
        Some(other) => row.map_or(f64::NAN, |row| row.ratio(GATEWAY, other, goal.metric)),
    };
    cells.push(match goal.beside {
        None => "–".to_owned(),
        Some(other @ (NOMAD | PROXY | NGINX)) => name(other, language).to_owned(),
        Some(other) => format!("{}: {}", name(other, language), number(median(other))),
    });
    cells.push(if goal.beside.is_some() {
        number(value)
    } else {
        "–".to_owned()
    });
    cells.push(match goal.bound {
        Bound::AtMost(bound) => format!("≤ {}", short(bound)),
        Bound::AtLeast(bound) => format!("≥ {}", short(bound)),
    });
    cells.push(
        match value {
            value if value.is_nan() => "–",
            value if goal.bound.holds(value) => language.of("yes", "是"),
            _ => language.of("**no**", "**否**"),
        }
        .to_owned(),
    );
    cells
}

/// The routes, each at its numbers of connections.
fn routes(report: &Report, language: Language) -> String {
    let contenders = report.contenders();
    let names: Vec<&str> = contenders.iter().map(|who| name(who, language)).collect();
    let names = names.join(language.of(", ", "、"));
    let mut out = String::new();
    let cells = [
        language.of("route", "路由").to_owned(),
        language.of("connections", "连接数").to_owned(),
        format!("{}: {names}", unit(Metric::Throughput, language)),
        format!("{}: {names}", unit(Metric::P50, language)),
        format!(
            "{}: {}",
            unit(Metric::P99, language),
            name(GATEWAY, language)
        ),
        format!(
            "{}: {}, {}",
            unit(Metric::Cpu, language),
            name(PROXY, language),
            name(GATEWAY, language)
        ),
        language.of("p50 ÷ proxy", "p50 ÷ 代理").to_owned(),
        language.of("CPU ÷ proxy", "CPU ÷ 代理").to_owned(),
    ];
    heading(&mut out, &cells, 1);
    let is_route = |row: &&Row| matches!(row.what, What::Route(_) | What::Named(_));
    for row in report.rows.iter().filter(is_route) {
        let each = |metric| {
            let values = contenders.iter().map(|who| number(row.median(who, metric)));
            values.collect::<Vec<_>>().join(", ")
        };
        line(
            &mut out,
            &[
                title(&row.what, language),
                row.connections.to_string(),
                each(Metric::Throughput),
                each(Metric::P50),
                number(row.median(GATEWAY, Metric::P99)),
                format!(
                    "{}, {}",
                    number(row.median(PROXY, Metric::Cpu)),
                    number(row.median(GATEWAY, Metric::Cpu))
                ),
                number(row.ratio(GATEWAY, PROXY, Metric::P50)),
                number(row.ratio(GATEWAY, PROXY, Metric::Cpu)),
            ],
        );
    }
    out
}

/// Lists as the cluster grows, and how many jobs fit one answer of a function.
fn lists(report: &Report, language: Language) -> String {
    let sizes = report.list_sizes();
    if sizes.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    let cells = [
        language.of("jobs", "任务数"),
        language.of("Nomad's own list, ms", "Nomad 自己的列表，毫秒"),
        language.of("first, ms", "首次，毫秒"),
        language.of("÷ GETs", "÷ 逐个 GET"),
        language.of("calls to Nomad", "对 Nomad 的调用"),
        language.of("repeated, ms", "之后，毫秒"),
        language.of("÷ Nomad's own", "÷ Nomad 自己的"),
        language.of("calls to Nomad", "对 Nomad 的调用"),
        language.of("gzip, repeated, ms", "gzip，之后，毫秒"),
        language.of("memory after the first, MB", "首次之后的内存，MB"),
        language.of("after all, MB", "全部之后，MB"),
        language.of("list, kB", "列表，kB"),
        language.of("gzip, kB", "gzip，kB"),
    ];
    heading(&mut out, &cells.map(str::to_owned), 0);
    let of = |what: What, who: &str, metric| {
        let row = report.row(&what, 1);
        row.map_or(f64::NAN, |row| row.median(who, metric))
    };
    let ratio = |what: What, other: &str| {
        let row = report.row(&what, 1);
        row.map_or(f64::NAN, |row| row.ratio(GATEWAY, other, Metric::P50))
    };
    for &size in &sizes {
        let (first, repeated, zipped) =
            (What::First(size), What::Repeated(size), What::Zipped(size));
        let megabytes = |what| of(what, GATEWAY, Metric::Memory) * size as f64 / 1e6;
        let figures = [
            of(repeated.clone(), NOMAD, Metric::P50),
            of(first.clone(), GATEWAY, Metric::P50),
            ratio(first.clone(), GETS),
            of(first.clone(), GATEWAY, Metric::Calls),
            of(repeated.clone(), GATEWAY, Metric::P50),
            ratio(repeated.clone(), NOMAD),
            of(repeated.clone(), GATEWAY, Metric::Calls),
            of(zipped.clone(), GATEWAY, Metric::P50),
            megabytes(first),
            megabytes(zipped.clone()),
            of(repeated, GATEWAY, Metric::Bytes) / 1e3,
            of(zipped, GATEWAY, Metric::Bytes) / 1e3,
        ];
        let mut cells = vec![thousands(size as f64)];
        cells.extend(figures.map(number));
        line(&mut out, &cells);
    }
    if let Some(&size) = sizes.last() {
        let a_job = |what| of(what, GATEWAY, Metric::Bytes) / size as f64;
        let (plain, zipped) = (a_job(What::Repeated(size)), a_job(What::Zipped(size)));
        let first = of(What::First(size), GATEWAY, Metric::P50) / 1e3;
        out.push_str(&limits(size as f64, plain, zipped, first, language));
    }
    out
}

/// Where lists end: how many jobs fit an answer, and when a first list takes too long.
/// `plain` and `zipped` are bytes of the list for each job, `first` the seconds that the
/// first list of so many jobs takes.
fn limits(size: f64, plain: f64, zipped: f64, first: f64, language: Language) -> String {
    let carried = zipped * 4.0 / 3.0;
    let fit = hundreds(LARGEST_ANSWER / carried);
    let late = hundreds(size * DEADLINE / first);
    // A function has a third of a core and four connections.
    let split = thousands(late_or_full(late / 4.0, fit));
    let (size, fit, late) = (thousands(size), thousands(fit), thousands(late));
    let [plain, zipped, carried, first] = [plain, zipped, carried, first].map(number);
    match language {
        Language::English => format!(
            "\nAt {size} jobs a job takes {plain} bytes of the list, {zipped} with gzip and {carried} once that is base64: {fit} of these jobs fit the 6 MB of a function's answer. The first list takes {first} s; at this rate {late} jobs take the {DEADLINE} s that a request has. A function has a third of a core and four connections to Nomad, so take a quarter of that there. **On Lambda, split a cluster before it has {split} jobs like these**, or ask for parts of the list with `?prefix=`. On one machine only the time counts.\n"
        ),
        Language::Chinese => format!(
            "\n{size} 个任务时，每个任务占列表 {plain} 字节，gzip 后 {zipped} 字节，再经 base64 为 {carried} 字节：函数 6 MB 的响应能容纳 {fit} 个这样的任务。首次列表用 {first} 秒；照此推算，{late} 个任务会用完一个请求的 {DEADLINE} 秒。函数只有三分之一个核和四个到 Nomad 的连接，所以取其四分之一。**在 Lambda 上，这样的任务达到 {split} 个之前应拆分集群**，或用 `?prefix=` 分段请求列表。在单机上只受时间限制。\n"
        ),
    }
}

/// The smaller one, to the thousand below where it is that large.
fn late_or_full(late: f64, full: f64) -> f64 {
    let least = late.min(full);
    match least >= 1e3 {
        true => (least / 1e3).floor() * 1e3,
        false => least,
    }
}

/// To the hundred below.
fn hundreds(value: f64) -> f64 {
    (value / 100.0).floor() * 100.0
}

/// A bound as it is set.
fn short(value: f64) -> String {
    if value >= 1_000.0 {
        thousands(value)
    } else {
        value.to_string()
    }
}

fn number(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value >= 100.0 => thousands(value),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
