//! What a start says: where everything is, what will not work yet, and the set-up link last.
//!
//! On a terminal lines for people; else one line of JSON with the same facts.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use certificates::Entry;
use serde::Serialize;

use crate::config::resolved::Config;
use crate::{open_files, out};

/// The facts of a start.
#[derive(Debug, Serialize)]
pub(crate) struct Banner {
    /// Our version.
    pub(crate) version: &'static str,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Whether it was made just now.
    pub(crate) data_is_new: bool,
    /// Options that are not at their default, with their origin.
    pub(crate) options: Vec<Set>,
    /// Console and API.
    pub(crate) http: Vec<String>,
    /// What is presented to whoever wants TLS.
    pub(crate) certificates: Vec<Certificate>,
    /// SIP listeners, `udp:0.0.0.0:5060`.
    pub(crate) sip: Vec<String>,
    /// Media.
    pub(crate) media: MediaFacts,
    /// Address shown to peers outside.
    pub(crate) public_ip: Option<IpAddr>,
    /// What will not work, and the command that cures it.
    pub(crate) warnings: Vec<String>,
    /// The link to claim the installation, while nobody has.
    pub(crate) setup_link: Option<String>,
}

/// A certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Certificate {
    /// Its name.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) subject: String,
    /// The day it expires.
    pub(crate) expires: String,
    /// SHA-256.
    pub(crate) fingerprint: String,
    /// Whether it is the default.
    pub(crate) default: bool,
    /// What is wrong with it.
    pub(crate) problem: Option<String>,
}

impl Certificate {
    /// Of what the folder says.
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            name: entry.name.clone(),
            subject: entry.subject.clone(),
            expires: certificates::day(entry.not_after),
            fingerprint: entry.fingerprint.clone(),
            default: entry.default,
            problem: entry.problem.clone(),
        }
    }

    fn text(&self) -> String {
        let (name, subject, expires) = (&self.name, &self.subject, &self.expires);
        format!("  tls       {name}: {subject}, until {expires}, sha256 {}", self.fingerprint)
    }
}

/// An option that somebody set.
#[derive(Debug, Serialize)]
pub(crate) struct Set {
    /// Name.
    pub(crate) option: String,
    /// Value.
    pub(crate) value: String,
    /// File, variable or flag.
    pub(crate) origin: String,
}

/// The media range.
#[derive(Debug, Serialize)]
pub(crate) struct MediaFacts {
    /// First port.
    pub(crate) first_port: u16,
    /// Last port.
    pub(crate) last_port: u16,
    /// Relayed calls that fit.
    pub(crate) calls: u32,
    /// How packets are moved: `uring` or `epoll`.
    pub(crate) io: &'static str,
    /// Why not through io_uring, if that was tried.
    pub(crate) refusal: Option<String>,
}

impl Banner {
    /// Prints it the way the reader of stdout needs it.
    pub(crate) fn print(&self) {
        if out::is_terminal() {
            out::line(&self.text());
        } else {
            out::line(&serde_json::to_string(self).unwrap_or_default());
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("Trunkline {}", self.version), String::new()];
        let new = if self.data_is_new { "new" } else { "existing" };
        lines.push(format!("  data      {} ({new})", self.data.display()));
        for set in &self.options {
            lines.push(format!("  option    {} = {}  (from {})", set.option, set.value, set.origin));
        }
        lines.extend(self.http.iter().map(|url| format!("  http      {url}")));
        lines.extend(self.sip.iter().map(|address| format!("  sip       {address}")));
        lines.extend(self.certificates.iter().filter(|c| c.default).map(Certificate::text));
        let media = &self.media;
        let range = format!("{}-{}", media.first_port, media.last_port);
        let io = match (media.io, &media.refusal) {
            ("uring", _) => "io_uring".to_owned(),
            (io, Some(refusal)) => format!("{io}, as the system refuses io_uring: {refusal}"),
            (io, None) => io.to_owned(),
        };
        lines.push(format!("  media     udp {range}, room for {} calls; {io}", media.calls));
        lines.push(match self.public_ip {
            Some(address) => format!("  public    {address}"),
            None => "  public    unknown: peers beyond the local networks will hear no audio".to_owned(),
        });
        if !self.warnings.is_empty() {
            lines.push(String::new());
            lines.extend(self.warnings.iter().map(|warning| format!("  ! {warning}")));
        }
        if let Some(link) = &self.setup_link {
            lines.push(String::new());
            lines.push("Open this link to claim the installation (30 minutes, once):".to_owned());
            lines.push(String::new());
            lines.push(link.clone());
        }
        lines.join("\n")
    }
}

/// What will not work with this configuration, each with the command that cures it.
pub(crate) fn warnings(
    config: &Config,
    http: SocketAddr,
    https: Option<SocketAddr>,
    sip_port: u16,
    open_files: Option<u64>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.http.port() != http.port() {
        let wanted = config.http.port();
        warnings.push(format!(
            "port {wanted} is taken, so HTTP moved to {}: --http ADDR:PORT fixes it",
            http.port()
        ));
    }
    if let (Some(wanted), Some(bound)) = (config.https, https)
        && wanted.port() != bound.port()
    {
        let (wanted, port) = (wanted.port(), bound.port());
        warnings
            .push(format!("port {wanted} is taken, so HTTPS moved to {port}: --https ADDR:PORT fixes it"));
    }
    if config.media.calls() < FEW_CALLS {
        let calls = config.media.calls();
        warnings
            .push(format!("the media range holds {calls} calls only: --media-ports 20000-29999 holds 2500"));
    }
    let room = open_files.map_or(u64::MAX, open_files::calls);
    if room < u64::from(config.media.calls()) {
        let files = open_files.unwrap_or_default();
        warnings.push(format!(
            "{files} open files hold {room} relayed calls only: `ulimit -n 65536`, or LimitNOFILE=65536 in the unit"
        ));
    }
    if config.media.public_ip.is_none()
        && config.sip.iter().any(|listener| !listener.address.ip().is_loopback())
    {
        warnings.push(
            "no public address: --public-ip ADDR lets peers on the internet send audio here".to_owned(),
        );
    }
    if sip_port != 5060 {
        warnings
            .push(format!("SIP is not on 5060: phones need the port, sip.{}:{sip_port}", config.base_domain));
    }
    if config.country.is_none() {
        warnings.push(
            "no country, so national numbers are not understood: TRUNKLINE_COUNTRY=DE, or in set-up"
                .to_owned(),
        );
    }
    if open_to_all(http.ip()) {
        warnings
            .push("the API is plain HTTP on an outside address; keep it behind a proxy with TLS".to_owned());
    }
    warnings
}

fn open_to_all(address: IpAddr) -> bool {
    !address.is_loopback()
}

/// Fewer relayed calls than this deserve a word.
const FEW_CALLS: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn banner() -> Banner {
        let set = Set { option: "drain_s".into(), value: "5".into(), origin: "--drain-s".into() };
        Banner {
            version: "0.1.0",
            data: "trunkline-data".into(),
            data_is_new: true,
            options: vec![set],
            http: vec!["http://127.0.0.1:8080/".into()],
            certificates: Vec::new(),
            sip: vec!["udp:0.0.0.0:5060".into(), "tcp:0.0.0.0:5060".into()],
            media: MediaFacts {
                first_port: 20_000,
                last_port: 29_999,
                calls: 2500,
                io: "epoll",
                refusal: Some("Operation not permitted".into()),
            },
            public_ip: None,
            warnings: vec!["no public address".into()],
            setup_link: Some("http://127.0.0.1:8080/#setup=abc".into()),
        }
    }

    #[test]
    fn the_link_stands_last_and_alone() {
        let text = banner().text();
        assert_eq!(text.lines().last(), Some("http://127.0.0.1:8080/#setup=abc"));
        assert!(text.contains("trunkline-data (new)"));
        assert!(text.contains("drain_s = 5  (from --drain-s)"));
        assert!(text.contains(
            "udp 20000-29999, room for 2500 calls; epoll, as the system refuses io_uring: Operation not"
        ));
        assert!(text.contains("unknown: peers beyond the local networks will hear no audio"));
    }

    #[test]
    fn machines_get_one_line() {
        let line = serde_json::to_string(&banner()).expect("plain data");
        assert!(!line.contains('\n'));
        assert!(line.contains("\"setup_link\":\"http://127.0.0.1:8080/#setup=abc\""));
    }
}
