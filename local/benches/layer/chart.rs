//! Growth as a picture: three panels, both axes logarithmic, so that a straight
//! line at 45° is linear growth.

use std::fmt::Write;

use crate::report::{Point, median};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
/// Room around a panel for its words.
const LEFT: f64 = 60.0;
const TOP: f64 = 50.0;
const STEP: f64 = WIDTH + LEFT + 40.0;

struct Line {
    name: &'static str,
    colour: &'static str,
    points: Vec<(f64, f64)>,
}

/// The chart.
pub(crate) fn svg(growth: &[Point]) -> String {
    let line = |name, colour, x: fn(&Point) -> f64, y: fn(&Point) -> f64| Line {
        name,
        colour,
        points: growth
            .chunk_by(|a, b| a.jobs == b.jobs)
            .map(|points| (median(points.iter().map(x)), median(points.iter().map(y))))
            .filter(|(x, y)| *x > 0.0 && *y > 0.0)
            .collect(),
    };
    let jobs = |point: &Point| point.jobs as f64;
    let tasks = |point: &Point| point.tasks as f64;
    let panels = [
        (
            "List of jobs",
            "jobs",
            "ms",
            vec![
                line("first", "#c0392b", jobs, |p| p.first * 1e3),
                line("GETs, 8 at a time", "#7f8c8d", jobs, |p| p.gets * 1e3),
                line("repeated", "#2471a3", jobs, |p| p.repeated * 1e3),
                line("bare proxy", "#b7950b", jobs, |p| p.proxy * 1e3),
            ],
        ),
        (
            "Statistics of all tasks, 8 at a time",
            "tasks",
            "ms",
            vec![
                line("first", "#c0392b", tasks, |p| p.statistics_first * 1e3),
                line("repeated", "#2471a3", tasks, |p| {
                    p.statistics_repeated * 1e3
                }),
            ],
        ),
        (
            "Memory for jobs remembered",
            "jobs",
            "MB",
            vec![line("gateway", "#2471a3", jobs, |p| {
                p.memory as f64 / f64::from(1 << 20)
            })],
        ),
    ];
    let width = STEP * panels.len() as f64 + 20.0;
    let height = HEIGHT + TOP + 60.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (position, (title, across, up, lines)) in panels.iter().enumerate() {
        let left = LEFT + STEP * position as f64;
        panel(&mut out, left, title, across, up, lines);
    }
    out.push_str("</svg>\n");
    out
}

/// The powers of ten around all values of an axis.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return (0, 1);
    }
    let (low, high) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    (low, high.max(low + 1))
}

fn panel(out: &mut String, left: f64, title: &str, across: &str, up: &str, lines: &[Line]) {
    let all = || lines.iter().flat_map(|line| &line.points);
    let (x_low, x_high) = decades(all().map(|(x, _)| *x));
    let (y_low, y_high) = decades(all().map(|(_, y)| *y));
    let place =
        |value: f64, low: i32, high: i32| (value.log10() - f64::from(low)) / f64::from(high - low);
    let x = |value: f64| left + WIDTH * place(value, x_low, x_high);
    let y = |value: f64| TOP + HEIGHT * (1.0 - place(value, y_low, y_high));
    let bottom = TOP + HEIGHT;
    let right = left + WIDTH;
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"24\" font-weight=\"bold\">{title}</text>\n<text x=\"{left}\" y=\"42\" fill=\"#555\">{up}</text>\n<text x=\"{right}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#555\">{across}</text>",
        bottom + 36.0
    );
    for decade in x_low..=x_high {
        let value = 10_f64.powi(decade);
        let at = x(value);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{value}</text>",
            bottom + 18.0
        );
    }
    for decade in y_low..=y_high {
        let value = 10_f64.powi(decade);
        let at = y(value);
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            left - 6.0,
            at + 4.0
        );
    }
    for (position, line) in lines.iter().enumerate() {
        let Line { name, colour, .. } = line;
        let path: Vec<String> = line
            .points
            .iter()
            .map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (px, py) in &line.points {
            let (px, py) = (x(*px), y(*py));
            let _ = writeln!(
                out,
                "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
        let at = TOP + 16.0 + 16.0 * position as f64;
        let _ = writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{at}\" fill=\"{colour}\">{name}</text>",
            left + 8.0
        );
    }
}
