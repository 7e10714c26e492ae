//! A guide for one kind of other end: files to paste, values to type in, what to open, what to check, how to undo it.

use routing::config::Kind;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Facts, asterisk, freeswitch, phones, typed};
use crate::problem::{Code, Problem};

/// What is to be done at the other end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeerConfig)]
pub(crate) struct Guide {
    /// The connection.
    pub(crate) connection: String,
    /// Whom it is for: `asterisk`, `freepbx`, …
    #[serde(rename = "for")]
    #[schema(example = "asterisk")]
    pub(crate) made_for: &'static str,
    /// The product and the version that it was tried with, or written after.
    #[schema(example = "Asterisk 22")]
    pub(crate) product: &'static str,
    /// Whether a password stands in it; else `<password>` does.
    pub(crate) contains_password: bool,
    /// What it does, in a sentence or two.
    pub(crate) about: String,
    /// Files, or parts of files, to paste as they are.
    pub(crate) files: Vec<Pasted>,
    /// Values to type in, in the order of the other end's forms.
    pub(crate) fields: Vec<Typed>,
    /// What to do, in order.
    pub(crate) steps: Vec<String>,
    /// What firewalls have to let through.
    pub(crate) firewall: Vec<String>,
    /// What to look at when it is done.
    pub(crate) checks: Vec<Check>,
    /// How to take it back.
    pub(crate) undo: String,
    /// All of it, to be read.
    pub(crate) text: String,
}

/// A file, or what is added to one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeerConfigFile)]
pub(crate) struct Pasted {
    /// Where it goes.
    #[schema(example = "pjsip.conf")]
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) about: String,
    /// What to paste.
    pub(crate) text: String,
}

/// A value of a form.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeerConfigField)]
pub(crate) struct Typed {
    /// Page or tab.
    pub(crate) place: &'static str,
    /// What the form calls it.
    pub(crate) name: &'static str,
    /// What to enter.
    pub(crate) value: String,
    /// Why, where that is not plain.
    pub(crate) about: &'static str,
}

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeerConfigCheck)]
pub(crate) struct Check {
    /// A command, or where to look.
    pub(crate) look: String,
    /// What it shows when all is well.
    pub(crate) expect: String,
}

/// What a writer of one product makes; the rest is the same for all.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) product: &'static str,
    pub(super) about: String,
    pub(super) files: Vec<Pasted>,
    pub(super) fields: Vec<Typed>,
    pub(super) steps: Vec<String>,
    pub(super) checks: Vec<Check>,
    pub(super) undo: String,
}

/// A product that guides are for.
struct Product {
    /// What it is asked for by.
    name: &'static str,
    /// Whether it registers as one device.
    phone: bool,
    draft: fn(&Facts<'_>) -> Draft,
}

/// Every product; the last is all others.
const PRODUCTS: &[Product] = &[
    Product::peer("asterisk", |facts| asterisk::draft(facts, asterisk::Form::Objects)),
    Product::peer("asterisk-wizard", |facts| asterisk::draft(facts, asterisk::Form::Wizard)),
    Product::peer("freepbx", typed::freepbx),
    Product::peer("freeswitch", freeswitch::draft),
    Product::peer("3cx", typed::three_cx),
    Product::phone("yealink", phones::yealink),
    Product::phone("zoiper", phones::zoiper),
    Product::phone("linphone", phones::linphone),
    Product::peer("generic", typed::generic),
];

impl Product {
    const fn peer(name: &'static str, draft: fn(&Facts<'_>) -> Draft) -> Self {
        Self { name, phone: false, draft }
    }

    const fn phone(name: &'static str, draft: fn(&Facts<'_>) -> Draft) -> Self {
        Self { name, phone: true, draft }
    }
}

/// The guide for this connection and this product.
pub(crate) fn guide(facts: &Facts<'_>, made_for: &str) -> Result<Guide, Problem> {
    let Some(product) = PRODUCTS.iter().find(|product| product.name == made_for) else {
        let names: Vec<_> = PRODUCTS.iter().map(|product| product.name).collect();
        return Err(Problem::new(Code::InvalidParameter, format!("for is one of {}", names.join(", "))));
    };
    if facts.row.kind == Kind::Virtual {
        return Err(Problem::new(Code::ActionNotOfKind, "a virtual connection has no other end"));
    }
    super::beyond_browsers(facts.row)?;
    if product.phone && facts.row.kind != Kind::Device {
        let message = format!("{} is a phone: it registers as a connection of kind device", product.name);
        return Err(Problem::new(Code::ActionNotOfKind, message));
    }
    let mut draft = (product.draft)(facts);
    draft.checks.push(ours(facts));
    let mut guide = Guide {
        connection: facts.row.id.to_string(),
        made_for: product.name,
        product: draft.product,
        contains_password: facts.tells_password(),
        about: draft.about,
        files: draft.files,
        fields: draft.fields,
        steps: draft.steps,
        firewall: facts.firewall(),
        checks: draft.checks,
        undo: draft.undo,
        text: String::new(),
    };
    guide.text = guide.read(&facts.row.name);
    Ok(guide)
}

/// What our side shows when it works.
fn ours(facts: &Facts<'_>) -> Check {
    let expect = match facts.row.kind {
        Kind::Device | Kind::RegisterIn => "state up, and its contact under registrations",
        Kind::Virtual | Kind::RegisterOut | Kind::Trunk => "state up: it answers our OPTIONS with 200",
    };
    Check {
        look: format!("trunkline connection status {}", facts.row.id),
        expect: format!(
            "{expect}; if not: GET /api/v1/refused says what was refused and what would be right"
        ),
    }
}

impl Guide {
    fn read(&self, name: &str) -> String {
        let mut text = format!("# {} for {name}\n\n{}\n", self.product, self.about);
        if self.contains_password {
            text.push_str("\nThis contains a password.\n");
        }
        let mut part = |heading: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                text.push_str(&format!("\n## {heading}\n\n{}\n", lines.join("\n")));
            }
        };
        let numbered =
            |lines: &[String]| lines.iter().enumerate().map(|(i, l)| format!("{}. {l}", i + 1)).collect();
        part("What to do", numbered(&self.steps));
        for file in &self.files {
            part(file.name, vec![file.about.clone(), format!("\n```\n{}```", file.text)]);
        }
        let mut rows = Vec::new();
        if !self.fields.is_empty() {
            rows.push("| where | field | value | |\n|---|---|---|---|".to_owned());
        }
        rows.extend(
            self.fields.iter().map(|f| format!("| {} | {} | `{}` | {} |", f.place, f.name, f.value, f.about)),
        );
        part("Values", rows);
        part("Firewall", self.firewall.iter().map(|line| format!("- {line}")).collect());
        part("Check", self.checks.iter().map(|c| format!("- `{}`: {}", c.look, c.expect)).collect());
        part("Undo", vec![self.undo.clone()]);
        text
    }
}
