//! Trunk names: given or made from the name, unique, and never forgotten while the trunk lives.

use routing::config::Connection;

use crate::problem::{Code, Problem};
use crate::validate::Desk;
use crate::validate::name::{is_label, slug};

/// Gives `row` its trunk name; a former one becomes an alias.
pub(super) fn settle(
    desk: &mut Desk<'_>,
    row: &mut Connection,
    existing: Option<&Connection>,
) -> Result<(), Problem> {
    let held = |name: &str| {
        desk.rows.trunk_name(name).is_some_and(|id| *id != row.id) || desk.pending.trunk_names.contains(name)
    };
    let name = match row.trunk_name.take().or_else(|| existing.and_then(|c| c.trunk_name.clone())) {
        Some(given) => {
            let name = given.to_ascii_lowercase();
            if !is_label(&name) {
                let message = format!("{given} is no DNS label: letters, digits and hyphens, at most 63");
                return Err(Problem::at(Code::InvalidValue, "/trunk_name", message));
            }
            if held(&name) {
                let message = format!("the trunk name {name} is taken");
                return Err(Problem::at(Code::TrunkNameTaken, "/trunk_name", message));
            }
            name
        }
        None => {
            let slug = slug(&row.name);
            let mut last = desk.pending.suffixes.get(&slug).copied().unwrap_or(0);
            let name = loop {
                last += 1;
                let name = if last == 1 { slug.clone() } else { format!("{slug}-{last}") };
                if !held(&name) {
                    break name;
                }
            };
            desk.pending.suffixes.insert(slug, last);
            name
        }
    };
    row.trunk_aliases.retain(|alias| *alias != name);
    if let Some(former) = existing.and_then(|c| c.trunk_name.clone())
        && former != name
    {
        row.trunk_aliases.push(former);
    }
    row.trunk_name = Some(name);
    Ok(())
}
