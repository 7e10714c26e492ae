//! A domain: a host name of ours and what it stands for.

use serde::{Deserialize, Serialize};

use super::{AccountId, DomainId, FlowId};

/// A host name that Request-URIs, From and To may carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Identifier, `dom_…`.
    pub id: DomainId,
    /// Lower-case host name, unique in the installation.
    pub host: String,
    /// Owner.
    pub account: AccountId,
    /// What the host is for.
    #[serde(default)]
    pub role: DomainRole,
    /// Name of the application, for generated hosts.
    #[serde(default)]
    pub application: Option<String>,
    /// Digest realm; fixed at creation so that a rename keeps passwords.
    pub realm: String,
    /// Digest algorithms, in the order they are offered (RFC 8760).
    #[serde(default = "md5_then_sha256")]
    pub digest: Vec<DigestAlgorithm>,
    /// Further hosts that mean the same domain.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Flow for calls that match nothing else.
    #[serde(default)]
    pub default_flow: Option<FlowId>,
    /// Address asked what to do with a call.
    #[serde(default)]
    pub voice_url: Option<String>,
}

/// What a domain is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainRole {
    /// Devices register here.
    #[default]
    Registrar,
    /// A trunk's own host.
    Trunk,
    /// Both.
    Shared,
}

/// A digest algorithm a domain offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestAlgorithm {
    /// RFC 2617.
    Md5,
    /// RFC 7616.
    Sha256,
}

fn md5_then_sha256() -> Vec<DigestAlgorithm> {
    vec![DigestAlgorithm::Md5, DigestAlgorithm::Sha256]
}
