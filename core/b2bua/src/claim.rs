//! A call's claim to be counted: among the calls of a connection, of its account and of the installation.
//!
//! The homes of the three are asked one after the other, the connection's last; what they granted is written down in
//! the claim itself, which comes back with the answer, is kept as long as the call takes the place, and goes the same
//! way when it gives it back. Homes count calls by their ids and keep no claim.

use registrar::{BindingRow, NonceUse};
use routing::config::{AccountId, ConnectionId, Limits};
use routing::policy::{Country, Over};
use routing::tables::Tables;
use timestamp::Timestamp;

/// A claim, or once it is granted, a place.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The connection, if it is one that calls or is called.
    pub connection: Option<ConnectionId>,
    /// Its account.
    pub account: Option<AccountId>,
    /// Whether the call comes from it.
    pub from: bool,
    /// Whether it goes on from a place that it has already: it counts as a new call and takes no further place.
    pub onward: bool,
    /// Whether nothing may refuse it.
    pub emergency: bool,
    /// The country that a call to a number outside leads to.
    pub country: Option<Country>,
    /// Whether bindings of the connection are wanted.
    pub locate: bool,
    /// The nonce that proved the caller, to be used once only.
    pub nonce: Option<NonceUse>,
    /// Who is to grant it.
    pub levels: [bool; 3],
    /// Homes that granted it, by level.
    pub homes: [Option<u8>; 3],
    /// When it was counted first.
    pub at: Timestamp,
    /// On whose behalf a called connection is a way out.
    pub behalf: Option<ConnectionId>,
    /// Whether its connection has left the call, which goes on outside on its behalf.
    pub left: bool,
    /// Revision of the configuration whose limits it was held against.
    pub revision: u64,
}

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All calls.
    Installation,
    /// Those of an account.
    Account,
    /// Those of a connection.
    Connection,
}

impl Level {
    /// In the order in which they are asked: the connection's home has bindings to tell, and a nonce to use up.
    pub const ALL: [Self; 3] = [Self::Installation, Self::Account, Self::Connection];
}

/// What homes answer.
#[derive(Clone, Debug)]
pub enum Told {
    /// It is granted; with the bindings that were wanted.
    Granted(Box<Claim>, Vec<BindingRow>),
    /// It is granted, but as far as its home knows, the connection cannot be reached.
    Down(Box<Claim>, Vec<BindingRow>),
    /// The connection is to be taken for down: a rehearsal of failover.
    Rehearsed,
    /// A limit is reached; whose it is: `connection con_…`, `account acc_…` or `system`.
    Full(Over, Box<str>),
    /// The nonce was used before.
    Replayed,
}

impl Claim {
    /// A claim of a connection, of an account without one, or of nobody that is counted.
    pub fn new(
        connection: Option<ConnectionId>,
        account: Option<AccountId>,
        from: bool,
        tables: &Tables,
        at: Timestamp,
    ) -> Self {
        Self {
            levels: levels(connection.as_ref(), account.as_ref(), from, tables),
            connection,
            account,
            from,
            onward: false,
            emergency: false,
            country: None,
            locate: false,
            nonce: None,
            homes: [None; 3],
            at,
            behalf: None,
            left: false,
            revision: tables.revision(),
        }
    }

    /// Levels whose first limits were set since it was made: it is counted there from now on, and not refused.
    pub fn late(&mut self, tables: &Tables) -> impl Iterator<Item = Level> + use<> {
        let unchanged = core::mem::replace(&mut self.revision, tables.revision()) == tables.revision();
        let before = self.levels;
        let now = match unchanged || self.onward {
            true => before,
            false => levels(self.connection.as_ref(), self.account.as_ref(), self.from, tables),
        };
        Level::ALL.into_iter().filter(move |level| now[*level as usize] && !before[*level as usize])
    }

    /// This level's home counts it.
    pub fn count_at(&mut self, level: Level, home: u8) {
        self.levels[level as usize] = true;
        self.homes[level as usize] = Some(home);
    }

    /// Whether anybody is to be asked.
    pub fn counts(&self) -> bool {
        self.levels.contains(&true)
    }

    /// The level whose home is next to be asked.
    pub fn next(&self) -> Option<Level> {
        Level::ALL
            .into_iter()
            .find(|level| self.levels[*level as usize] && self.homes[*level as usize].is_none())
    }

    /// A level that granted it, with the home.
    pub fn granted(&self) -> Option<(Level, u8)> {
        Level::ALL.into_iter().find_map(|level| Some((level, self.homes[level as usize]?)))
    }

    /// Whether this connection's calls it is among.
    pub fn is_of(&self, connection: &ConnectionId) -> bool {
        self.connection.as_ref() == Some(connection)
    }

    /// What people call whose limits those of a level are.
    pub fn resource(&self, level: Level) -> Box<str> {
        match level {
            Level::Installation => INSTALLATION.into(),
            Level::Account => format!("account {}", self.key(level)).into(),
            Level::Connection => format!("connection {}", self.key(level)).into(),
        }
    }

    /// The text by which a level's home knows it.
    pub fn key(&self, level: Level) -> &str {
        match level {
            Level::Installation => INSTALLATION,
            Level::Account => self.account.as_ref().map_or("", AccountId::as_str),
            Level::Connection => self.connection.as_ref().map_or("", ConnectionId::as_str),
        }
    }
}

/// Who is to grant a claim.
fn levels(
    connection: Option<&ConnectionId>,
    account: Option<&AccountId>,
    from: bool,
    tables: &Tables,
) -> [bool; 3] {
    let counts = |limits: &Limits| routing::config::InForce::new(limits, None).counts();
    let of_account = account.and_then(|id| tables.account(id));
    let of_account = of_account.is_some_and(|account| counts(&account.limits));
    // A call is one call of the installation, whoever it reaches.
    let of_all = from && tables.limits().is_some_and(|limits| counts(limits));
    [of_all, of_account, connection.is_some()]
}

/// What the installation is called where accounts and connections have ids.
pub const INSTALLATION: &str = "system";
