//! What name servers say, as the API reaches them.

use futures_util::future::BoxFuture;

/// Asks name servers, past whatever is remembered of them.
pub trait NameServers: Send + Sync + 'static {
    /// The records of this kind, `A`, `AAAA`, `NAPTR` or `SRV`, each as a zone file writes its data.
    fn look_up(&self, name: String, kind: &'static str) -> BoxFuture<'static, Looked>;
}

/// What one lookup brought.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The records; none if there are none.
    pub records: Vec<String>,
    /// Why nothing is known, when no name server answered.
    pub fault: Option<String>,
}
