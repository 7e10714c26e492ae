//! Star codes: a phone sets something for its person, or reaches somebody who waits or rings. A flow of ours does it, so
//! that the caller hears what came of it and history tells.

use std::sync::Arc;

use callflow::{Graph, Published, ours};
use routing::config::{AccountId, CallFlow, Connection, FlowId, FlowKind};
use routing::feature::Feature;
use routing::reason::Reason;

use crate::call::Call;
use crate::means::Means;
use crate::record::EndedBy;

impl Call {
    /// Does what the caller dialled a star code for.
    pub(crate) fn serve_feature(&mut self, feature: &Feature, means: &mut Means<'_>) {
        let connection = self.connection_in().cloned();
        self.attend_feature(feature, connection, true, means);
    }

    /// The same for whoever dialled it, or was handed over to it by this connection.
    pub(super) fn attend_feature(
        &mut self,
        feature: &Feature,
        by: Option<Arc<Connection>>,
        dialled: bool,
        means: &mut Means<'_>,
    ) {
        let graph = graph_of(feature, by.as_deref(), dialled);
        let account = by.as_ref().map(|row| &row.account).or_else(|| self.account()).cloned();
        match (account, graph) {
            (Some(account), Some(graph)) => {
                let (published, flow) = of_ours("star_code", account, graph);
                self.attend_as(published, flow, by, means);
            }
            (Some(_) | None, _) => self.hang_up(Reason::Fault, EndedBy::System, means),
        }
    }

    /// The call is picked up while it rings: from here on a flow of ours has it. Whether it does.
    pub(super) fn enter_picked_up(&mut self, account: &AccountId, means: &mut Means<'_>) -> bool {
        let Some(graph) = ours::picked_up() else { return false };
        let (published, flow) = of_ours("picked_up", account.clone(), graph);
        // What it would ask is done already.
        let _ = self.enter(published, flow, None, means);
        true
    }
}

/// What a star code does, for whoever dials it or hands somebody over to it.
fn graph_of(feature: &Feature, by: Option<&Connection>, announced: bool) -> Option<Graph> {
    match feature {
        Feature::Forward(condition, Some(to)) => ours::person(condition.name(), Some(to), true),
        Feature::Forward(condition, None) => ours::person(condition.name(), None, false),
        Feature::Undisturbed(on) => ours::person("dnd", None, *on),
        Feature::Park(orbit) => ours::park(orbit.as_deref(), by.map(|row| row.id.as_str()), announced),
        Feature::PickUp(of) => ours::pick_up(of.as_ref().map(|id| id.as_str())),
        Feature::Retrieve(orbit) => ours::retrieve(orbit),
    }
}

/// A flow that is nobody's but ours, run for this account.
fn of_ours(id: &str, account: AccountId, graph: Graph) -> (Arc<Published>, Arc<CallFlow>) {
    let flow = Arc::new(CallFlow {
        id: FlowId::from(id),
        name: id.replace('_', " "),
        account,
        kind: FlowKind::Graph,
        draft: Default::default(),
        published: None,
        zones: Arc::default(),
    });
    (Arc::new(Published { id: Arc::clone(&flow.id.0), version: 0, graph }), flow)
}
