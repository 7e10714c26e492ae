//! The options as people write them: one struct is the flags, the file and the environment.
//!
//! Each option has its name, its words and its default here and nowhere else; the reference page is generated
//! from it. No logic: [`super::resolved`] turns the text into types and says what is wrong with it.

use clap::Args;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// What may be set, by flag `--media-ports`, in `trunkline.toml` as `media_ports`, or as `TRUNKLINE_MEDIA_PORTS`.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Address of the console and the API; the default port moves on when it is taken
    #[arg(long, value_name = "ADDR:PORT")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<String>,
    /// The same under TLS, or `off`; the default port moves on when it is taken
    #[arg(long, value_name = "ADDR:PORT")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) https: Option<String>,
    /// Where SIP is heard: udp:, tcp: or tls: and ADDR:PORT, repeatable; any replaces the whole default list
    #[arg(long, value_name = "TRANSPORT:ADDR:PORT")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) sip: Option<Vec<String>>,
    /// Certificate chain in PEM that is presented by default, to SIP and HTTPS; read again when it changes
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) tls_cert: Option<String>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key: Option<String>,
    /// Address media is sent from and shown to peers; default: the one the route to the peer uses
    #[arg(long, value_name = "ADDR")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) media: Option<String>,
    /// UDP ports for media; each leg of a call takes two
    #[arg(long, value_name = "FIRST-LAST")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) media_ports: Option<String>,
    /// Address shown to peers outside the local networks
    #[arg(long, value_name = "ADDR")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) public_ip: Option<String>,
    /// Networks that reach us without the public address, repeatable
    #[arg(long, value_name = "CIDR")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) local_net: Option<Vec<String>>,
    /// Name servers to ask instead of those of /etc/resolv.conf, repeatable; the port is 53 unless given
    #[arg(long, value_name = "ADDR[:PORT]")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) dns: Option<Vec<String>>,
    /// Domain under which names are made: sip.NAME, TRUNK.trunk.NAME
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) base_domain: Option<String>,
    /// ISO 3166 code of the first account's country; decides national number formats
    #[arg(long, value_name = "CC")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<String>,
    /// Seconds that calls may go on after SIGTERM before they get a BYE
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drain_s: Option<u64>,
    /// Signalling threads
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shards: Option<u64>,
    /// Media threads
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media_workers: Option<u64>,
    /// How media packets are moved: `uring` is io_uring (Linux 6.1 or newer), `epoll` works everywhere, `auto` takes the
    /// first that the kernel allows
    #[arg(long, value_name = "WAY")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) media_io: Option<String>,
    /// Milliseconds that media packets may wait to be moved together, up to 10; 0 moves each at once
    #[arg(long, value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media_tick_ms: Option<u64>,
    /// Networks that our own web requests may reach although they are private, repeatable
    #[arg(long, value_name = "CIDR")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) http_allow: Option<Vec<String>>,
    /// What speaks: `auto` is espeak-ng where it is installed; else `off`, a command with {text} {voice} {language} {out}, or
    /// the URL of a server like `https://api.example.com/v1`
    #[arg(long, value_name = "auto|off|COMMAND|URL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) synthesizer: Option<String>,
    /// Model that a server is asked to speak with
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) synthesizer_model: Option<String>,
    /// Voice of a command or a server where a flow names none; default for a server: alloy
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) synthesizer_voice: Option<String>,
    /// Languages that a command or a server may be asked to speak, repeatable; default: all
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) synthesizer_languages: Option<Vec<String>>,
    /// What writes down speech: `auto` is a Whisper model in the data folder, as `make transcripts` puts it there; else `off`,
    /// a command with {in} {language}, or the URL of a server
    #[arg(long, value_name = "auto|off|COMMAND|URL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) transcriber: Option<String>,
    /// Model that a server is asked to listen with
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) transcriber_model: Option<String>,
    /// Languages that a command or a server understands, repeatable; default: English for a command, all for a server
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) transcriber_languages: Option<Vec<String>>,
    /// Megabytes of what was spoken before that are kept
    #[arg(long, value_name = "MB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speech_cache_mb: Option<u64>,
    /// Web origins that may open SIP over WebSocket, repeatable; default: all
    #[arg(long, value_name = "ORIGIN")]
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub(crate) ws_origins: Option<Vec<String>>,
    /// Mail server that takes e-mails about messages in mailboxes: `smtp://HOST`, also with `USER@` before and `:PORT`
    /// after it, with `?tls=required` for STARTTLS, or `smtps://HOST`; its password comes from the file in TRUNKLINE_SMTP_PASSWORD_FILE
    #[arg(long, value_name = "URL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) smtp: Option<String>,
    /// Address that such e-mails come from; default: trunkline@ and the base domain
    #[arg(long, value_name = "ADDRESS")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) smtp_from: Option<String>,
    /// Where configuration and history are kept; default: SQLite in the data folder
    #[arg(long, value_name = "URL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    /// What is logged, such as `info` or `warn,net=debug`; RUST_LOG counts too
    #[arg(long, value_name = "FILTER")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
}

/// The default of every option that has one.
pub(crate) fn defaults() -> Raw {
    let some = |text: &str| Some(text.to_owned());
    let all = |list: &[&str]| Some(list.iter().map(|&text| text.to_owned()).collect());
    Raw {
        http: some("127.0.0.1:8080"),
        https: some("0.0.0.0:8443"),
        sip: all(&["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "tls:0.0.0.0:5061"]),
        tls_cert: None,
        tls_key: None,
        media: None,
        media_ports: some("20000-29999"),
        public_ip: None,
        local_net: all(&[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "127.0.0.0/8",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ]),
        dns: all(&[]),
        base_domain: some("localhost"),
        country: None,
        drain_s: Some(30),
        shards: Some(1),
        media_workers: Some(1),
        media_io: some("auto"),
        media_tick_ms: Some(0),
        http_allow: all(&[]),
        synthesizer: some("auto"),
        synthesizer_model: some("tts-1"),
        synthesizer_voice: None,
        synthesizer_languages: all(&[]),
        transcriber: some("auto"),
        transcriber_model: some("whisper-1"),
        transcriber_languages: all(&[]),
        speech_cache_mb: Some(100),
        ws_origins: all(&[]),
        smtp: None,
        smtp_from: None,
        database: some("sqlite:trunkline.db"),
        log: some("info"),
    }
}

/// A text; a bare number in a file is taken as its digits.
fn text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(u64),
    }
    Ok(Option::<Written>::deserialize(input)?.map(|written| match written {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    }))
}

/// A list, or one text with commas or spaces between its parts, as the environment has it.
fn list<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Parts;

    impl<'de> Visitor<'de> for Parts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list, or text with commas")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
            Ok(parts.map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some(part) = parts.next_element()? {
                found.push(part);
            }
            Ok(found)
        }
    }

    input.deserialize_any(Parts).map(Some)
}
