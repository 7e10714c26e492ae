//! Settings of verbs: what they may be, and reading them with every mistake named.

use core::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::problem::{Fault, Findings};
use crate::template::Template;
use crate::variables::is_name;

/// One setting of a verb.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// What it may be.
    #[serde(flatten)]
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of these words; the first if absent.
    Choice(&'static [&'static str]),
    /// True or false; false if absent, unless it says otherwise.
    Flag(bool),
    /// A list of at most so many.
    List(&'static Self, usize),
    /// Texts by name, at most so many.
    Map(usize),
    /// The name of a variable.
    Name(&'static str),
    /// A whole number from, to, and if absent.
    Number(u32, u32, u32),
    /// An object with these members.
    Object(&'static [Setting]),
    /// Text of at most so many octets, in which variables are filled in.
    Text(usize),
}

impl Setting {
    pub(crate) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, required: true }
    }

    pub(crate) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, required: false }
    }
}

/// Shown as JSON Schema would say it, so that an editor can draw a form.
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Choice(words) => {
                map.serialize_entry("type", "string")?;
                map.serialize_entry("enum", words)?;
                map.serialize_entry("default", &words.first())?;
            }
            Self::Flag(default) => {
                map.serialize_entry("type", "boolean")?;
                map.serialize_entry("default", default)?;
            }
            Self::List(of, most) => {
                map.serialize_entry("type", "array")?;
                map.serialize_entry("items", of)?;
                map.serialize_entry("maxItems", most)?;
            }
            Self::Map(most) => {
                map.serialize_entry("type", "object")?;
                map.serialize_entry("maxProperties", most)?;
            }
            Self::Name(default) => {
                map.serialize_entry("type", "string")?;
                map.serialize_entry("format", "variable")?;
                map.serialize_entry("default", default)?;
            }
            Self::Number(least, most, default) => {
                map.serialize_entry("type", "integer")?;
                map.serialize_entry("minimum", least)?;
                map.serialize_entry("maximum", most)?;
                map.serialize_entry("default", default)?;
            }
            Self::Object(settings) => {
                map.serialize_entry("type", "object")?;
                map.serialize_entry("settings", settings)?;
            }
            Self::Text(most) => {
                map.serialize_entry("type", "string")?;
                map.serialize_entry("maxLength", most)?;
            }
        }
        map.end()
    }
}

/// Reads settings: whatever is wrong is written down, and stands in for by what an absent one means.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    object: &'a Map<String, Value>,
    known: &'static [Setting],
    node: &'a str,
    pointer: String,
    findings: &'a mut Findings,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        object: &'a Map<String, Value>,
        node: &'a str,
        pointer: String,
        findings: &'a mut Findings,
    ) -> Self {
        Self { object, known: &[], node, pointer, findings }
    }

    /// Points out what no setting is called.
    pub(crate) fn refuse_unknown(&mut self, known: &'static [Setting]) {
        self.known = known;
        for name in self.object.keys().filter(|name| known.iter().all(|setting| setting.name != **name)) {
            let at = format!("{}/{}", self.pointer, escaped(name));
            let names: Vec<_> = known.iter().map(|setting| setting.name).collect();
            let message = match names.is_empty() {
                true => "there are no settings here".to_owned(),
                false => format!("there is no setting {name}; there are {}", names.join(", ")),
            };
            self.findings.add(Fault::Unknown, Some(self.node), at, message);
        }
    }

    /// Writes down what is wrong with a setting.
    pub(crate) fn wrong(&mut self, name: &str, message: impl fmt::Display) {
        let at = format!("{}/{name}", self.pointer);
        self.findings.add(Fault::WrongValue, Some(self.node), at, format!("{name}: {message}"));
    }

    /// Writes down that something must be there.
    pub(crate) fn missing(&mut self, name: &str, message: impl fmt::Display) {
        let at = format!("{}/{name}", self.pointer);
        self.findings.add(Fault::Missing, Some(self.node), at, format!("{name}: {message}"));
    }

    /// Points out a list that has nothing in it.
    pub(crate) fn needs_one(&mut self, name: &str) {
        if self.object.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            self.missing(name, "at least one");
        }
    }

    /// Whether it is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let Some(Kind::Flag(default)) = self.kind(name) else { return false };
        match self.value(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.wrong(name, "true or false");
                default
            }
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> u32 {
        let Some(Kind::Number(least, most, default)) = self.kind(name) else { return 0 };
        let Some(value) = self.value(name) else { return default };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (least..=most).contains(&number) => number,
            Some(_) | None => {
                let bare = if value.is_string() { ", without quotation marks" } else { "" };
                self.wrong(name, format!("a whole number from {least} to {most}{bare}"));
                default
            }
        }
    }

    pub(crate) fn choice(&mut self, name: &str) -> &'static str {
        let Some(Kind::Choice(words)) = self.kind(name) else { return "" };
        let default = words.first().copied().unwrap_or_default();
        let Some(value) = self.value(name) else { return default };
        match words.iter().find(|word| value.as_str() == Some(word)) {
            Some(word) => word,
            None => {
                self.wrong(name, format!("one of {}", words.join(", ")));
                default
            }
        }
    }

    /// The name of a variable.
    pub(crate) fn name(&mut self, name: &str) -> Box<str> {
        let Some(Kind::Name(default)) = self.kind(name) else { return Box::default() };
        match self.value(name) {
            None => default.into(),
            Some(Value::String(text)) if is_name(text) => text.as_str().into(),
            Some(_) => {
                self.wrong(name, NAME);
                default.into()
            }
        }
    }

    /// Text as it stands; empty if absent.
    pub(crate) fn text(&mut self, name: &str) -> Box<str> {
        let Some(Kind::Text(most)) = self.kind(name) else { return Box::default() };
        match self.value(name) {
            None => Box::default(),
            Some(Value::String(text)) if text.len() <= most => text.as_str().into(),
            Some(_) => {
                self.wrong(name, format!("text of at most {most} octets"));
                Box::default()
            }
        }
    }

    /// Text in which variables are filled in.
    pub(crate) fn template(&mut self, name: &str) -> Template {
        Template::new(&self.text(name))
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<Box<str>> {
        let Some(Kind::List(Kind::Text(longest), most)) = self.kind(name) else { return Vec::new() };
        let (mut texts, mut odd) = (Vec::new(), false);
        for value in self.items(name, most) {
            match value.as_str().filter(|text| text.len() <= *longest) {
                Some(text) => texts.push(text.into()),
                None => odd = true,
            }
        }
        if odd {
            self.wrong(name, format!("texts in quotation marks, each of at most {longest} octets"));
        }
        texts
    }

    /// Texts by name.
    pub(crate) fn map(&mut self, name: &str) -> Vec<(Box<str>, Box<str>)> {
        let Some(Kind::Map(most)) = self.kind(name) else { return Vec::new() };
        let Some(value) = self.value(name) else { return Vec::new() };
        let Some(map) = value.as_object().filter(|map| map.len() <= most) else {
            self.wrong(name, format!("an object of at most {most} texts"));
            return Vec::new();
        };
        let (mut texts, mut odd) = (Vec::new(), false);
        for (key, value) in map {
            match value.as_str().filter(|text| text.len() <= LONGEST_OF_MAP && key.len() <= LONGEST_OF_MAP) {
                Some(text) => texts.push((key.as_str().into(), text.into())),
                None => odd = true,
            }
        }
        if odd {
            self.wrong(name, format!("texts in quotation marks, each of at most {LONGEST_OF_MAP} octets"));
        }
        texts
    }

    /// Objects in a list, each with a reader of its own.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(Kind::List(Kind::Object(settings), most)) = self.kind(name) else { return Vec::new() };
        let items = self.items(name, most);
        let mut found = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            let pointer = format!("{}/{name}/{index}", self.pointer);
            let Value::Object(object) = value else {
                let names: Vec<_> = settings.iter().map(|setting| setting.name).collect();
                let message = format!("{name}: each an object of {}", names.join(", "));
                self.findings.add(Fault::WrongValue, Some(self.node), pointer, message);
                continue;
            };
            let mut reader = Reader::new(object, self.node, pointer, self.findings);
            reader.refuse_unknown(settings);
            found.extend(read(&mut reader));
        }
        found
    }

    fn items(&mut self, name: &str, most: usize) -> &'a [Value] {
        let Some(value) = self.value(name) else { return &[] };
        match value.as_array().filter(|items| items.len() <= most) {
            Some(items) => items,
            None => {
                let one = Some(value.to_string()).filter(|text| !value.is_array() && text.len() < 64);
                let shown = one.map(|text| format!(", such as [{text}]")).unwrap_or_default();
                self.wrong(name, format!("a list of at most {most}{shown}"));
                &[]
            }
        }
    }

    /// Whether it has to be there.
    pub(crate) fn needs(&self, name: &str) -> bool {
        self.known.iter().any(|setting| setting.name == name && setting.required)
    }

    fn value(&mut self, name: &str) -> Option<&'a Value> {
        let value = self.object.get(name).filter(|value| !value.is_null());
        if self.needs(name) && value.is_none_or(|value| value.as_str() == Some("")) {
            self.missing(name, "must be given");
        }
        value
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        self.known.iter().find(|setting| setting.name == name).map(|setting| setting.kind)
    }
}

/// A member's name as part of a JSON pointer (RFC 6901 §3).
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What a variable may be called.
pub(crate) const NAME: &str = "the name of a variable: letters, digits, _ and ., beginning with a letter";

const LONGEST_OF_MAP: usize = 2_048;
