//! Values that are good for a while, by the wall clock.
//!
//! Caches usually go by the monotonic clock. That clock can stand still while Lambda
//! keeps a process frozen, and an old value would then look new.

use std::time::{Duration, SystemTime};

/// A value and the span of time in which it is good.
#[derive(Clone, Debug)]
pub(crate) struct Expiring<T> {
    value: T,
    from: SystemTime,
    until: SystemTime,
}

impl<T> Expiring<T> {
    /// A value that is good from now on, for so long.
    pub(crate) fn new(value: T, lifetime: Duration) -> Self {
        let from = SystemTime::now();
        Self {
            value,
            from,
            // No date that far away can be represented, so the value expires at
            // once.
            until: from.checked_add(lifetime).unwrap_or(from),
        }
    }

    /// The value while it is good.
    pub(crate) fn get(&self) -> Option<&T> {
        self.get_at(SystemTime::now())
    }

    /// The value, be it good or not.
    pub(crate) fn into_inner(self) -> T {
        self.value
    }

    /// When the clock was set back, every value counts as expired.
    fn get_at(&self, now: SystemTime) -> Option<&T> {
        (self.from..self.until)
            .contains(&now)
            .then_some(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_good_for_its_lifetime_and_not_before_it_was_made() {
        let minute = Duration::from_secs(60);
        let one = Expiring::new(7, minute);
        assert_eq!(one.get(), Some(&7));
        assert_eq!(one.get_at(one.from), Some(&7));
        assert_eq!(
            one.get_at(one.from + minute - Duration::from_millis(1)),
            Some(&7)
        );
        assert_eq!(one.get_at(one.from + minute), None);
        // The clock was set back by a second.
        assert_eq!(one.get_at(one.from - Duration::from_secs(1)), None);
    }

    #[test]
    fn no_lifetime_is_too_long_to_be_written() {
        assert_eq!(Expiring::new((), Duration::MAX).get(), None);
        assert_eq!(Expiring::new((), Duration::ZERO).get(), None);
    }
}
