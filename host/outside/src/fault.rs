//! Why a request to the outside brought nothing, in words for whoever named its address.

use std::net::IpAddr;
use std::time::Duration;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no address that could be asked.
    #[error("{0} is no http:// or https:// address")]
    Address(Box<str>),
    /// It leads where nobody outside should lead us.
    #[error("{}{kind}; start the server with --http-allow {address} to let requests go there", leads(host, *address))]
    Private {
        /// The host as it was written.
        host: Box<str>,
        /// Its address.
        address: IpAddr,
        /// What kind of address that is.
        kind: &'static str,
    },
    /// It holds what should not stand in an address.
    #[error("no user and password in the address of {0}")]
    Credentials(Box<str>),
    /// The name leads nowhere.
    #[error("no address is known for {0}")]
    Name(Box<str>),
    /// Nobody answers there.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// The host as it was written.
        host: Box<str>,
        /// What the system says.
        why: Box<str>,
    },
    /// No agreement on TLS.
    #[error("TLS with {host} failed: {why}")]
    Tls {
        /// The host as it was written.
        host: Box<str>,
        /// What is wrong.
        why: Box<str>,
    },
    /// What came is no answer.
    #[error("{host} does not answer in HTTP: {why}")]
    Broken {
        /// The host as it was written.
        host: Box<str>,
        /// What is wrong.
        why: Box<str>,
    },
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// More came than was asked for.
    #[error("the answer is longer than {0} octets")]
    TooLong(usize),
    /// It leads from one address to the next.
    #[error("more than {0} redirects")]
    Redirects(u8),
}

fn leads(host: &str, address: IpAddr) -> String {
    match host.trim_matches(['[', ']']).parse() == Ok(address) {
        true => format!("{address} is "),
        false => format!("{host} leads to {address}, "),
    }
}
