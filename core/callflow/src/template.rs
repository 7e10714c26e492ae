//! Text with variables in it: `Hello ${caller_name}`. A variable that is not set is empty; `$${` is a plain `${`.

use serde::Serialize;

use crate::variables::Variables;

/// A text whose variables are not filled in yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Template(Box<str>);

impl Template {
    /// Any text is one.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fills the variables in; what is too long is cut.
    pub(crate) fn fill(&self, variables: &Variables) -> String {
        let mut filled = String::with_capacity(self.0.len());
        let mut rest = &*self.0;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(plain) = before.strip_suffix('$') {
                filled.push_str(plain);
                filled.push_str("${");
                rest = after;
                continue;
            }
            filled.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                filled.push_str("${");
                rest = after;
                break;
            };
            filled.push_str(variables.value(name.trim()));
            rest = behind;
        }
        filled.push_str(rest);
        cut(filled)
    }
}

/// The text, cut where it is longer than anything has use for.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// Octets of one filled text or value.
const LONGEST: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in() {
        let mut variables = Variables::default();
        variables.set("name", "Ada".to_owned());
        for (text, filled) in [
            ("", ""),
            ("plain", "plain"),
            ("Hello ${name}!", "Hello Ada!"),
            ("${name}${name}", "AdaAda"),
            ("${ name }", "Ada"),
            ("${nobody}", ""),
            ("open ${name", "open ${name"),
            ("costs $5", "costs $5"),
            ("$${name}", "${name}"),
        ] {
            assert_eq!(Template::new(text).fill(&variables), filled, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let mut variables = Variables::default();
        variables.set("long", "é".repeat(LONGEST));
        let filled = Template::new("x${long}${long}").fill(&variables);
        assert!(filled.len() <= LONGEST && filled.ends_with('é'));
    }
}
