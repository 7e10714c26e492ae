//! What a running flow remembers: names and texts, bounded.

use std::collections::BTreeMap;

use crate::template::cut;

/// Variables of one running flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<Box<str>, String>);

impl Variables {
    /// The value of a variable; empty if it is not set.
    pub fn value(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets one. Beyond `MOST` a new name is not taken.
    pub fn set(&mut self, name: &str, value: String) {
        let value = cut(value);
        if let Some(known) = self.0.get_mut(name) {
            *known = value;
        } else if self.0.len() < MOST && is_name(name) {
            self.0.insert(name.into(), value);
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_str()))
    }
}

/// Whether a variable may have this name: letters, digits, `_` and `.`, beginning with a letter.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

/// Variables of one run.
const MOST: usize = 128;
/// Octets of a name.
const LONGEST_NAME: usize = 64;
