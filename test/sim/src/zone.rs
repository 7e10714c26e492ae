//! Names that resolve in a simulation: records as name servers have them, asked by the machine that the host asks by.

use std::collections::HashMap;
use std::net::IpAddr;

use sip_stack::transport::{Listeners, Locating, Lookup, LookupKind, Query, Record, Target};

use crate::random::Random;

/// All records there are.
#[derive(Debug, Default)]
pub struct Zone {
    records: HashMap<Lookup, Vec<Record>>,
}

impl Zone {
    /// The name has this address.
    pub fn address(&mut self, name: &str, ip: IpAddr) {
        let kind = if ip.is_ipv4() { LookupKind::A } else { LookupKind::Aaaa };
        self.add(name, kind, Record::Address(ip));
    }

    /// One record: `host NAME IP`, `srv NAME PRIORITY WEIGHT PORT TARGET`, `naptr NAME ORDER PREFERENCE SERVICE NEXT`.
    pub(crate) fn read(&mut self, words: &[&str]) -> Result<(), String> {
        let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
        match *words {
            ["host", name, ip] => self.address(name, ip.parse().map_err(|_| "an address is wanted")?),
            ["srv", name, priority, weight, port, target] => {
                let (priority, weight, port) = (number(priority)?, number(weight)?, number(port)?);
                let record = Record::Srv { priority, weight, port, target: target.into() };
                self.add(name, LookupKind::Srv, record);
            }
            ["naptr", name, order, preference, service, replacement] => {
                let record = Record::Naptr {
                    order: number(order)?,
                    preference: number(preference)?,
                    flags: "s".into(),
                    service: service.into(),
                    replacement: replacement.into(),
                };
                self.add(name, LookupKind::Naptr, record);
            }
            _ => return Err("a record is wanted".to_owned()),
        }
        Ok(())
    }

    /// Where a query leads.
    pub(crate) fn locate(&self, query: Query, listeners: &Listeners, random: &mut Random) -> Vec<Target> {
        let mut locating = Locating::new(query, listeners);
        while let Some(lookup) = locating.wanted().first().cloned() {
            locating.on_answer(&lookup, self.records.get(&lookup).map(Vec::as_slice).unwrap_or_default());
        }
        locating.ways().order(&mut |bound| random.number() % bound.max(1))
    }

    fn add(&mut self, name: &str, kind: LookupKind, record: Record) {
        self.records.entry(Lookup { name: name.into(), kind }).or_default().push(record);
    }
}
