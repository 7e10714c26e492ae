//! Changes of people that calls make: star codes and flows.

use std::sync::Arc;

use routing::config::{Change, Person};
use store::Actor;

use crate::Api;
use crate::collection::commit_as;

impl Api {
    /// Changes the person of `account` whose connection this is. Whether there is one; or why it cannot be changed.
    pub async fn change_person(
        self: &Arc<Self>,
        account: &str,
        connection: &str,
        change: impl FnOnce(&mut Person),
    ) -> Result<bool, String> {
        let turn = self.turn().await;
        let person = {
            let rows = self.rows();
            let row = rows.connections.get(connection).filter(|row| row.account.as_str() == account);
            row.and_then(|row| rows.person_of(&row.id)).map(|person| Person::clone(person))
        };
        let Some(mut person) = person else { return Ok(false) };
        change(&mut person);
        let actor = Actor { name: connection.to_owned(), via: "phone".to_owned() };
        let changes = vec![Change::Person(Arc::new(person))];
        commit_as(self, turn, actor, changes).await.map(|_| true).map_err(|problem| problem.detail)
    }
}
