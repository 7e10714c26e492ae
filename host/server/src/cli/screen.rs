//! A terminal that is drawn over in place, as it was before once that ends; and colours where they are wanted.

use std::io::{IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::failure::Failure;
use crate::out;

/// The whole terminal.
pub(super) struct Screen {
    before: Option<Termios>,
}

/// Whether words are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Plain text.
    Off,
    /// Terminal colours.
    On,
}

impl Screen {
    /// Takes the terminal: keys are not echoed, the cursor is hidden.
    pub(super) fn open() -> Result<Self, Failure> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            // Ctrl-C comes as a key, so that the terminal is put back before the end.
            silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
            tcsetattr(&stdin, OptionalActions::Flush, &silent)
                .map_err(|fault| Failure::Failed(format!("the terminal: {fault}")))?;
        }
        out::part("\x1b[?1049h\x1b[?25l");
        Ok(Self { before })
    }

    /// Calls `quit` when q or Ctrl-C is typed.
    pub(super) fn on_key(quit: impl FnOnce() + Send + 'static) {
        std::thread::spawn(move || {
            let keys = std::io::stdin().lock().bytes();
            if keys.map_while(Result::ok).any(|key| matches!(key, b'q' | b'Q' | 3)) {
                quit();
            }
        });
    }

    /// Draws over what was there, cut at the edges of the terminal.
    pub(super) fn draw(lines: &[String]) {
        let size = tcgetwinsize(std::io::stdout()).ok();
        let (columns, rows) =
            size.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        let mut text = "\x1b[H".to_owned();
        for (index, line) in lines.iter().take(rows.max(1)).enumerate() {
            if index > 0 {
                text.push_str("\r\n");
            }
            text.push_str(&cut(line, columns));
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        out::part(&text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        out::part("\x1b[?25h\x1b[?1049l");
        if let Some(before) = &self.before {
            // Nothing more can be done about a terminal that is gone.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}

impl Colour {
    /// On a terminal, unless NO_COLOR says otherwise.
    pub(super) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && std::io::stdout().is_terminal() { Self::On } else { Self::Off }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.of("32", text)
    }

    pub(super) fn fair(self, text: &str) -> String {
        self.of("33", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.of("31", text)
    }

    fn of(self, code: &str, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// So many columns of a line; what switches colours takes none, and control characters of others are not let through.
fn cut(line: &str, columns: usize) -> String {
    let (mut text, mut width, mut in_code) = (String::new(), 0, false);
    for c in line.chars() {
        if c == '\x1b' {
            in_code = true;
        }
        if in_code {
            text.push(c);
            in_code = c != 'm';
        } else if width < columns {
            text.push(if c.is_control() { ' ' } else { c });
            width += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_edge_and_colours_do_not_count() {
        assert_eq!(cut("abcdef", 3), "abc");
        assert_eq!(cut(&Colour::On.bad("down"), 2), "\x1b[31mdo\x1b[0m");
        assert_eq!(cut("a\tb", 9), "a b");
    }
}
