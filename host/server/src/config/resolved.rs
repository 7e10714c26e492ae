//! The options as the program uses them: typed and checked by construction. Every fault names the flag to change.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use net::media_loop::MediaIo;

use super::origin::{Layers, Origin};
use super::raw::Raw;

/// What `trunkline serve` runs with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The one folder that holds everything.
    pub(crate) data: PathBuf,
    /// Console and API.
    pub(crate) http: SocketAddr,
    /// Whether the HTTP port may move on when it is taken.
    pub(crate) http_may_move: bool,
    /// The same under TLS, if wanted.
    pub(crate) https: Option<SocketAddr>,
    /// Whether the HTTPS port may move on when it is taken.
    pub(crate) https_may_move: bool,
    /// Files of the default certificate and its key, when options name them.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// SIP listeners.
    pub(crate) sip: Vec<SipAddress>,
    /// Media and the addresses shown to peers.
    pub(crate) media: Media,
    /// Name servers; those of the system when there are none.
    pub(crate) dns: Vec<SocketAddr>,
    /// Domain under which names are made.
    pub(crate) base_domain: String,
    /// Country of the first account.
    pub(crate) country: Option<String>,
    /// How long calls may go on after SIGTERM.
    pub(crate) drain_s: u64,
    /// Signalling threads.
    pub(crate) shards: u8,
    /// Media threads.
    pub(crate) media_workers: u8,
    /// Networks that requests of ours to the outside may reach although they are private.
    pub(crate) http_allow: Vec<IpNet>,
    /// What speaks and what listens.
    pub(crate) speech: speech::Settings,
    /// The mail server and as whom we write to it, if there is one.
    pub(crate) smtp: Option<MailServer>,
    /// Web origins that may open SIP over WebSocket; all of them when there is none.
    pub(crate) ws_origins: Vec<String>,
    /// Filter for the log.
    pub(crate) log: String,
    /// The owner's first password, when the environment has one.
    pub(crate) admin_password: Option<AdminPassword>,
}

/// Media addresses and ports.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    /// Address media is sent from; by route if absent.
    pub(crate) address: Option<IpAddr>,
    /// Port range, first and last included.
    pub(crate) ports: RangeInclusive<u16>,
    /// Address shown outside the local networks.
    pub(crate) public_ip: Option<IpAddr>,
    /// Networks that need no public address.
    pub(crate) local_nets: Vec<IpNet>,
    /// How packets are moved.
    pub(crate) io: MediaIo,
    /// How long packets may wait to be moved together.
    pub(crate) tick: Duration,
}

impl Media {
    /// How many relayed calls the range holds: two legs, two ports each.
    pub(crate) fn calls(&self) -> u32 {
        (u32::from(*self.ports.end()) + 1).saturating_sub(u32::from(*self.ports.start())) / PORTS_PER_CALL
    }
}

/// A mail server as options name it.
#[derive(Clone, Debug)]
pub(crate) struct MailServer {
    /// Where it is.
    pub(crate) url: String,
    /// As whom we write.
    pub(crate) from: String,
    /// Its password; from a file that the environment names.
    pub(crate) password: Option<AdminPassword>,
}

/// A transport and an address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SipAddress {
    /// Transport.
    pub(crate) transport: SipTransport,
    /// Address and port.
    pub(crate) address: SocketAddr,
}

impl std::fmt::Display for SipAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.transport.name(), self.address)
    }
}

/// A SIP transport that can be listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SipTransport {
    /// Datagrams.
    Udp,
    /// Stream.
    Tcp,
    /// Stream under TLS.
    Tls,
}

impl SipTransport {
    /// As written in `--sip`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// A password that no output shows.
#[derive(Clone)]
pub(crate) struct AdminPassword(pub(crate) String);

impl std::fmt::Debug for AdminPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminPassword")
    }
}

/// What is wrong with the configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct Faults(pub(crate) Vec<String>);

/// Types and checks the values of the layers; all faults at once.
pub(crate) fn resolve(
    data: PathBuf,
    layers: &Layers,
    admin_password: Option<AdminPassword>,
) -> Result<Config, Faults> {
    let raw = layers.values().map_err(|fault| Faults(fault.lines().map(str::to_owned).collect()))?;
    let mut check = Check { layers, faults: Vec::new() };
    let http = check.http(&raw);
    let https = check.https(&raw);
    let certificate = check.certificate(&raw);
    let sip = check.sip(&raw);
    let media = check.media(&raw);
    let dns = check.dns(&raw);
    let base_domain = check.base_domain(&raw);
    let country = check.country(&raw);
    let shards = check.count("shards", raw.shards, 64);
    let media_workers = check.count("media_workers", raw.media_workers, 64);
    check.database(&raw);
    let ws_origins = check.origins(raw.ws_origins.as_deref());
    let speech = super::speech::settings(&mut check, &raw);
    let smtp = check.smtp(&raw, &base_domain);
    let http_allow = check.nets("http_allow", raw.http_allow.as_deref());
    if !check.faults.is_empty() {
        return Err(Faults(check.faults));
    }
    Ok(Config {
        data,
        http,
        http_may_move: layers.origin("http") == Origin::Default,
        https,
        https_may_move: layers.origin("https") == Origin::Default,
        certificate,
        sip,
        media,
        dns,
        http_allow,
        speech,
        smtp,
        ws_origins,
        base_domain,
        country,
        drain_s: raw.drain_s.unwrap_or_default(),
        shards,
        media_workers,
        log: raw.log.unwrap_or_default(),
        admin_password,
    })
}

/// Collects faults while values are typed; a faulty value becomes a harmless one that is never used.
pub(super) struct Check<'a> {
    layers: &'a Layers,
    faults: Vec<String>,
}

impl Check<'_> {
    pub(super) fn fault(&mut self, key: &str, text: &str) {
        let place = match self.layers.origin(key) {
            Origin::File(path) => format!("{path}, {key}"),
            Origin::Environment(name) => name,
            Origin::Flag(name) => name,
            Origin::Default => super::origin::flag(key),
        };
        self.faults.push(format!("{place}: {text}"));
    }

    fn http(&mut self, raw: &Raw) -> SocketAddr {
        let text = raw.http.as_deref().unwrap_or_default();
        text.parse().unwrap_or_else(|_| {
            self.fault("http", &format!("`{text}` is no ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080"));
            NOWHERE
        })
    }

    fn https(&mut self, raw: &Raw) -> Option<SocketAddr> {
        let text = raw.https.as_deref().filter(|text| *text != "off")?;
        let address = text.parse().ok();
        if address.is_none() {
            self.fault("https", &format!("`{text}` is no ADDRESS:PORT such as 0.0.0.0:8443, and not `off`"));
        }
        address
    }

    fn certificate(&mut self, raw: &Raw) -> Option<(PathBuf, PathBuf)> {
        match (&raw.tls_cert, &raw.tls_key) {
            (Some(chain), Some(key)) => Some((chain.into(), key.into())),
            (Some(_), None) => {
                self.fault("tls_key", "--tls-cert needs the private key, too: --tls-key FILE");
                None
            }
            (None, Some(_)) => {
                self.fault("tls_cert", "--tls-key needs the certificate, too: --tls-cert FILE");
                None
            }
            (None, None) => None,
        }
    }

    fn sip(&mut self, raw: &Raw) -> Vec<SipAddress> {
        let mut found: Vec<SipAddress> = Vec::new();
        for text in raw.sip.iter().flatten() {
            match sip_address(text) {
                Ok(address) if found.contains(&address) => {
                    self.fault("sip", &format!("`{text}` stands twice"))
                }
                Ok(address) => found.push(address),
                Err(fault) => self.fault("sip", &fault),
            }
        }
        if found.is_empty() && self.faults.is_empty() {
            self.fault("sip", "at least one address is needed, such as udp:0.0.0.0:5060");
        }
        found
    }

    fn media(&mut self, raw: &Raw) -> Media {
        let address = self.ip("media", raw.media.as_deref());
        if address.is_some_and(|address| address.is_unspecified()) {
            self.fault("media", "one address is needed that peers can reach, not the unspecified one");
        }
        Media {
            address,
            ports: self.media_ports(raw),
            public_ip: self.ip("public_ip", raw.public_ip.as_deref()),
            local_nets: self.nets("local_net", raw.local_net.as_deref()),
            io: self.media_io(raw),
            tick: self.media_tick(raw),
        }
    }

    fn media_io(&mut self, raw: &Raw) -> MediaIo {
        match raw.media_io.as_deref().unwrap_or_default() {
            "auto" => MediaIo::Auto,
            "epoll" => MediaIo::Epoll,
            "uring" => MediaIo::Uring,
            other => {
                self.fault("media_io", &format!("`{other}` is not auto, uring or epoll"));
                MediaIo::Auto
            }
        }
    }

    fn media_tick(&mut self, raw: &Raw) -> Duration {
        let ms = raw.media_tick_ms.unwrap_or_default();
        if ms > LONGEST_TICK_MS {
            self.fault("media_tick_ms", &format!("{ms} ms are heard: at most {LONGEST_TICK_MS}"));
        }
        Duration::from_millis(ms)
    }

    fn media_ports(&mut self, raw: &Raw) -> RangeInclusive<u16> {
        let text = raw.media_ports.as_deref().unwrap_or_default();
        let range = text.split_once('-').and_then(|(first, last)| {
            let (first, last) = (first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?);
            (first <= last && first >= 1024).then_some(first..=last)
        });
        let Some(range) = range else {
            self.fault(
                "media_ports",
                &format!("`{text}` is no range FIRST-LAST of ports from 1024 to 65535"),
            );
            return 20_000..=29_999;
        };
        let ports = u32::from(*range.end()) + 1 - u32::from(*range.start());
        if ports < PORTS_PER_CALL {
            self.fault(
                "media_ports",
                &format!("{ports} ports hold no call: a relayed call takes {PORTS_PER_CALL}"),
            );
        }
        range
    }

    fn ip(&mut self, key: &str, text: Option<&str>) -> Option<IpAddr> {
        let text = text?;
        let address = text.parse().ok();
        if address.is_none() {
            self.fault(key, &format!("`{text}` is no IP address"));
        }
        address
    }

    fn nets(&mut self, key: &str, texts: Option<&[String]>) -> Vec<IpNet> {
        let mut found = Vec::new();
        for text in texts.unwrap_or_default() {
            match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                Ok(net) => found.push(net.trunc()),
                Err(_) => self.fault(key, &format!("`{text}` is no network such as 10.0.0.0/8")),
            }
        }
        found
    }

    /// Origins as browsers send them: scheme and host in small letters, no path, no default port (RFC 6454 §6.2).
    fn origins(&mut self, texts: Option<&[String]>) -> Vec<String> {
        let mut found = Vec::new();
        for text in texts.unwrap_or_default() {
            let origin = text.to_ascii_lowercase();
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            let default_port = if scheme == "https" { ":443" } else { ":80" };
            let host = host.strip_suffix(default_port).unwrap_or(host);
            let plain =
                !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@".contains(&b));
            if !plain || !matches!(scheme, "http" | "https") {
                self.fault("ws_origins", &format!("`{text}` is no origin such as https://phone.example.com"));
            }
            found.push(format!("{scheme}://{host}"));
        }
        found
    }

    fn dns(&mut self, raw: &Raw) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for text in raw.dns.iter().flatten() {
            let address = text.trim_matches(['[', ']']).parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
            match address.or_else(|_| text.parse()) {
                Ok(address) => found.push(address),
                Err(_) => {
                    self.fault(
                        "dns",
                        &format!("`{text}` is no ADDRESS[:PORT] such as 192.0.2.53 or [::1]:53"),
                    );
                }
            }
        }
        found
    }

    fn base_domain(&mut self, raw: &Raw) -> String {
        let name = raw.base_domain.as_deref().unwrap_or_default().trim_end_matches('.').to_lowercase();
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        if name.len() > 200 || !name.split('.').all(label) {
            self.fault("base_domain", &format!("`{name}` is no host name"));
        }
        name
    }

    fn country(&mut self, raw: &Raw) -> Option<String> {
        let text = raw.country.as_deref()?;
        if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            self.fault("country", &format!("`{text}` is no ISO 3166 code of two letters, such as DE"));
        }
        Some(text.to_uppercase())
    }

    fn count(&mut self, key: &str, value: Option<u64>, most: u8) -> u8 {
        let value = value.unwrap_or(1);
        match u8::try_from(value) {
            Ok(count) if (1..=most).contains(&count) => count,
            _ => {
                self.fault(key, &format!("{value} is not between 1 and {most}"));
                1
            }
        }
    }

    fn smtp(&mut self, raw: &Raw, base_domain: &str) -> Option<MailServer> {
        let url = raw.smtp.clone()?;
        let from = raw.smtp_from.clone().unwrap_or_else(|| format!("trunkline@{base_domain}"));
        let host = url.strip_prefix("smtp://").or_else(|| url.strip_prefix("smtps://"));
        if host.is_none_or(str::is_empty) {
            self.fault("smtp", &format!("`{url}` is no smtp://HOST:PORT and no smtps://HOST"));
        } else if host.and_then(|host| host.split_once('@')).is_some_and(|(user, _)| user.contains(':')) {
            self.fault("smtp", "the password belongs into the file that TRUNKLINE_SMTP_PASSWORD_FILE names");
        }
        if !from.contains('@') {
            self.fault("smtp_from", &format!("`{from}` is no e-mail address"));
        }
        Some(MailServer { url, from, password: None })
    }

    fn database(&mut self, raw: &Raw) {
        let url = raw.database.as_deref().unwrap_or_default();
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            self.fault(
                "database",
                "PostgreSQL arrives in a later release; leave the option out to use SQLite",
            );
        } else if url != "sqlite:trunkline.db" {
            self.fault(
                "database",
                &format!("`{url}`: only sqlite:trunkline.db in the data folder works in this release"),
            );
        }
    }
}

/// Reads `udp:0.0.0.0:5060` or `tls:[::1]:5061`.
fn sip_address(text: &str) -> Result<SipAddress, String> {
    let shape =
        || format!("`{text}` is no TRANSPORT:ADDRESS:PORT such as udp:0.0.0.0:5060 or udp:[::1]:5060");
    let (transport, address) = text.split_once(':').ok_or_else(shape)?;
    let transport = match transport {
        "udp" => SipTransport::Udp,
        "tcp" => SipTransport::Tcp,
        "tls" => SipTransport::Tls,
        _ => return Err(shape()),
    };
    let address: SocketAddr = address.parse().map_err(|_| shape())?;
    Ok(SipAddress { transport, address })
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
/// Half a packet: more is heard, and no peer expects it.
const LONGEST_TICK_MS: u64 = 10;
/// RTP and RTCP on each of two legs.
const PORTS_PER_CALL: u32 = 4;
