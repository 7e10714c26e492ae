//! Type names that name no concept. If no RFC noun fits, the concept is probably wrong.

use super::Finding;
use super::source::{Source, numbered};

/// Parts that a type name may not have.
const BANNED: &[&str] = &[
    "Session",
    "Manager",
    "Handler",
    "Helper",
    "Util",
    "Context",
    "Processor",
    "Coordinator",
    "Service",
    "Core",
    "Data",
    "Info",
    "Inner",
];

/// Names that an RFC gave: header fields and the session of SDP.
const BY_RFC: &[&str] = &[
    "AlertInfo",
    "AuthenticationInfo",
    "CallInfo",
    "ErrorInfo",
    "HistoryInfo",
    "SessionDescription",
    "SessionExpires",
    "SessionId",
    "SessionTimer",
];

const KEYWORDS: &[&str] = &["struct", "enum", "trait", "union", "type"];

/// Finds declarations of types with such a name; test code may call things as it likes.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if source.is_test() {
        return;
    }
    for (number, line) in numbered(&source.code) {
        if let Some((name, part)) = declared(line).and_then(|name| Some((name, banned_part(name)?))) {
            let fix = "name it as the RFC or the glossary does";
            findings.push(Finding::new(
                &source.path,
                number,
                "names",
                format!("`{part}` in the type name {name}"),
                fix,
            ));
        }
    }
}

/// The type that a line declares at module level of any visibility.
fn declared(line: &str) -> Option<&str> {
    let mut words =
        line.split_whitespace().skip_while(|word| word.starts_with("pub") || *word == "unsafe").peekable();
    let keyword = words.next()?;
    let name = words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (KEYWORDS.contains(&keyword) && name.starts_with(char::is_uppercase)).then_some(name)
}

fn banned_part(name: &str) -> Option<&'static str> {
    if BY_RFC.iter().any(|known| name.starts_with(known)) {
        return None;
    }
    let parts = camel_parts(name);
    BANNED
        .iter()
        .find(|banned| parts.iter().any(|part| part.trim_end_matches('s') == banned.trim_end_matches('s')))
        .copied()
}

/// `CallInfo` → `Call`, `Info`.
fn camel_parts(name: &str) -> Vec<&str> {
    let starts: Vec<usize> =
        name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([name.len()]);
    starts.iter().zip(ends).filter_map(|(&start, end)| name.get(start..end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&Source::new("core/engine/src/x.rs", text.to_owned()), &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn banned_parts_are_found_whole() {
        assert_eq!(found("pub struct CallManager {"), ["`Manager` in the type name CallManager"]);
        assert_eq!(found("pub(crate) enum Utils {"), ["`Util` in the type name Utils"]);
        assert_eq!(found("trait Handler: Send {"), ["`Handler` in the type name Handler"]);
        assert!(found("pub struct Datagram<'a> {").is_empty());
        assert!(found("pub struct Corecursive;").is_empty());
    }

    #[test]
    fn names_of_the_rfcs_are_fine() {
        assert!(
            found("pub struct SessionDescription {\npub enum SessionTimerState {\npub struct CallInfo;")
                .is_empty()
        );
    }

    #[test]
    fn uses_and_comments_are_not_declarations() {
        assert!(found("use std::task::Context;\n// struct Helper\nlet x = Manager::new();").is_empty());
    }
}
