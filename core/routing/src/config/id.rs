//! Identifiers of rows: prefixed, sortable text made by the host (`con_…`, `acc_…`), cheap to clone and compare.

use std::sync::Arc;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

id! {
    /// Names an [`super::Account`].
    AccountId,
    /// Names a [`super::Connection`].
    ConnectionId,
    /// Names a [`super::Domain`].
    DomainId,
    /// Names a call flow.
    FlowId,
    /// Names a [`super::Mailbox`].
    MailboxId,
    /// Names a [`super::NumberRow`].
    NumberId,
    /// Names a [`super::Person`].
    PersonId,
}
