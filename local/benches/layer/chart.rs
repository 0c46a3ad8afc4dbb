//! Growth as a picture: three panels, both axes logarithmic, so that a straight
//! line at 45° is linear growth.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::{Point, median};

/// Of all panels, in pixels.
const SIZE: (u32, u32) = (1_200, 340);

/// What the drawing can fail with.
type Failed = DrawingAreaErrorKind<std::io::Error>;

struct Line {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

const FIRST: RGBColor = RGBColor(192, 57, 43);
const REPEATED: RGBColor = RGBColor(36, 113, 163);
const PROXY: RGBColor = RGBColor(183, 149, 11);
const GETS: RGBColor = RGBColor(127, 140, 141);

/// The chart.
///
/// # Errors
/// None in practice: the drawing is a text in memory.
pub(crate) fn svg(growth: &[Point]) -> Result<String, String> {
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
                line("first", FIRST, jobs, |p| p.first * 1e3),
                line("GETs, 8 at a time", GETS, jobs, |p| p.gets * 1e3),
                line("repeated", REPEATED, jobs, |p| p.repeated * 1e3),
                line("bare proxy", PROXY, jobs, |p| p.proxy * 1e3),
            ],
        ),
        (
            "Statistics of all tasks, 8 at a time",
            "tasks",
            "ms",
            vec![
                line("first", FIRST, tasks, |p| p.statistics_first * 1e3),
                line("repeated", REPEATED, tasks, |p| p.statistics_repeated * 1e3),
            ],
        ),
        (
            "Memory for jobs remembered",
            "jobs",
            "MB",
            vec![line("gateway", REPEATED, jobs, |p| {
                p.memory as f64 / f64::from(1 << 20)
            })],
        ),
    ];
    let mut out = String::new();
    {
        let whole = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        whole.fill(&WHITE).map_err(|error| error.to_string())?;
        let areas = whole.split_evenly((1, panels.len()));
        for (area, (title, across, up, lines)) in areas.iter().zip(&panels) {
            panel(area, title, across, up, lines).map_err(|error| error.to_string())?;
        }
        whole.present().map_err(|error| error.to_string())?;
    }
    Ok(out)
}

/// The powers of ten around all values of an axis.
fn decades(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return 1.0..10.0;
    }
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    10_f64.powf(low)..10_f64.powf(high.max(low + 1.0))
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    across: &str,
    up: &str,
    lines: &[Line],
) -> Result<(), Failed> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let x = decades(all().map(|(x, _)| *x)).log_scale();
    let y = decades(all().map(|(_, y)| *y)).log_scale();
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 14))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(across)
        .y_desc(up)
        .light_line_style(WHITE)
        .draw()?;
    for Line {
        name,
        colour,
        points,
    } in lines
    {
        let series = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(series.point_size(3))?
            .label(*name)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
}
