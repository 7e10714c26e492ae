//! Star codes: a phone sets something for its person. A flow of ours does it, so that the caller hears what came of it and
//! history tells.

use std::sync::Arc;

use callflow::{Graph, Published, ours};
use routing::config::{AccountId, CallFlow, FlowId, FlowKind};
use routing::feature::Feature;
use routing::reason::Reason;

use crate::call::Call;
use crate::means::Means;
use crate::record::EndedBy;

impl Call {
    /// Does what the caller dialled a star code for.
    pub(crate) fn serve_feature(&mut self, feature: &Feature, means: &mut Means<'_>) {
        let graph: Option<Graph> = match feature {
            Feature::Forward(condition, Some(to)) => ours::person(condition.name(), Some(to), true),
            Feature::Forward(condition, None) => ours::person(condition.name(), None, false),
            Feature::Undisturbed(on) => ours::person("dnd", None, *on),
        };
        let (Some(account), Some(graph)) = (self.account().cloned(), graph) else {
            self.refuse(Reason::Fault, EndedBy::System, means);
            return;
        };
        let flow = Arc::new(flow_of_ours(account));
        let published = Arc::new(Published { id: Arc::clone(&flow.id.0), version: 0, graph });
        let connection = self.connection_in().cloned();
        self.attend_as(published, flow, connection, means);
    }
}

fn flow_of_ours(account: AccountId) -> CallFlow {
    CallFlow {
        id: FlowId::from("star_code"),
        name: "star code".to_owned(),
        account,
        kind: FlowKind::Graph,
        draft: Default::default(),
        published: None,
        zones: Arc::default(),
    }
}
