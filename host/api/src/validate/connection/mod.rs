//! A connection from its document: defaults by kind, references, names that must be free, sources, secrets.

pub(crate) mod credentials;
pub(crate) mod fields;
pub(crate) mod inherit;
pub(crate) mod secret;
mod trunk_name;

use certificates::Anchors;
use ipnet::IpNet;
use routing::config::{Account, Connection, ConnectionId, DialAction, Domain, DomainRole, IpPolicy, Kind};
use serde_json::{Map, Value, json};
use store::new_id;

use super::{Desk, Drafted, Secret, name, needed, normalise_sources, sources, typed, verdict};
use crate::merge::merge;
use crate::problem::{Code, FieldError, Problem};
use crate::shape;

/// A connection as the document says, checked against everything in force.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    secret: &Secret,
    existing: Option<&Connection>,
) -> Result<Drafted<Connection>, Problem> {
    let kind = kind_of(&document)?;
    if existing.is_some_and(|c| c.kind != kind) {
        return Err(Problem::at(Code::ReadOnly, "/kind", "a connection keeps its kind"));
    }
    let mut errors = Vec::new();
    shape::check(&document, fields::FIELDS, fields::bit(kind), "", &mut errors);
    needed(&document, &["name"], &mut errors);
    if kind == Kind::RegisterOut {
        needed(&document, &["user", "peers"], &mut errors);
    }
    let peers = document.get("peers").and_then(Value::as_array).into_iter().flatten();
    for (index, _) in peers.enumerate().filter(|(_, peer)| peer.is_object() && peer.get("host").is_none()) {
        errors.push(FieldError::new(Code::FieldMissing, format!("/peers/{index}/host"), "host is needed"));
    }
    verdict(std::mem::take(&mut errors))?;
    let account = desk.owner(&document)?;
    let before = existing.map(|row| row.media.ice.clone()).unwrap_or_default();
    super::ice::seal(&mut document, &account.id, (desk.store, &before), "", &mut errors)?;
    verdict(errors)?;
    let mut warnings = Vec::new();
    let said = inherit::said(&document);
    if existing.is_none() {
        quota(desk, account)?;
        let defaults = std::mem::replace(&mut document, defaults(kind, account));
        merge(&mut document, defaults);
        sources_from_peers(&mut document, kind, &mut warnings);
    }
    for name in ["ip_policy", "may_call_out", "trust_identity", "on_bad_caller_id"] {
        if !document.contains_key(name) {
            document.insert(name.to_owned(), by_kind(kind, name));
        }
    }
    inherit::settle(&mut document, account, existing, said);
    normalise_sources(&mut document);
    let domain = resolve(desk, &mut document, account, kind, existing)?;
    let id = existing.map_or_else(|| ConnectionId::from(new_id("con").as_str()), |c| c.id.clone());
    document.insert("id".to_owned(), json!(id));
    document.insert("trunk_aliases".to_owned(), json!(existing.map_or(&[][..], |c| &c.trunk_aliases)));
    let mut row: Connection = typed(document)?;
    settle_action(&mut row, existing);
    let mut errors = Vec::new();
    check(desk, &mut row, &mut errors);
    user(desk, &row, existing, &mut errors);
    offered(desk, &row, existing, &mut errors);
    verdict(errors)?;
    if matches!(row.kind, Kind::RegisterIn | Kind::RegisterOut | Kind::Trunk) {
        trunk_name::settle(desk, &mut row, existing)?;
    }
    let mut once = Map::new();
    match (kind, domain) {
        (Kind::RegisterIn, Some(domain)) => {
            if *secret != Secret::Keep {
                return Err(Problem::at(Code::FieldNotOfKind, "/password", "its passwords are made here")
                    .hint("POST /connections/{id}/rotate makes new ones."));
            }
            let made = credentials::settle(desk, &mut row, domain, existing);
            if existing.is_some() && !made.is_empty() {
                warnings.push("the realm is another now, so users and passwords were made anew".to_owned());
            }
            if !made.is_empty() {
                once.insert("credentials".to_owned(), json!(made));
            }
        }
        _ => secret::settle(desk, &mut row, domain, secret, existing)?,
    }
    advise(&row, &mut warnings);
    desk.reserve_connection(&row, existing);
    Ok(Drafted { row, warnings, once })
}

fn kind_of(document: &Map<String, Value>) -> Result<Kind, Problem> {
    let words = fields::KINDS.join(", ");
    match document.get("kind") {
        None => {
            Err(Problem::at(Code::FieldMissing, "/kind", "kind is needed").hint(format!("One of {words}.")))
        }
        Some(Value::String(text)) => match text.as_str() {
            "device" => Ok(Kind::Device),
            "virtual" => Ok(Kind::Virtual),
            "register_in" => Ok(Kind::RegisterIn),
            "register_out" => Ok(Kind::RegisterOut),
            "trunk" => Ok(Kind::Trunk),
            _ => Err(Problem::at(Code::InvalidValue, "/kind", format!("one of {words}"))),
        },
        Some(_) => Err(Problem::at(Code::InvalidType, "/kind", "must be text")),
    }
}

/// What a fresh connection of this kind has beyond the defaults of every field, unless those of its account say
/// otherwise.
fn defaults(kind: Kind, account: &Account) -> Map<String, Value> {
    let inherited = &account.defaults.limits;
    let mut limits = Map::new();
    if inherited.max_duration_s.is_none() {
        limits.insert("max_duration_s".to_owned(), json!(14_400));
    }
    if kind == Kind::Device && inherited.concurrent.is_none() {
        limits.insert("concurrent".to_owned(), json!(8));
    }
    Map::from_iter([("limits".to_owned(), Value::Object(limits))])
}

/// Defaults of fields that every connection has a value for.
fn by_kind(kind: Kind, name: &str) -> Value {
    match name {
        "ip_policy" if kind == Kind::Trunk => json!("authenticate"),
        "ip_policy" => json!("filter"),
        "may_call_out" => json!(matches!(kind, Kind::Device | Kind::RegisterIn)),
        "trust_identity" => json!(kind == Kind::RegisterOut),
        _ if kind == Kind::Device => json!("replace"),
        _ => json!("refuse"),
    }
}

/// A trunk whose peers are addresses calls from them, unless somebody says otherwise.
fn sources_from_peers(document: &mut Map<String, Value>, kind: Kind, warnings: &mut Vec<String>) {
    let policy = document.get("ip_policy").and_then(Value::as_str).unwrap_or("authenticate");
    if kind != Kind::Trunk || policy == "filter" || document.contains_key("allowed_sources") {
        return;
    }
    let Some(Value::Array(peers)) = document.get("peers") else { return };
    let address = |peer: &Value| name::host(peer.get("host")?.as_str()?)?.parse().ok().map(sources::host_net);
    let Some(found) = peers.iter().map(address).collect::<Option<Vec<IpNet>>>() else { return };
    if found.is_empty() {
        return;
    }
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    warnings.push(format!(
        "allowed_sources was left out and is now the addresses in peers: {}",
        found.join(", ")
    ));
    document.insert("allowed_sources".to_owned(), json!(found));
}

/// Puts ids in the place of names and finds the registrar domain.
fn resolve<'a>(
    desk: &Desk<'a>,
    document: &mut Map<String, Value>,
    account: &Account,
    kind: Kind,
    existing: Option<&Connection>,
) -> Result<Option<&'a Domain>, Problem> {
    if existing.is_some_and(|c| c.account != account.id) {
        return Err(Problem::at(Code::ReadOnly, "/account", "a connection stays with its account"));
    }
    document.insert("account".to_owned(), json!(account.id));
    let lives_here = matches!(kind, Kind::Device | Kind::Virtual | Kind::RegisterIn);
    let domain = match document.get("domain").and_then(Value::as_str) {
        None if !lives_here => None,
        None => desk.rows.first_registrar(&account.id),
        Some(reference) => {
            let found = desk
                .rows
                .domain(reference)
                .filter(|d| d.account == account.id || d.role == DomainRole::Shared);
            let Some(found) = found else {
                let message = format!("there is no domain {reference} in this account");
                return Err(Problem::at(Code::UnknownReference, "/domain", message));
            };
            if found.role == DomainRole::Trunk {
                return Err(Problem::at(
                    Code::InvalidValue,
                    "/domain",
                    "nobody can register in a domain of role trunk",
                ));
            }
            Some(found)
        }
    };
    if let Some(domain) = domain {
        document.insert("domain".to_owned(), json!(domain.id));
    } else if lives_here {
        return Err(Problem::at(Code::FieldMissing, "/domain", "the account has no registrar domain")
            .hint("Create one with POST /domains."));
    }
    let Some(Value::Array(offered)) = document.get_mut("offered_to") else {
        return Ok(domain.map(AsRef::as_ref));
    };
    let mut errors = Vec::new();
    for (index, entry) in offered.iter_mut().enumerate() {
        let reference = entry.as_str().unwrap_or_default();
        match desk.rows.account(reference) {
            _ if reference == "*" => {}
            Some(found) => *entry = json!(found.id),
            None => errors.push(FieldError::new(
                Code::UnknownReference,
                format!("/offered_to/{index}"),
                format!("there is no account {reference}"),
            )),
        }
    }
    verdict(errors)?;
    Ok(domain.map(AsRef::as_ref))
}

/// Attaching a flow switches the dialled action to it, detaching it switches back.
fn settle_action(row: &mut Connection, existing: Option<&Connection>) {
    let before = existing.and_then(|existing| existing.dialled.flow.as_ref());
    match &row.dialled.flow {
        Some(flow) if before != Some(flow) => row.dialled.action = DialAction::Flow,
        None if before.is_some() => row.dialled.action = DialAction::Bridge,
        Some(_) | None => {}
    }
}

/// What must make sense in itself and refer to something.
fn check(desk: &Desk<'_>, row: &mut Connection, errors: &mut Vec<FieldError>) {
    let account = row.account.clone();
    for (index, peer) in row.peers.iter_mut().enumerate() {
        match name::host(&peer.host) {
            Some(host) => peer.host = host,
            None => errors.push(FieldError::new(
                Code::InvalidValue,
                format!("/peers/{index}/host"),
                format!("{} is no host name and no address", peer.host),
            )),
        }
    }
    if row.kind == Kind::RegisterOut && row.peers.is_empty() {
        let message = "at least one peer: the registrar we register with";
        errors.push(
            FieldError::new(Code::FieldMissing, "/peers", message)
                .hint("{\"host\": \"sip.carrier.example\"}"),
        );
    }
    if let Some(pattern) = &row.dial_pattern
        && let Err(error) = regex_lite::Regex::new(pattern)
    {
        errors.push(FieldError::new(Code::InvalidPattern, "/dial_pattern", error.to_string()));
    }
    for (index, id) in row.used_by.iter().enumerate() {
        let pointer = format!("/used_by/{index}");
        if row.offered_to.is_empty() {
            desk.connection(id.as_str(), &account, &pointer, errors);
        } else if desk.rows.connections.get(id.as_str()).is_none() {
            errors.push(FieldError::new(
                Code::UnknownReference,
                pointer,
                format!("there is no connection {id}"),
            ));
        }
    }
    if let Some(target) = &row.default_target {
        desk.target(target, &account, "/default_target", errors);
    }
    if let Some(target) = &row.dialled.failover {
        desk.target(target, &account, "/dialled/failover", errors);
    }
    if let Some(mailbox) = &row.dialled.mailbox {
        desk.mailbox(mailbox, &account, "/dialled/mailbox", errors);
    }
    tls(row, errors);
    if let Some(flow) = &row.dialled.flow {
        desk.flow(flow, &account, "/dialled/flow", errors);
    } else if row.dialled.action == DialAction::Flow {
        let message = "name the flow that is to take its calls";
        errors.push(FieldError::new(Code::FieldMissing, "/dialled/flow", message));
    }
    if row.media.codecs.is_empty() {
        errors.push(FieldError::new(Code::InvalidValue, "/media/codecs", "at least one codec"));
    }
    super::ice::check(&row.media.ice, "/media/ice", errors);
    row.media.codecs.iter_mut().for_each(|codec| codec.make_ascii_lowercase());
    super::limits::check(&mut row.limits, "/limits", errors);
    check_sources(row, errors);
}

/// Where the address alone is proof, it must say something.
fn tls(row: &Connection, errors: &mut Vec<FieldError>) {
    if let Some(ca) = &row.tls.ca
        && let Err(problem) = Anchors::from_pem(ca)
    {
        errors.push(FieldError::new(Code::InvalidValue, "/tls/ca", problem.to_string()));
    }
    if row.tls.require_client_certificate && row.tls.ca.is_none() && row.peers.is_empty() {
        let pointer = "/tls/require_client_certificate";
        let message = "without peers there is no name to compare, and without tls.ca no authority to go by";
        errors.push(FieldError::new(Code::InvalidValue, pointer, message).hint("Set tls.ca."));
    }
}

fn check_sources(row: &Connection, errors: &mut Vec<FieldError>) {
    if row.ip_policy == IpPolicy::Filter {
        return;
    }
    let message = if row.allowed_sources.is_empty() {
        "an empty list lets everybody in, because the address alone is the proof"
    } else if sources::too_wide(&row.allowed_sources) {
        "together larger than a /8 of IPv4 or a /16 of IPv6, and the address alone is the proof"
    } else {
        return;
    };
    errors.push(FieldError::new(Code::SourceAllowAll, "/allowed_sources", message).hint(
        "List the peer's addresses, or set ip_policy to filter if it proves itself by user and password.",
    ));
}

/// A device has a user, and no two have the same in one domain.
fn user(desk: &Desk<'_>, row: &Connection, existing: Option<&Connection>, errors: &mut Vec<FieldError>) {
    if row.kind == Kind::Device && row.user.is_none() {
        super::missing("user", errors);
    }
    let (Some(domain), Some(user)) = (&row.domain, &row.user) else { return };
    let held = desk.rows.user(domain, user).is_some_and(|id| existing.is_none_or(|c| c.id != *id));
    if held || (existing.is_none() && desk.pending.users.contains(&(domain.clone(), user.clone()))) {
        errors.push(
            FieldError::new(Code::UserTaken, "/user", format!("the user {user} is taken in this domain"))
                .hint("Choose another user, or another domain."),
        );
    }
}

/// Only who runs the installation may offer a way out to others.
fn offered(desk: &Desk<'_>, row: &Connection, existing: Option<&Connection>, errors: &mut Vec<FieldError>) {
    let before = existing.map_or(&[][..], |c| &c.offered_to);
    if row.offered_to != before && !desk.caller.is_instance_admin() {
        errors.push(FieldError::new(
            Code::ScopeMissing,
            "/offered_to",
            "offering a connection to other accounts needs a key of scope admin that belongs to no account",
        ));
    }
}

fn quota(desk: &Desk<'_>, account: &Account) -> Result<(), Problem> {
    let Some(most) = account.quota.connections else { return Ok(()) };
    let pending = desk.pending.owned.get(&account.id).map_or(0, |(connections, _)| *connections);
    if desk.rows.owned(&account.id).connections + pending < most {
        return Ok(());
    }
    Err(Problem::new(Code::QuotaReached, format!("the account may have {most} connections")))
}

fn advise(row: &Connection, warnings: &mut Vec<String>) {
    if row.kind == Kind::Device && row.credentials.is_empty() {
        warnings.push("without a password it cannot register or call, only be dialled".to_owned());
    }
    if row.kind == Kind::RegisterOut && row.outward.is_none() {
        warnings.push("without a password it cannot answer the registrar's challenge".to_owned());
    }
    if row.kind == Kind::Trunk && row.dial_pattern.is_some() && row.peers.is_empty() {
        warnings.push("it has a dial_pattern but no peers, so no call can leave by it".to_owned());
    }
    if row.kind == Kind::Trunk && row.ip_policy == IpPolicy::Filter && row.credentials.is_empty() {
        warnings
            .push("neither its address nor a password proves who it is, so it can only be called".to_owned());
    }
}

impl Desk<'_> {
    fn reserve_connection(&mut self, row: &Connection, existing: Option<&Connection>) {
        for (domain, user) in crate::rows::registered_names(row) {
            self.pending.users.insert((domain.clone(), user.to_owned()));
        }
        self.pending.trunk_names.extend(row.trunk_name.clone());
        if existing.is_none() {
            self.pending.owned.entry(row.account.clone()).or_default().0 += 1;
        }
    }
}

/// The connection as it is shown and patched, without what is only known while running.
pub(crate) fn document(row: &Connection, base_domain: &str) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(row) else { return Map::new() };
    let kind = fields::bit(row.kind);
    map.retain(|name, _| fields::FIELDS.iter().any(|f| f.name == name && f.kinds & kind != 0));
    if row.kind == Kind::RegisterIn {
        map.insert("credentials".to_owned(), credentials::shown(row));
    }
    if let Some(name) = &row.trunk_name {
        map.insert("host".to_owned(), json!(format!("{name}.trunk.{base_domain}")));
    }
    map
}
