//! The lines of a ladder that say who is there.

use std::net::SocketAddr;
use std::sync::Arc;

use routing::config::{Change, Connection, NumberRow};
use sip_stack::transport::Protocol;

use super::Line;
use crate::agent::Agent;
use crate::rows;
use crate::zone::Zone;

/// Who is there, and what is configured.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub agents: Vec<Agent>,
    pub changes: Vec<Change>,
    pub connections: Vec<Connection>,
    pub numbers: Vec<NumberRow>,
    /// Agents that are to be registered before the ladder begins.
    pub registered: Vec<usize>,
    pub zone: Zone,
    /// Messages may name addresses of other actors.
    pub open: bool,
    account: bool,
    domain: bool,
}

impl Scene {
    /// Reads a line; false if it says something else.
    pub(crate) fn read(&mut self, line: &Line) -> Result<bool, String> {
        if matches!(line.word(1), "->" | "-x") {
            return Ok(false);
        }
        match line.word(0) {
            "account" => {
                self.account = true;
                self.changes.push(rows::account(&line.settings(1))?);
            }
            "domain" => {
                self.domain = true;
                self.changes.push(rows::domain(&line.settings(1))?);
            }
            "flow" => self.changes.push(super::flow::read(line.word(1))?),
            "person" => self.changes.push(person(line, 1)?),
            "limits" => self.changes.push(rows::limits(&line.settings(1))?),
            "device" => self.device(line)?,
            "trunk" => self.trunk(line)?,
            "pbx" => self.pbx(line)?,
            "registrar" => self.registrar(line)?,
            "stranger" => {
                self.agent(line, false)?;
            }
            "number" => {
                let via = line.after("via");
                let change = rows::number(line.word(1), line.after("to").ok_or("to whom?")?, via)?;
                if let Change::Number(row) = &change {
                    self.numbers.push(NumberRow::clone(row));
                }
                self.changes.push(change);
            }
            "host" | "srv" | "naptr" => self
                .zone
                .read(&line.words.iter().enumerate().map(|(at, _)| line.word(at)).collect::<Vec<_>>())?,
            "addresses-may-show" => self.open = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Everything to be put in force.
    pub(crate) fn changes(&mut self) -> Result<Vec<Change>, String> {
        let mut changes = Vec::new();
        if !self.account {
            changes.push(rows::account(&[])?);
        }
        if !self.domain {
            changes.push(rows::domain(&[])?);
        }
        changes.append(&mut self.changes);
        changes.extend(self.connections.iter().cloned().map(|row| Change::Connection(Arc::new(row))));
        Ok(changes)
    }

    fn device(&mut self, line: &Line) -> Result<(), String> {
        let name = line.word(1);
        let index = self.agent(line, false)?;
        let settings: Vec<_> = line.settings(2).into_iter().filter(|(key, _)| *key != "password").collect();
        match line.after("of") {
            Some(user) => {
                if let Some(agent) = self.agents.get_mut(index) {
                    agent.user = user.to_owned();
                    agent.password = user.to_owned();
                }
            }
            None => self.connections.push(rows::device(name, name, &settings)?),
        }
        if !line.has("unregistered") {
            self.registered.push(index);
        }
        Ok(())
    }

    fn pbx(&mut self, line: &Line) -> Result<(), String> {
        let index = self.agent(line, false)?;
        self.connections.push(rows::pbx(line.word(1), &line.settings(2))?);
        if !line.has("unregistered") {
            self.registered.push(index);
        }
        Ok(())
    }

    fn registrar(&mut self, line: &Line) -> Result<(), String> {
        let index = self.agent(line, true)?;
        let agent = self.agents.get(index).ok_or("no agent")?;
        let transport = agent.protocol.name();
        let ip = agent.addr.ip().to_string();
        let at = (line.after("named").unwrap_or(&ip), agent.addr.port());
        let secret = line.after("as").and_then(|secret| secret.split_once(':')).ok_or("as USER:PASSWORD")?;
        let settings = line.settings(2);
        self.connections.push(rows::registrar(line.word(1), at, transport, secret, &settings)?);
        Ok(())
    }

    fn trunk(&mut self, line: &Line) -> Result<(), String> {
        let index = self.agent(line, true)?;
        let agent = self.agents.get(index).ok_or("no agent")?;
        let transport = agent.protocol.name();
        let host = agent.addr.ip().to_string();
        let (host, port) = (line.after("named").unwrap_or(&host), agent.addr.port());
        let settings = line.settings(2);
        self.connections.push(rows::trunk(line.word(1), host, port, transport, &settings)?);
        Ok(())
    }

    fn agent(&mut self, line: &Line, trunk: bool) -> Result<usize, String> {
        let at = line.after("at").ok_or("at which address?")?;
        let addr = match at.parse::<SocketAddr>() {
            Ok(addr) => addr,
            Err(_) => SocketAddr::new(at.parse().map_err(|_| format!("{at} is no address"))?, 5060),
        };
        let protocol = match line.after("over") {
            None => Protocol::Udp,
            Some(over) => Protocol::from_bytes(over.as_bytes()).ok_or_else(|| format!("over {over}?"))?,
        };
        let index = self.agents.len();
        let stream = u32::try_from(index + 1).unwrap_or(1);
        let mut agent = Agent::new(line.word(1), addr, protocol, stream);
        if trunk {
            agent.user = "+15550100".to_owned();
            agent.host = addr.ip().to_string();
        }
        self.agents.push(agent);
        Ok(index)
    }
}

/// `person NAME of CONNECTION,CONNECTION key=value …`
pub(crate) fn person(line: &Line, at: usize) -> Result<Change, String> {
    let of: Vec<&str> = line.after("of").ok_or("of which connections?")?.split(',').collect();
    rows::person(line.word(at), &of, &line.settings(at + 1))
}
