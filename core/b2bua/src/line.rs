//! A short line of text that is made without the heap: an address, a Via, a Contact.

use core::fmt::{self, Write};

use smallvec::SmallVec;

/// A line; a long one moves to the heap.
#[derive(Clone, Debug, Default)]
pub struct Line(SmallVec<[u8; 128]>);

impl Line {
    /// What these arguments say.
    pub fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut line = Self::default();
        // Writing into a line cannot fail.
        let _ = line.write_fmt(arguments);
        line
    }

    /// Adds text.
    pub fn push(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

impl From<Line> for Box<str> {
    fn from(line: Line) -> Self {
        line.as_str().into()
    }
}
