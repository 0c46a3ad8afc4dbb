//! A file that is read again while the process runs: a list of tokens, a token.
//!
//! Two goals pull against each other. What an operator takes out of a file must stop
//! working within seconds; and a file that is being written, or was broken by a slip,
//! must not lock everybody out. So a file is looked at again at most once a second,
//! and what it held before stays in use, with an error in the log, until it can be
//! read and understood again.
//!
//! The content is compared, not its time or size: two writes can share both.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dtle_outbound::Secret;

/// How long the content is used before the file is looked at again.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Why a file cannot be used. Nothing of its content.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {path}: {fault}")]
pub struct WatchedError {
    setting: &'static str,
    path: String,
    fault: String,
}

type Understand<T> = fn(&str) -> Result<T, String>;

/// A file, and what it was last understood to say.
pub struct Watched<T> {
    setting: &'static str,
    path: PathBuf,
    understand: Understand<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    text: Secret,
    value: T,
    looked: Instant,
    /// What is wrong with the file now, as far as the log has said it.
    fault: Option<String>,
}

impl<T: Clone> Watched<T> {
    /// Reads a file. `setting` names it in messages; `understand` says what its text
    /// means, or what is wrong with it without quoting it.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn open(
        setting: &'static str,
        path: &Path,
        understand: Understand<T>,
    ) -> Result<Self, WatchedError> {
        let read = read(path).and_then(|text| {
            let value = understand(text.expose())?;
            Ok((text, value))
        });
        let (text, value) = read.map_err(|fault| WatchedError {
            setting,
            path: path.display().to_string(),
            fault,
        })?;
        Ok(Self {
            setting,
            path: path.to_owned(),
            understand,
            state: Mutex::new(State {
                text,
                value,
                looked: Instant::now(),
                fault: None,
            }),
        })
    }

    /// What the file says, a second old at most; what it said before while it cannot
    /// be read or understood.
    pub fn get(&self) -> T {
        self.after(FRESH_FOR)
    }

    /// What the file says now.
    pub fn look(&self) -> T {
        self.after(Duration::ZERO)
    }

    fn after(&self, age: Duration) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= age {
            self.look_into(&mut state);
        }
        state.value.clone()
    }

    fn look_into(&self, state: &mut State<T>) {
        state.looked = Instant::now();
        // A pipe (`--tokens <(…)`) can be read once.
        if std::fs::metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return;
        }
        let (setting, path) = (self.setting, self.path.display());
        let fault = match read(&self.path) {
            Ok(text) if text == state.text => None,
            Ok(text) => match (self.understand)(text.expose()) {
                Ok(value) => {
                    tracing::info!("{setting}: {path} has changed and is in use as it is now");
                    (state.text, state.value) = (text, value);
                    None
                }
                Err(fault) => Some(fault),
            },
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault.as_deref().filter(|_| fault != state.fault) {
            tracing::error!("{setting}: {path}: {fault}; what it held before stays in use");
        }
        state.fault = fault;
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({})", self.path.display())
    }
}

fn read(path: &Path) -> Result<Secret, String> {
    std::fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|cause| cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of its own, gone with this.
    struct File(PathBuf);

    impl File {
        fn holding(text: &str) -> Self {
            let file = Self(std::env::temp_dir().join(uuid::Uuid::new_v4().to_string()));
            file.write(text);
            file
        }

        fn write(&self, text: &str) {
            std::fs::write(&self.0, text).unwrap();
        }

        fn open(&self) -> Watched<u32> {
            Watched::open("NUMBER", &self.0, number).unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn number(text: &str) -> Result<u32, String> {
        text.trim().parse().map_err(|_| "not a number".to_owned())
    }

    #[test]
    fn a_change_is_seen_even_of_the_same_length_in_the_same_moment() {
        let file = File::holding("1");
        let watched = file.open();
        assert_eq!(watched.look(), 1);
        file.write("2");
        assert_eq!(watched.look(), 2);
    }

    #[test]
    fn what_was_read_just_now_is_not_read_again() {
        let file = File::holding("1");
        let watched = file.open();
        file.write("2");
        watched.state.lock().unwrap().looked = Instant::now() + Duration::from_secs(60);
        assert_eq!(watched.get(), 1);
        watched.state.lock().unwrap().looked = Instant::now().checked_sub(FRESH_FOR).unwrap();
        assert_eq!(watched.get(), 2);
    }

    #[test]
    fn a_file_that_is_broken_or_gone_leaves_what_it_held() {
        let file = File::holding("1");
        let watched = file.open();
        file.write("one");
        assert_eq!(watched.look(), 1);
        std::fs::remove_file(&file.0).unwrap();
        assert_eq!(watched.look(), 1);
        file.write("3");
        assert_eq!(watched.look(), 3);
    }

    #[test]
    fn a_file_that_cannot_be_used_at_the_start_is_named_and_not_quoted() {
        let file = File::holding("hush");
        let fault = Watched::open("NUMBER", &file.0, number).unwrap_err();
        let fault = fault.to_string();
        assert!(fault.starts_with("NUMBER: /"), "{fault}");
        assert!(
            fault.ends_with(": not a number") && !fault.contains("hush"),
            "{fault}"
        );
        let gone = Watched::open("NUMBER", Path::new("/nowhere/number"), number);
        assert!(gone.unwrap_err().to_string().contains("/nowhere/number"));
    }
}
