//! Axes, lines and marks of a chart as inline SVG; colours and fonts are the page's style sheet.

use std::fmt::Write as _;

/// Size of a chart with its labels, in units that a phone shows as about one pixel.
pub const SIZE: [f64; 2] = [360.0, 250.0];
/// Height of a line of text.
const LINE: f64 = 12.0;
/// Width of a character, on average.
const CHAR: f64 = 6.1;

/// From values to places.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Scale {
    /// Values `low` to `high`, extended a little and to something that can be shown.
    fn new([low, high]: [f64; 2], log: bool, [from, to]: [f64; 2]) -> Scale {
        let (low, high) = match log {
            true => (low.max(1e-9), high.max(low.max(1e-9) * 1.5)),
            false => (low, high.max(low + 1e-9)),
        };
        Scale {
            low,
            high,
            log,
            from,
            to,
        }
    }

    /// A linear scale.
    pub fn linear(range: [f64; 2], places: [f64; 2]) -> Scale {
        Scale::new(range, false, places)
    }

    /// Place of a value; values outside stay at the edge.
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.log {
            true => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values, about five.
    pub fn ticks(&self) -> Vec<f64> {
        let inside =
            |v: &f64| (self.low * (1.0 - 1e-9)..=self.high + 1e-9).contains(v) || *v == 0.0;
        if self.log {
            let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
            let steps = |of: &'static [f64]| {
                let decades = decades.clone();
                let all = decades.flat_map(move |d| of.iter().map(move |s| s * 10f64.powi(d)));
                all.filter(inside).collect::<Vec<f64>>()
            };
            let fine = steps(&[1.0, 2.0, 5.0]);
            let coarse = steps(&[1.0]);
            if fine.len() >= 3 {
                return if fine.len() > 7 { coarse } else { fine };
            }
        }
        let raw = (self.high - self.low) / 5.0;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|s| s * power)
            .into_iter()
            .find(|s| *s >= raw)
            .unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }
}

/// A number as short as can be.
pub fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v == 0.0 || v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    };
    text.replace('-', "\u{2212}")
}

/// What an axis shows.
pub struct Axis<'a> {
    /// Title with unit.
    pub title: &'a str,
    /// Least and largest value.
    pub range: [f64; 2],
    /// Whether equal ratios have equal lengths.
    pub log: bool,
    /// Marked values; none: round ones.
    pub ticks: Option<Vec<f64>>,
}

impl<'a> Axis<'a> {
    /// A linear axis.
    pub fn linear(title: &'a str, range: [f64; 2]) -> Axis<'a> {
        Axis {
            title,
            range,
            log: false,
            ticks: None,
        }
    }

    /// A logarithmic axis.
    pub fn log(title: &'a str, range: [f64; 2]) -> Axis<'a> {
        Axis {
            log: true,
            ..Axis::linear(title, range)
        }
    }

    /// The same with these values marked.
    pub fn with_ticks(self, ticks: Vec<f64>) -> Axis<'a> {
        Axis {
            ticks: Some(ticks),
            ..self
        }
    }
}

/// A box that text must not cover: left, top, right, bottom.
type Area = [f64; 4];

fn overlap(a: &Area, b: &Area) -> f64 {
    let side = |low: usize, high: usize| (a[high].min(b[high]) - a[low].max(b[low])).max(0.0);
    side(0, 2) * side(1, 3)
}

/// A chart with two axes.
pub struct Chart {
    svg: String,
    /// Horizontal scale.
    pub x: Scale,
    /// Vertical scale.
    pub y: Scale,
    plot: Area,
    taken: Vec<Area>,
}

impl Chart {
    /// Draws the axes. `right` units are left free for labels at the ends of lines.
    pub fn new(name: &str, x: Axis, y: Axis, right: f64) -> Chart {
        let [width, height] = SIZE;
        let plot = [50.0, 10.0, width - right.max(10.0), height - 38.0];
        let mut chart = Chart {
            svg: format!(
                "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
                escape(name)
            ),
            x: Scale::new(x.range, x.log, [plot[0], plot[2]]),
            y: Scale::new(y.range, y.log, [plot[3], plot[1]]),
            plot,
            taken: vec![],
        };
        let (scale_x, scale_y) = (chart.x, chart.y);
        for tick in y.ticks.unwrap_or_else(|| scale_y.ticks()) {
            let at = scale_y.at(tick);
            chart.segment("rule", [plot[0], at], [plot[2], at]);
            chart.put("tick end", [plot[0] - 5.0, at + 4.0], &short(tick));
        }
        for tick in x.ticks.unwrap_or_else(|| scale_x.ticks()) {
            let at = scale_x.at(tick);
            chart.segment("rule", [at, plot[3]], [at, plot[3] + 4.0]);
            chart.put("tick middle", [at, plot[3] + 16.0], &short(tick));
        }
        chart.segment("axis", [plot[0], plot[3]], [plot[2], plot[3]]);
        chart.put(
            "name middle",
            [(plot[0] + plot[2]) / 2.0, height - 5.0],
            x.title,
        );
        let _ = write!(
            chart.svg,
            "<text class=\"name middle\" transform=\"translate(11 {:.1}) rotate(-90)\">{}</text>",
            (plot[1] + plot[3]) / 2.0,
            escape(y.title)
        );
        chart
    }

    fn segment(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ = write!(
            self.svg,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    fn put(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        let _ = write!(
            self.svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escape(text)
        );
    }

    /// A horizontal band between two values.
    pub fn band(&mut self, class: &str, [low, high]: [f64; 2]) {
        let (top, bottom) = (self.y.at(high), self.y.at(low));
        let [left, _, right, _] = self.plot;
        let _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            right - left,
            bottom - top
        );
    }

    /// A line all across at a value.
    pub fn level(&mut self, class: &str, value: f64) {
        let (at, [left, _, right, _]) = (self.y.at(value), self.plot);
        self.segment(class, [left, at], [right, at]);
    }

    /// A line through points.
    pub fn line(&mut self, class: &str, points: &[[f64; 2]]) {
        let mut path = String::new();
        for (i, [x, y]) in points.iter().enumerate() {
            let (x, y) = (self.x.at(*x), self.y.at(*y));
            let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
        let _ = write!(self.svg, "<path class=\"line {class}\" d=\"{path}\"/>");
    }

    /// A mark of the shape that goes with the class, with a title for who points at it; `spread` is a range around the value.
    pub fn mark(&mut self, class: &str, [x, y]: [f64; 2], spread: Option<f64>, title: &str) {
        let (cx, cy) = (self.x.at(x), self.y.at(y));
        if let Some(half) = spread {
            let (top, bottom) = (self.y.at(y + half), self.y.at(y - half));
            self.segment(&format!("whisker {class}"), [cx, top], [cx, bottom]);
            self.taken.push([cx - 2.0, top, cx + 2.0, bottom]);
        }
        self.taken.push([cx - 6.0, cy - 6.0, cx + 6.0, cy + 6.0]);
        self.svg += &shape(class, [cx, cy], title);
    }

    /// A label near a point, where it covers least.
    pub fn label(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        let (cx, cy) = (self.x.at(x), self.y.at(y));
        let wide = CHAR * text.chars().count() as f64;
        let [left, top, right, bottom] = self.plot;
        let area = |dx: f64, dy: f64| {
            let from = cx
                + if dx < 0.0 {
                    dx - wide
                } else if dx > 0.0 {
                    dx
                } else {
                    -wide / 2.0
                };
            [
                from,
                cy + dy - LINE / 2.0,
                from + wide,
                cy + dy + LINE / 2.0,
            ]
        };
        let places = [0.0f64, 12.0, -12.0, 24.0, -24.0, 36.0, -36.0, 48.0, -48.0];
        let places = places
            .into_iter()
            .flat_map(|dy| [(9.0, dy), (-9.0, dy), (0.0, dy)])
            .filter(|(dx, dy)| *dx != 0.0 || dy.abs() >= 12.0);
        let cost = |(order, (dx, dy)): (usize, (f64, f64))| {
            let own = area(dx, dy);
            let covered: f64 = self.taken.iter().map(|t| overlap(&own, t)).sum();
            let outside = (left - own[0]).max(0.0)
                + (own[2] - right.max(SIZE[0] - 8.0)).max(0.0)
                + (top - 8.0 - own[1]).max(0.0)
                + (own[3] - bottom).max(0.0);
            (covered + 40.0 * outside + 4.0 * order as f64, own)
        };
        let best = places.enumerate().map(cost);
        let best = best
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("some place")
            .1;
        self.taken.push(best);
        self.put(&format!("label {class}"), [best[0], best[3] - 2.5], text);
    }

    /// Labels at the right ends of lines, moved apart.
    pub fn ends(&mut self, mut ends: Vec<(String, f64, String)>) {
        ends.sort_by(|a, b| self.y.at(a.1).total_cmp(&self.y.at(b.1)));
        let mut places: Vec<f64> = ends.iter().map(|e| self.y.at(e.1)).collect();
        for i in 1..places.len() {
            places[i] = places[i].max(places[i - 1] + LINE);
        }
        let over = places
            .last()
            .map_or(0.0, |last| (last - self.plot[3]).max(0.0));
        places.iter_mut().for_each(|p| *p -= over);
        for i in (1..places.len()).rev() {
            places[i - 1] = places[i - 1].min(places[i] - LINE);
        }
        let right = self.plot[2] + 9.0;
        for ((class, _, text), place) in ends.iter().zip(places) {
            self.put(&format!("label {class}"), [right, place + 4.0], text);
        }
    }

    /// The drawing.
    pub fn finish(self) -> String {
        self.svg + "</svg>"
    }
}

/// Opens a drawing without axes, as wide as a chart.
pub fn open(height: f64, name: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"{name}\">",
        SIZE[0]
    )
}

/// A mark: its shape tells the classes apart where there are no colours.
pub fn shape(class: &str, [x, y]: [f64; 2], title: &str) -> String {
    let r = 4.5;
    let polygon = |points: &[[f64; 2]]| {
        let mut text = String::new();
        for [dx, dy] in points {
            let _ = write!(text, "{:.1},{:.1} ", x + dx * r, y + dy * r);
        }
        format!("<polygon points=\"{}\"", text.trim_end())
    };
    let body = match class.split(' ').next().unwrap_or_default() {
        "zero" => polygon(&[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]),
        "elements" => polygon(&[[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]]),
        "sign" => polygon(&[[0.0, -1.2], [1.2, 1.0], [-1.2, 1.0]]),
        "step" => polygon(&[[0.0, 1.2], [1.2, -1.0], [-1.2, -1.0]]),
        "fine" => polygon(&[
            [-0.6, -1.1],
            [0.6, -1.1],
            [1.2, 0.0],
            [0.6, 1.1],
            [-0.6, 1.1],
            [-1.2, 0.0],
        ]),
        "adaptive" => polygon(&[
            [-0.4, -1.2],
            [0.4, -1.2],
            [0.4, -0.4],
            [1.2, -0.4],
            [1.2, 0.4],
            [0.4, 0.4],
            [0.4, 1.2],
            [-0.4, 1.2],
            [-0.4, 0.4],
            [-1.2, 0.4],
            [-1.2, -0.4],
            [-0.4, -0.4],
        ]),
        "delta" => polygon(&[[-1.2, 0.0], [1.0, -1.2], [1.0, 1.2]]),
        "crtc" => polygon(&[[1.2, 0.0], [-1.0, -1.2], [-1.0, 1.2]]),
        "acrtc" => polygon(&[
            [0.0, -1.4],
            [0.4, -0.4],
            [1.4, 0.0],
            [0.4, 0.4],
            [0.0, 1.4],
            [-0.4, 0.4],
            [-1.4, 0.0],
            [-0.4, -0.4],
        ]),
        _ => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\""),
    };
    let tag = if body.starts_with("<circle") {
        "circle"
    } else {
        "polygon"
    };
    format!(
        "{body} class=\"mark {class}\"><title>{}</title></{tag}>",
        escape(title)
    )
}

/// Text as XML wants it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = |range, log| Scale::new(range, log, [0.0, 100.0]).ticks();
        assert_eq!(ticks([0.0, 10.0], false), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks([1.0, 5.0], true), [1.0, 2.0, 5.0]);
        assert_eq!(ticks([-1.2, 1.1], false), [-1.0, -0.5, 0.0, 0.5, 1.0]);
    }

    #[test]
    fn values_find_their_place() {
        let scale = Scale::new([1.0, 100.0], true, [0.0, 200.0]);
        assert_eq!(
            [1.0, 10.0, 100.0, 1e6].map(|v| scale.at(v).round()),
            [0.0, 100.0, 200.0, 200.0]
        );
        assert_eq!(
            [0.25, 12.0, -3.5, 0.0].map(short),
            ["0.25", "12", "\u{2212}3.5", "0"]
        );
    }

    #[test]
    fn labels_keep_clear_of_each_other() {
        let axis = || Axis::linear("x", [0.0, 1.0]);
        let mut chart = Chart::new("test", axis(), axis(), 10.0);
        for _ in 0..4 {
            chart.label("grid", [0.5, 0.5], "a label");
        }
        for (i, a) in chart.taken.iter().enumerate() {
            for b in &chart.taken[i + 1..] {
                assert_eq!(overlap(a, b), 0.0, "{a:?} {b:?}");
            }
        }
    }
}
