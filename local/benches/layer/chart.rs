//! The figures as pictures.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::{GATEWAY, GETS, Metric, NOMAD, PROXY, Report, What};

/// Of all panels, in pixels.
const SIZE: (u32, u32) = (1_200, 360);

/// What the drawing can fail with.
type Failed = DrawingAreaErrorKind<std::io::Error>;

const RED: RGBColor = RGBColor(192, 57, 43);
const BLUE: RGBColor = RGBColor(36, 113, 163);
const GREEN: RGBColor = RGBColor(30, 132, 73);
const YELLOW: RGBColor = RGBColor(183, 149, 11);
const GREY: RGBColor = RGBColor(127, 140, 141);
const VIOLET: RGBColor = RGBColor(125, 60, 152);

/// In the order of the report's contenders.
const CONTENDERS: [RGBColor; 6] = [GREY, YELLOW, BLUE, GREEN, VIOLET, RED];

struct Line {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// How lists grow with the cluster: four panels, both axes logarithmic, so that a
/// straight line at 45° is linear growth.
///
/// # Errors
/// None in practice: the drawing is a text in memory.
pub(crate) fn growth(report: &Report) -> Result<String, String> {
    let line =
        |name, colour, what: fn(usize) -> What, who: &str, metric, unit: fn(f64, f64) -> f64| {
            Line {
                name,
                colour,
                points: report
                    .list_sizes()
                    .into_iter()
                    .filter_map(|size| {
                        let value = report.row(&what(size), 1)?.median(who, metric);
                        let jobs = size as f64;
                        (value > 0.0).then(|| (jobs, unit(value, jobs)))
                    })
                    .collect(),
            }
        };
    let same = |value, _| value;
    let megabytes = |value, jobs| value * jobs / 1e6;
    let panels = [
        (
            "List of jobs",
            "ms",
            vec![
                line("first", RED, What::First, GATEWAY, Metric::P50, same),
                line("GETs at Nomad", GREY, What::First, GETS, Metric::P50, same),
                line(
                    "Nomad's own list",
                    YELLOW,
                    What::Repeated,
                    NOMAD,
                    Metric::P50,
                    same,
                ),
                line("repeated", BLUE, What::Repeated, GATEWAY, Metric::P50, same),
                line(
                    "repeated, gzip",
                    GREEN,
                    What::Zipped,
                    GATEWAY,
                    Metric::P50,
                    same,
                ),
            ],
        ),
        (
            "Calls to Nomad for a list",
            "calls",
            vec![
                line("first", RED, What::First, GATEWAY, Metric::Calls, same),
                line(
                    "repeated",
                    BLUE,
                    What::Repeated,
                    GATEWAY,
                    Metric::Calls,
                    same,
                ),
            ],
        ),
        (
            "Memory over the start",
            "MB",
            vec![
                line(
                    "after the first",
                    RED,
                    What::First,
                    GATEWAY,
                    Metric::Memory,
                    megabytes,
                ),
                line(
                    "after all",
                    BLUE,
                    What::Zipped,
                    GATEWAY,
                    Metric::Memory,
                    megabytes,
                ),
            ],
        ),
        (
            "Size of the list",
            "MB",
            vec![
                line(
                    "plain",
                    RED,
                    What::Repeated,
                    GATEWAY,
                    Metric::Bytes,
                    |bytes, _| bytes / 1e6,
                ),
                line(
                    "gzip",
                    GREEN,
                    What::Zipped,
                    GATEWAY,
                    Metric::Bytes,
                    |bytes, _| bytes / 1e6,
                ),
            ],
        ),
    ];
    drawn(|whole| {
        let areas = whole.split_evenly((1, panels.len()));
        for (area, (title, up, lines)) in areas.iter().zip(&panels) {
            lines_in(area, title, up, lines)?;
        }
        Ok(())
    })
}

/// How many requests a second each contender answers, with eight connections.
///
/// # Errors
/// As [`growth`].
pub(crate) fn routes(report: &Report) -> Result<String, String> {
    let contenders = report.contenders();
    let routes: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| match &row.what {
            What::Route(name) if row.connections == 8 => Some((name.as_str(), row)),
            _ => None,
        })
        .collect();
    let most = routes
        .iter()
        .flat_map(|(_, row)| {
            contenders
                .iter()
                .map(|who| row.median(who, Metric::Throughput))
        })
        .fold(1.0, f64::max);
    drawn(|whole| {
        let mut chart = ChartBuilder::on(whole)
            .caption("Requests a second, 8 connections", ("sans-serif", 14))
            .margin(12)
            .x_label_area_size(20)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..routes.len().max(1) as f64, 0.0..most * 1.15)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .light_line_style(WHITE)
            .draw()?;
        let width = 0.8 / contenders.len() as f64;
        for (position, who) in contenders.iter().enumerate() {
            let colour = CONTENDERS[position % CONTENDERS.len()];
            let bars = routes.iter().enumerate().filter_map(|(place, (_, row))| {
                let value = row.median(who, Metric::Throughput);
                let left = place as f64 + 0.1 + position as f64 * width;
                let corners = [(left, 0.0), (left + width * 0.9, value)];
                (!value.is_nan()).then(|| Rectangle::new(corners, colour.filled()))
            });
            chart
                .draw_series(bars)?
                .label(if *who == PROXY { "bare proxy" } else { *who })
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled())
                });
        }
        let names = routes.iter().enumerate().map(|(place, (name, _))| {
            // Down to the axis: 10 pixels below it.
            EmptyElement::at((place as f64 + 0.1, 0.0))
                + Text::new((*name).to_owned(), (0, 6), ("sans-serif", 10))
        });
        chart.draw_series(names)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .draw()
    })
}

fn drawn(
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failed>,
) -> Result<String, String> {
    let mut out = String::new();
    {
        let whole = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        whole.fill(&WHITE).map_err(|error| error.to_string())?;
        draw(&whole).map_err(|error| error.to_string())?;
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

fn lines_in(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
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
        .x_desc("jobs")
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
