//! The little of XML that event packages need: writing text, and reading elements of a document by their local
//! names. Namespaces, entities of one's own and processing instructions are not looked at.

/// Appends text that may stand in an element or in a quoted attribute; what no document may hold becomes a blank.
pub(crate) fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&apos;"),
            c if c.is_control() => into.push(' '),
            c => into.push(c),
        }
    }
}

/// The elements of a document in order: local name, whether it ends here, and the text that follows the tag.
pub(crate) fn elements(document: &str) -> impl Iterator<Item = Element<'_>> {
    let mut rest = document;
    core::iter::from_fn(move || {
        loop {
            let start = rest.find('<')?;
            let inside = rest.get(start + 1..)?;
            if let Some(comment) = inside.strip_prefix("!--") {
                rest = comment.split_once("-->")?.1;
                continue;
            }
            let (tag, after) = inside.split_once('>')?;
            rest = after;
            if tag.starts_with(['?', '!']) {
                continue;
            }
            let closes = tag.starts_with('/');
            let name =
                tag.trim_start_matches('/').split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
            let local = name.rsplit(':').next().unwrap_or_default();
            let text = after.split('<').next().unwrap_or_default().trim();
            return Some(Element { local, closes, empty: tag.ends_with('/'), text });
        }
    })
}

/// One tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// Its name without prefix.
    pub local: &'a str,
    /// It is an end tag.
    pub closes: bool,
    /// It is empty and ends itself.
    pub empty: bool,
    /// What stands between it and the next tag.
    pub text: &'a str,
}

/// The text that escaped text stands for; unknown references stay as they are.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut text = String::new();
        escape("a<b>&\"c'\u{7}", &mut text);
        assert_eq!(text, "a&lt;b&gt;&amp;&quot;c&apos; ");
        assert_eq!(unescape(&text), "a<b>&\"c' ");
    }

    #[test]
    fn tags_by_local_name() {
        let found: Vec<_> = elements("<?xml?><a:b x='1'>t <!-- <c> --><d/></a:b>junk<")
            .map(|e| (e.local, e.closes, e.empty, e.text))
            .collect();
        assert_eq!(found, [("b", false, false, "t"), ("d", false, true, ""), ("b", true, false, "junk")]);
        for broken in ["", "<", "<!--", "<a", "</>", "<:>", "<!", "< >"] {
            assert!(elements(broken).count() <= 1, "{broken}");
        }
    }
}
