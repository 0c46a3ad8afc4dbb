//! What the operator sees: lines that stay, and a bar for each destination.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::journal::Step;
use super::plan::{Action, Plan};

/// Where lines and bars go.
#[derive(Debug, Default)]
pub struct Output {
    bars: MultiProgress,
    kept: Option<Mutex<Vec<String>>>,
}

/// The bar of a unit; it vanishes with this.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Output {
    /// To standard output, with bars on a terminal.
    #[must_use]
    pub fn terminal() -> Self {
        Self::default()
    }

    /// To memory.
    #[must_use]
    pub fn kept() -> Self {
        let bars = MultiProgress::new();
        bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        Self {
            bars,
            kept: Some(Mutex::default()),
        }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        match &self.kept {
            Some(kept) => kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text.to_owned()),
            // That nobody reads it any more is no reason to stop half way.
            None => self.bars.suspend(|| {
                let _ = writeln!(std::io::stdout(), "{text}");
            }),
        }
    }

    /// All lines so far, of an output to memory.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let kept = self.kept.as_ref();
        kept.map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// A bar of so many steps.
    #[must_use]
    pub fn bar(&self, name: &str, steps: usize) -> Bar {
        let style = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self
            .bars
            .add(ProgressBar::new(steps as u64).with_style(style));
        bar.set_prefix(name.to_owned());
        Bar(bar)
    }
}

impl Bar {
    /// What is going on.
    pub fn says(&self, text: String) {
        self.0.set_message(text);
    }

    /// One step more is done.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Plan {
    /// As a JSON text.
    #[must_use]
    pub fn json(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        format!("{value:#}")
    }

    /// As lines for a reader.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("from {} to {}", self.from, self.to)];
        for (position, unit) in self.units.iter().enumerate() {
            let state = match (unit.step, unit.refused.is_empty()) {
                (Some(Step::Moved), _) => "moved already".to_owned(),
                (Some(step), _) => format!("begun ({step:?}): to be taken up there"),
                (None, true) => "to be moved".to_owned(),
                (None, false) => "NOT to be moved".to_owned(),
            };
            lines.push(format!(
                "{}. {}: {} jobs, {state}",
                position + 1,
                unit.destinations.join(" and "),
                unit.jobs.len()
            ));
            for job in &unit.jobs {
                let action = match job.action {
                    Action::Move => "goes on there",
                    Action::MovePaused => "is made there, paused",
                    Action::Leave => "is LEFT",
                };
                lines.push(format!("   {}  {}, {action}", job.id, job.status));
                if !job.reported.is_empty() {
                    lines.push(format!("     2.x reports {}", job.reported));
                }
                if let Some(whole) = &job.whole {
                    lines.push(format!("     whole       {whole}"));
                }
                if !job.origin.is_empty() {
                    lines.push(format!("     from {}", job.origin));
                }
                lines.extend(job.notes.iter().map(|note| format!("     note: {note}")));
            }
            lines.extend(unit.notes.iter().map(|note| format!("   note: {note}")));
            lines.extend(unit.refused.iter().map(|why| format!("   UNSAFE: {why}")));
        }
        lines
    }
}
