//! One file as the rules see it: its text, and for Rust the same text with what a rule must not
//! look at blanked out. Lines and columns stay where they are.
//!
//! A lexer just good enough to know comments, strings and test modules; it does not parse.

/// A file of the tree.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// As it stands on disk.
    pub(crate) text: String,
    /// Rust without strings, comments and `#[cfg(test)]` items.
    pub(crate) code: String,
    /// Rust without strings: code and comments.
    pub(crate) prose: String,
}

impl Source {
    /// Reads Rust if the name says so; anything else is only text.
    pub(crate) fn new(path: &str, text: String) -> Self {
        let (code, prose) = if has_extension(path, "rs") {
            let (mut code, prose) = blank(&text);
            blank_test_items(&mut code);
            (code, prose)
        } else {
            (String::new(), String::new())
        };
        Self { path: path.to_owned(), text, code, prose }
    }

    /// How much a rule finds in it.
    #[cfg(test)]
    pub(crate) fn found_by(&self, check: fn(&Self, &mut Vec<super::Finding>)) -> usize {
        let mut findings = Vec::new();
        check(self, &mut findings);
        findings.len()
    }

    /// Whether rules for Rust apply.
    pub(crate) fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    /// Whether the whole file is test or demonstration code: beside the sources, or in a folder of such.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("test/")
            || self
                .path
                .split('/')
                .any(|part| matches!(part, "tests" | "tests.rs" | "benches" | "examples" | "fuzz"))
    }

    /// The floor (`wire`, `proto`, `core`, `host`, …): the first part of the path.
    pub(crate) fn floor(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

fn has_extension(path: &str, wanted: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension == wanted)
}

/// Yields the numbered lines of a text, from 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Whether `word` stands in `line` with no letter, digit or `_` on either side.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open = word.starts_with(part) && before.is_some_and(part);
        let close = word.ends_with(part) && after.is_some_and(part);
        !open && !close
    })
}

/// What the lexer is inside of.
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text { hashes: Option<usize> },
}

/// Returns (code only, code and comments).
fn blank(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut prose) = (String::with_capacity(text.len()), String::with_capacity(text.len()));
    let mut inside = Inside::Code;
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let mut take = 1;
        let (in_code, in_prose) = match inside {
            Inside::Code => match (c, next) {
                ('/', Some('/')) => {
                    inside = Inside::LineComment;
                    (false, true)
                }
                ('/', Some('*')) => {
                    inside = Inside::BlockComment { depth: 1 };
                    take = 2;
                    (false, true)
                }
                ('\'', _) => {
                    take = char_literal(&chars[at..]);
                    (true, true)
                }
                _ => {
                    if let Some((length, hashes)) = string_start(&chars, at) {
                        inside = Inside::Text { hashes };
                        take = length;
                    }
                    (true, true)
                }
            },
            Inside::LineComment => {
                if c == '\n' {
                    inside = Inside::Code;
                }
                (false, true)
            }
            Inside::BlockComment { depth } => {
                let depth = match (c, next) {
                    ('*', Some('/')) => depth - 1,
                    ('/', Some('*')) => depth + 1,
                    _ => depth,
                };
                take = if matches!((c, next), ('*', Some('/')) | ('/', Some('*'))) { 2 } else { 1 };
                inside = if depth == 0 { Inside::Code } else { Inside::BlockComment { depth } };
                (false, true)
            }
            Inside::Text { hashes } => {
                if let Some(length) = string_end(&chars[at..], hashes) {
                    inside = Inside::Code;
                    take = length;
                } else if c == '\\' && hashes.is_none() {
                    take = 2;
                }
                (false, false)
            }
        };
        for &c in chars.iter().skip(at).take(take) {
            code.push(if in_code || c == '\n' { c } else { ' ' });
            prose.push(if in_prose || c == '\n' { c } else { ' ' });
        }
        at += take;
    }
    (code, prose)
}

/// Length of `'x'` or `'\n'`; 1 for the tick of a lifetime.
fn char_literal(rest: &[char]) -> usize {
    let close = match rest.get(1) {
        Some('\\') => rest.iter().skip(3).position(|&c| c == '\'').map(|found| found + 3),
        Some(_) if rest.get(2) == Some(&'\'') => Some(2),
        _ => None,
    };
    close.map_or(1, |index| index + 1)
}

/// Where a string opens at `at`: the length of its opening, and the hashes of a raw one.
fn string_start(chars: &[char], at: usize) -> Option<(usize, Option<usize>)> {
    let c = *chars.get(at)?;
    if c == '"' {
        return Some((1, None));
    }
    let part_of_a_name = at > 0 && chars.get(at - 1).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    if c != 'r' || (part_of_a_name && !matches!(chars.get(at - 1), Some('b' | 'c'))) {
        return None;
    }
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some((hashes + 2, Some(hashes)))
}

/// Length of the closing of a string that ends here.
fn string_end(rest: &[char], hashes: Option<usize>) -> Option<usize> {
    let hashes = hashes.unwrap_or_default();
    let closes = rest.first() == Some(&'"')
        && rest.iter().skip(1).take(hashes).filter(|&&c| c == '#').count() == hashes;
    closes.then_some(hashes + 1)
}

/// Blanks each `#[cfg(test)]` item: up to its `;`, or to the brace that closes it.
fn blank_test_items(code: &mut String) {
    const MARK: &str = "#[cfg(test)]";
    while let Some(start) = code.find(MARK) {
        let mut depth = 0usize;
        let mut end = code.len();
        for (at, c) in code[start + MARK.len()..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(c, ';' | '}') {
                end = start + MARK.len() + at + 1;
                break;
            }
        }
        let blanked: String = code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(start..end, &blanked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("a/src/b.rs", text.to_owned()).code
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(code("a // tokio\nb"), "a         \nb");
        assert_eq!(code("a /* x /* y */ z */ b"), "a                   b");
        assert_eq!(code(r#"f("a \" tokio", 'x')"#), "f(\"           , 'x')");
        assert_eq!(code("f(r#\"to\"kio\"#, b)"), "f(r#\"        , b)");
    }

    #[test]
    fn quotes_in_characters_and_lifetimes_open_no_string() {
        assert_eq!(code("let a: &'a str = x('\"'); // c"), "let a: &'a str = x('\"');     ");
        assert_eq!(code(r"m('\'', '\\') // c"), r"m('\'', '\\')     ");
    }

    #[test]
    fn test_items_are_no_code() {
        assert_eq!(
            code("a\n#[cfg(test)]\nmod tests {\n  fn f() { x }\n}\nb").split_whitespace().collect::<String>(),
            "ab"
        );
        assert_eq!(code("#[cfg(test)]\nmod tests;\nb").trim(), "b");
    }

    #[test]
    fn prose_keeps_comments_but_not_strings() {
        let source = Source::new("a.rs", "x(\"in text\"); // in comment".to_owned());
        assert!(source.prose.contains("in comment") && !source.prose.contains("in text"));
    }

    #[test]
    fn words_have_edges() {
        assert!(has_word("use tokio::net;", "tokio"));
        assert!(!has_word("use tokio_util;", "tokio"));
        assert!(has_word("a.Instant::now()", "Instant::now"));
    }
}
