//! Rows on their way to one commit, the later in place of the earlier.

use std::collections::HashMap;
use std::sync::Arc;

use engine::control::{EmergencyCall, Refusal, RegistrationLogRow};
use engine::{Ban, BindingRow, CallRecord, CounterRow, OpenCall, Persist};
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use super::{Amend, State};
use crate::audit;
use crate::ban;
use crate::clock;
use crate::counter;
use crate::error::StoreError;
use crate::history;
use crate::refused::Folds;
use crate::registration_log;
use crate::row::ROWS_PER_STATEMENT;

/// One batch.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<CallRecord>,
    open: HashMap<Arc<str>, OpenCall>,
    /// By connection and contact; `None` takes the binding away.
    bindings: HashMap<(Box<str>, Box<str>), Option<Box<BindingRow>>>,
    counters: HashMap<Box<str>, Box<CounterRow>>,
    emergencies: Vec<EmergencyCall>,
    refused: Vec<Refusal>,
    log: Vec<RegistrationLogRow>,
    bans: Vec<Ban>,
    pub(super) amend: Vec<Box<dyn Amend>>,
    added: usize,
}

impl Batch {
    /// Rows taken so far, however many are left after replacing.
    pub(super) fn rows(&self) -> usize {
        self.added
    }

    pub(super) fn add(&mut self, row: Persist) {
        self.added += 1;
        match row {
            Persist::Binding(row) => {
                self.bindings.insert((row.connection.clone(), row.contact.clone()), Some(row));
            }
            Persist::BindingGone { connection, contact } => {
                self.bindings.insert((connection, contact), None);
            }
            Persist::Counter(row) => {
                self.counters.insert(row.of.clone(), row);
            }
            // Its row is written by whoever waits for its audio.
            Persist::Recording(_) => {}
            Persist::Emergency(call) => self.emergencies.push(*call),
            Persist::Open(call) => {
                self.open.insert(call.id.clone(), *call);
            }
            Persist::Record(record) => {
                self.open.remove(&record.id);
                self.records.push(*record);
            }
            Persist::Refused(refusal) => self.refused.push(*refusal),
            Persist::Ban(ban) => self.bans.push(*ban),
            Persist::RegistrationLog(row) => self.log.push(*row),
        }
    }

    /// Commits the batch; after an error it can be called again.
    pub(super) async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        state: &mut State,
    ) -> Result<(), StoreError> {
        self.fold(connection, state).await?;
        let open: Vec<_> = self.open.values().collect();
        let ended: Vec<_> =
            self.records.iter().map(|r| &*r.id).filter(|id| state.open.contains(*id)).collect();
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        history::write_open(&mut tx, &open).await?;
        history::write(&mut tx, &self.records).await?;
        history::forget_open(&mut tx, &ended).await?;
        write_bindings(&mut tx, &self.bindings).await?;
        counter::write(&mut tx, &self.counters).await?;
        audit::write_emergencies(&mut tx, &self.emergencies).await?;
        registration_log::write(&mut tx, &self.log, &mut state.lines).await?;
        ban::write(&mut tx, &self.bans.iter().collect::<Vec<_>>()).await?;
        if let Some(folds) = &state.folds {
            folds.write(&mut tx).await?;
        }
        tx.commit().await?;
        state.open.extend(self.open.drain().map(|(id, _)| id));
        for record in &self.records {
            state.open.remove(&record.id);
        }
        if let Some(folds) = &mut state.folds {
            folds.written();
        }
        Ok(())
    }

    /// Moves refusals into the folded rows, which remember what the disk lacks.
    async fn fold(&mut self, connection: &mut SqliteConnection, state: &mut State) -> Result<(), StoreError> {
        if self.refused.is_empty() && self.amend.is_empty() {
            return Ok(());
        }
        let folds = match &mut state.folds {
            Some(folds) => folds,
            none => none.insert(Folds::load(connection).await?),
        };
        for refusal in self.refused.drain(..) {
            folds.add(&refusal);
        }
        for amend in self.amend.drain(..) {
            amend.amend(folds);
        }
        Ok(())
    }
}

async fn write_bindings(
    connection: &mut SqliteConnection,
    bindings: &HashMap<(Box<str>, Box<str>), Option<Box<BindingRow>>>,
) -> Result<(), StoreError> {
    let gone: Vec<_> = bindings.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key).collect();
    for chunk in gone.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM bindings WHERE (connection, contact) IN (");
        query.push_values(chunk, |mut values, (connection, contact)| {
            values.push_bind(&**connection).push_bind(&**contact);
        });
        query.push(")");
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    let made: Vec<_> = bindings.values().flatten().collect();
    for chunk in made.chunks(ROWS_PER_STATEMENT) {
        let texts = chunk.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(StoreError::internal)?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT OR REPLACE INTO bindings (connection, contact, expires_at, row) ",
        );
        query.push_values(chunk.iter().zip(&texts), |mut values, (row, text)| {
            values
                .push_bind(&*row.connection)
                .push_bind(&*row.contact)
                .push_bind(clock::stored(row.expires_at))
                .push_bind(text);
        });
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}
