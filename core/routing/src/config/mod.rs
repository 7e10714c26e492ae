//! The rows an installation is configured with, exactly as the API shows them.
//!
//! Plain data: parsing and checking of what people type happens at the API's edge, compiled forms live in
//! [`crate::tables`]. Secrets ride along in fields that serialisation skips.

mod account;
mod call_flow;
mod connection;
mod delta;
mod domain;
mod id;
mod limits;
mod mailbox;
mod number;
mod person;
mod secret;
mod stir;
mod zone;

pub use account::{Account, Defaults, Emergency, Quota, Retention};
pub use call_flow::{CallFlow, FlowKind, FlowVersion};
pub use connection::{
    CallerIdFault, Connection, DialAction, Dialled, DidIn, DtmfMode, FailurePolicy, HeaderRules, Ice,
    IceServer, IpPolicy, Kind, Latching, MediaMode, MediaProfile, NumberFormat, NumberFormats, Peer, Probe,
    Register, Rewrite, Srtp, Target, Timers, TlsSettings, Transcode, Transport,
};
pub use delta::{Change, Delta};
pub use domain::{DigestAlgorithm, Domain, DomainRole};
pub use id::{AccountId, ConnectionId, DomainId, FlowId, MailboxId, NumberId, PersonId};
pub use limits::{Allowance, Countries, FirstCall, InForce, Limits, Window};
pub use mailbox::{Attachments, Greeting, Mailbox};
pub use number::NumberRow;
pub use person::{Condition, Forward, Person, RingOrder};
pub use secret::{Credential, OutwardSecret};
pub use stir::{Stir, Verify};
pub use zone::Zone;
