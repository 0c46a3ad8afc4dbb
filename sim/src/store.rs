//! What Consul keeps.

use std::collections::BTreeMap;
use std::ops::Bound;

/// A stored value.
#[derive(Debug, Default, Clone)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

/// The keys, in order.
#[derive(Debug, Default)]
pub(crate) struct Store {
    keys: BTreeMap<String, Entry>,
    pub(crate) index: u64,
}

impl Store {
    /// Writes a key. The value it already has moves no index.
    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        let index = self.index + 1;
        let entry = self.keys.entry(key.to_owned()).or_default();
        if entry.modify_index > 0 && entry.value == value {
            return;
        }
        if entry.create_index == 0 {
            entry.create_index = index;
        }
        entry.modify_index = index;
        entry.value = value.to_vec();
        self.index = index;
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.keys.get(key)
    }

    /// A key's value as text; `None` when there is no key.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let entry = self.keys.get(key)?;
        Some(String::from_utf8_lossy(&entry.value).into_owned())
    }

    /// The keys that begin so.
    pub(crate) fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Entry)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let keys = self.keys.range::<str, _>(from);
        keys.take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Deletes a key, or all keys that begin so.
    pub(crate) fn delete(&mut self, key: &str, recursive: bool) {
        self.index += 1;
        if recursive {
            self.keys.retain(|known, _| !known.starts_with(key));
        } else {
            self.keys.remove(key);
        }
    }
}
