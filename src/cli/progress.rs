//! Progress on standard error: a bar on a terminal, now and then a plain line elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between plain lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Progress of one piece of work of known size.
pub struct Progress {
    bar: Option<ProgressBar>,
    unit: &'static str,
    total: u64,
    start: Instant,
    last_line: Instant,
}

impl Progress {
    /// Starts counting `total` steps of `unit` (plural).
    pub fn new(total: u64, unit: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let template =
                format!("{{msg}} {{bar:30}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left");
            let style = ProgressStyle::with_template(&template).expect("a legal template");
            ProgressBar::new(total).with_style(style)
        });
        let now = Instant::now();
        Progress {
            bar,
            unit,
            total,
            start: now,
            last_line: now,
        }
    }

    /// So many steps are done; `message` says what they are.
    pub fn set(&mut self, done: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_string());
            bar.set_position(done);
        } else if self.last_line.elapsed() >= INTERVAL {
            self.last_line = Instant::now();
            eprintln!(
                "{}",
                self.line(done, message, self.start.elapsed().as_secs_f64())
            );
        }
    }

    fn line(&self, done: u64, message: &str, seconds: f64) -> String {
        let rate = done as f64 / seconds;
        let left = (self.total - done) as f64 / rate;
        format!(
            "{message}: {done}/{} {}, {rate:.1} per second, {left:.0} s left",
            self.total, self.unit
        )
    }

    /// Prints a line of results to standard output without tearing the bar.
    pub fn println(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_tell_rate_and_time_left() {
        let progress = Progress::new(100, "images");
        assert_eq!(
            progress.line(20, "epoch 1", 4.0),
            "epoch 1: 20/100 images, 5.0 per second, 16 s left"
        );
    }
}
