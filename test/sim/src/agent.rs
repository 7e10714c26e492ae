//! A scripted user agent: writes requests and answers as a phone or a carrier would (RFC 3261 §8, §12, §13, §22),
//! and does nothing by itself.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sip_msg::digest::{Algorithm, Qop, ha1, response};
use sip_msg::{Challenge, Message, Name};
use sip_stack::transport::{Flow, Protocol};

use crate::world::US;

/// One user agent.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name in the ladder.
    pub name: String,
    /// User part of its address.
    pub user: String,
    /// Host of its From.
    pub host: String,
    /// What it answers challenges with.
    pub password: String,
    /// User name and password of a pass, in place of its own.
    pub pass: Option<(String, String)>,
    /// Where it is.
    pub addr: SocketAddr,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// Number of its stream.
    pub stream: u32,
    /// Its dialogs, by label.
    pub dialogs: BTreeMap<String, Dialog>,
    /// Requests made so far; branches and tags are made from it.
    made: u32,
}

/// One dialog, or the attempt at one.
#[derive(Clone, Debug, Default)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: String,
    local: String,
    remote: String,
    local_tag: String,
    remote_tag: String,
    target: String,
    cseq: u32,
    invite: Option<Sent>,
    version: u32,
    challenge: Option<(u16, String, String)>,
    /// Entity-tag of its last publication.
    etag: String,
    nonce_count: u32,
    challenged_nonce: String,
    /// Requests received, oldest first.
    requests: Vec<Vec<u8>>,
    /// Messages sent, oldest first, with their first word.
    sent: Vec<(String, Vec<u8>)>,
    register_call: bool,
    /// RSeq of the last reliable answer heard.
    rseq: String,
}

#[derive(Clone, Debug)]
struct Sent {
    branch: String,
    cseq: u32,
    uri: String,
    final_code: u16,
    final_to: String,
}

/// What a request or an answer is to have besides what follows from the dialog.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Whom a request begins a dialog with.
    pub target: Option<String>,
    /// `md5`, `sha256`, `wrong`, `replay`, `first`; none means without credentials.
    pub auth: Option<String>,
    /// Description: `offer`, `same`, or a direction.
    pub sdp: Option<String>,
    /// The description demands protection: `RTP/SAVP`.
    pub savp: bool,
    /// Keys in the description: tags and suites.
    pub crypto: Vec<(u32, String)>,
    /// Which of the agent's keys those are.
    pub key: u32,
    /// Header fields, in place of those of the same name.
    pub fields: Vec<(String, String)>,
    /// Names of header fields to leave out.
    pub without: Vec<String>,
    /// User part of From.
    pub from: Option<String>,
    /// Another tag of ours: another callee behind a fork.
    pub tag: Option<String>,
    /// The From of the newest call received, as one who sends it back to us has it.
    pub sends_back: bool,
    /// SIP-If-Match with the entity-tag of the last publication.
    pub if_match: bool,
    /// A body as it is, with its type.
    pub body: Option<(String, String)>,
}

impl Agent {
    /// An agent at an address.
    pub fn new(name: &str, addr: SocketAddr, protocol: Protocol, stream: u32) -> Self {
        Self {
            name: name.to_owned(),
            user: name.to_owned(),
            host: crate::rows::DOMAIN.to_owned(),
            password: name.to_owned(),
            pass: None,
            addr,
            protocol,
            stream,
            dialogs: BTreeMap::new(),
            made: 0,
        }
    }

    /// The flow its messages take.
    pub fn flow(&self) -> Flow {
        let (listener, stream) = match self.protocol {
            Protocol::Udp => (0, 0),
            Protocol::Tls => (2, self.stream),
            Protocol::Ws => (3, self.stream),
            Protocol::Wss => (4, self.stream),
            Protocol::Tcp => (1, self.stream),
        };
        Flow { protocol: self.protocol, listener, stream, remote: self.addr }
    }

    /// A request in the dialog of this label.
    pub fn request(&mut self, label: &str, method: &str, wish: &Wish) -> Result<Vec<u8>, String> {
        self.made += 1;
        let unique = format!("{}-{}", self.name, self.made);
        let fresh =
            !self.dialogs.contains_key(label) || (method == "REGISTER") != self.dialogs[label].register_call;
        if fresh {
            self.begin(label, method, wish, &unique);
        }
        let via = match self.protocol.is_web() {
            true => format!("SIP/2.0/{} {}.invalid", self.protocol.via(), self.name),
            false => format!("SIP/2.0/{} {};rport", self.protocol.via(), self.addr),
        };
        let contact = self.contact();
        let login = || (self.user.clone(), self.password.clone());
        let (user, password) = self.pass.clone().unwrap_or_else(login);
        let received = if wish.sends_back { self.received_from() } else { None };
        let dialog = self.dialogs.get_mut(label).ok_or("no dialog")?;
        let bound = matches!(method, "ACK" | "CANCEL");
        if bound && dialog.invite.is_none() {
            return Err(format!("{method} without an INVITE"));
        }
        if !bound {
            dialog.cseq += 1;
        }
        let mut branch = format!("z9hG4bK{unique}");
        let mut uri = if dialog.target.is_empty() { dialog.remote.clone() } else { dialog.target.clone() };
        let mut cseq = dialog.cseq;
        let mut remote_tag = dialog.remote_tag.clone();
        if let Some(invite) = dialog.invite.as_ref().filter(|_| bound) {
            cseq = invite.cseq;
            if method == "CANCEL" || invite.final_code >= 300 {
                branch.clone_from(&invite.branch);
                uri.clone_from(&invite.uri);
            }
            if method == "CANCEL" {
                remote_tag.clear();
            } else if invite.final_code >= 300 {
                remote_tag.clone_from(&invite.final_to);
            }
        }
        if method == "REGISTER" {
            uri = wish
                .target
                .as_ref()
                .filter(|t| t.contains(':'))
                .cloned()
                .unwrap_or_else(|| format!("sip:{}", self.host));
            remote_tag.clear();
        }
        if method == "INVITE" {
            dialog.invite = Some(Sent {
                branch: branch.clone(),
                cseq,
                uri: uri.clone(),
                final_code: 0,
                final_to: String::new(),
            });
        }
        let mut fields = vec![
            ("Via".to_owned(), format!("{via};branch={branch}")),
            ("Max-Forwards".to_owned(), "70".to_owned()),
            ("From".to_owned(), format!("<{}>;tag={}", dialog.local, dialog.local_tag)),
            ("To".to_owned(), tagged(&dialog.remote, &remote_tag)),
            ("Call-ID".to_owned(), dialog.call_id.clone()),
            ("CSeq".to_owned(), format!("{cseq} {method}")),
        ];
        if matches!(method, "INVITE" | "REGISTER" | "SUBSCRIBE" | "REFER" | "UPDATE") {
            fields.push(("Contact".to_owned(), contact));
        }
        if method == "PRACK" {
            let invite = dialog.invite.as_ref().map_or(0, |invite| invite.cseq);
            fields.push(("RAck".to_owned(), format!("{} {invite} INVITE", dialog.rseq)));
        }
        if let Some(from) = received {
            fields.retain(|(name, _)| name != "From");
            fields.push(("From".to_owned(), from));
        }
        if wish.if_match {
            fields.push(("SIP-If-Match".to_owned(), dialog.etag.clone()));
        }
        if let Some(auth) = &wish.auth {
            fields.push(dialog.credentials(&user, &password, auth, method, &uri)?);
        }
        let body = dialog.body(wish, self.addr);
        let bytes = write(&format!("{method} {uri} SIP/2.0"), fields, wish, body);
        dialog.sent.push((method.to_owned(), bytes.clone()));
        Ok(bytes)
    }

    /// An answer to the newest request of `method` received in the dialog of this label.
    pub fn answer(
        &mut self,
        label: &str,
        code: u16,
        method: Option<&str>,
        wish: &Wish,
    ) -> Result<Vec<u8>, String> {
        let contact = self.contact();
        let addr = self.addr;
        let name = self.name.clone();
        let dialog = self.dialogs.get_mut(label).ok_or_else(|| format!("{name} knows no dialog {label}"))?;
        let fits = |bytes: &&Vec<u8>| {
            method.is_none_or(|method| bytes.starts_with(method.as_bytes())) && !bytes.starts_with(b"ACK")
        };
        let request = dialog.requests.iter().rev().find(fits).cloned().ok_or("no request to answer")?;
        let request = Message::parse(&request).map_err(|_| "unreadable request")?;
        let text = |name: Name| String::from_utf8_lossy(request.field(name).unwrap_or_default()).into_owned();
        let tag = wish.tag.clone().unwrap_or_else(|| dialog.local_tag.clone());
        let to = text(Name::To);
        let to = if to.contains("tag=") || code == 100 { to } else { format!("{to};tag={tag}") };
        let invite = request.cseq().is_some_and(|(_, method)| method == b"INVITE");
        let mut fields = vec![];
        for via in request.fields(Name::Via) {
            fields.push(("Via".to_owned(), String::from_utf8_lossy(via).into_owned()));
        }
        fields.push(("From".to_owned(), text(Name::From)));
        fields.push(("To".to_owned(), to));
        fields.push(("Call-ID".to_owned(), text(Name::CallId)));
        fields.push(("CSeq".to_owned(), text(Name::CSeq)));
        if invite && code > 100 && code < 300 {
            fields.push(("Contact".to_owned(), contact));
        }
        let body = dialog.body(wish, addr);
        let phrase = sip_msg::reason_phrase(code);
        let bytes = write(&format!("SIP/2.0 {code} {phrase}"), fields, wish, body);
        dialog.sent.push((code.to_string(), bytes.clone()));
        Ok(bytes)
    }

    /// The last message sent that began with this word, and belongs to this method if one is given.
    pub fn sent_before(&self, label: &str, word: &str, method: Option<&str>) -> Option<Vec<u8>> {
        let of_method = |bytes: &[u8]| {
            let number =
                Message::parse(bytes).ok().and_then(|message| message.cseq().map(|(_, m)| m.to_vec()));
            method.is_none_or(|method| number.as_deref() == Some(method.as_bytes()))
        };
        let mut sent = self.dialogs.get(label)?.sent.iter().rev();
        sent.find(|(first, bytes)| first == word && of_method(bytes)).map(|(_, bytes)| bytes.clone())
    }

    /// Remembers a message received in the dialog of this label.
    pub fn hear(&mut self, label: &str, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else { return };
        self.made += 1;
        let (name, made, addr) = (self.name.clone(), self.made, self.addr);
        let dialog = self.dialogs.entry(label.to_owned()).or_default();
        if message.is_request() {
            if dialog.call_id.is_empty() || dialog.register_call {
                *dialog = Dialog::default();
                dialog.accept(&message, &name, made, addr);
            }
            if let Some(contact) = message.contact() {
                dialog.target = String::from_utf8_lossy(contact.uri).into_owned();
            }
            dialog.requests.push(bytes.to_vec());
        } else {
            dialog.hear_answer(&message);
        }
    }

    /// The label of the dialog with this Call-ID.
    pub fn label_of(&self, call_id: &[u8]) -> Option<&str> {
        self.dialogs.iter().find(|(_, d)| d.call_id.as_bytes() == call_id).map(|(label, _)| label.as_str())
    }

    /// The value of Replaces that names the dialog of this label as we see it (RFC 3891 §6.1).
    pub fn replaces(&self, label: &str) -> Option<String> {
        let dialog = self.dialogs.get(label)?;
        let Dialog { call_id, local_tag, remote_tag, .. } = dialog;
        Some(format!("{call_id};to-tag={remote_tag};from-tag={local_tag}"))
    }

    /// The CSeq number of the newest INVITE sent in the dialog of this label.
    pub fn invite_cseq(&self, label: &str) -> Option<u32> {
        self.dialogs.get(label)?.invite.as_ref().map(|invite| invite.cseq)
    }

    fn received_from(&self) -> Option<String> {
        let request = self.dialogs.values().filter_map(|dialog| dialog.requests.last()).next_back()?;
        let from = Message::parse(request).ok()?.field(Name::From)?.to_vec();
        String::from_utf8(from).ok()
    }

    /// The Contact that we registered at it, with another user if one is given.
    fn our_contact(&self, user: Option<&str>) -> String {
        let mut requests = self.dialogs.values().flat_map(|dialog| &dialog.requests);
        let register = requests.rfind(|bytes| bytes.starts_with(b"REGISTER"));
        let message = register.and_then(|bytes| Message::parse(bytes).ok());
        let uri = message.and_then(|message| message.contact().map(|contact| contact.uri.to_vec()));
        let uri = String::from_utf8(uri.unwrap_or_default()).unwrap_or_default();
        match (user, uri.split_once('@')) {
            (Some(user), Some((_, rest))) => format!("sip:{user}@{rest}"),
            _ => uri,
        }
    }

    /// Its Contact.
    pub fn contact(&self) -> String {
        match self.protocol {
            Protocol::Udp => format!("<sip:{}@{}>", self.user, self.addr),
            Protocol::Ws | Protocol::Wss => format!("<sip:{0}@{0}.invalid;transport=ws>", self.name),
            protocol => format!("<sip:{}@{};transport={}>", self.user, self.addr, protocol.name()),
        }
    }

    fn begin(&mut self, label: &str, method: &str, wish: &Wish, unique: &str) {
        let user = wish.from.clone().unwrap_or_else(|| self.user.clone());
        let local = if user.contains(':') { user } else { format!("sip:{user}@{}", self.host) };
        let target = wish.target.clone().unwrap_or_else(|| self.user.clone());
        let remote = match target.as_str() {
            _ if method == "REGISTER" => local.clone(),
            full if full.contains(':') => full.to_owned(),
            at if at.ends_with("our-contact") => self.our_contact(at.strip_suffix("@our-contact")),
            at if at.contains('@') => format!("sip:{at}"),
            user if self.host == crate::rows::DOMAIN => format!("sip:{user}@{}", self.host),
            user => format!("sip:{user}@{}", US.ip()),
        };
        let dialog = Dialog {
            call_id: format!("{unique}@{}", self.addr.ip()),
            local,
            remote,
            local_tag: format!("t{unique}"),
            cseq: self.dialogs.get(label).map_or(0, |old| old.cseq),
            register_call: method == "REGISTER",
            ..Dialog::default()
        };
        self.dialogs.insert(label.to_owned(), dialog);
    }
}

impl Dialog {
    /// Whether it is the series of requests that keeps a registration.
    pub fn is_registration(&self) -> bool {
        self.register_call
    }

    fn accept(&mut self, request: &Message<'_>, name: &str, made: u32, _: SocketAddr) {
        let uri = |party: Option<sip_msg::NameAddr<'_>>| {
            party.map(|p| String::from_utf8_lossy(p.uri).into_owned()).unwrap_or_default()
        };
        self.call_id = String::from_utf8_lossy(request.call_id()).into_owned();
        self.local = uri(request.to());
        self.remote = uri(request.from());
        self.local_tag = format!("t{name}-{made}");
        self.remote_tag =
            String::from_utf8_lossy(request.from().and_then(|from| from.tag()).unwrap_or_default())
                .into_owned();
    }

    fn hear_answer(&mut self, message: &Message<'_>) {
        let code = message.code();
        if let Some(rseq) = message.field(Name::RSeq) {
            self.rseq = String::from_utf8_lossy(rseq).into_owned();
        }
        let tag = message.to().and_then(|to| to.tag()).map(|t| String::from_utf8_lossy(t).into_owned());
        let method = message.cseq().map(|(_, method)| method).unwrap_or_default();
        if let Some(invite) = self.invite.as_mut().filter(|i| {
            method == b"INVITE" && code >= 200 && message.cseq().is_some_and(|(number, _)| number == i.cseq)
        }) {
            invite.final_code = code;
            invite.final_to = tag.clone().unwrap_or_default();
        }
        if let Some(etag) = message.field(Name::SipEtag) {
            self.etag = String::from_utf8_lossy(etag).into_owned();
        }
        let begins = method == b"INVITE" && code > 100 || method == b"SUBSCRIBE" && code >= 200;
        if begins && code < 300 {
            if let Some(tag) = tag.filter(|_| self.remote_tag.is_empty() || code >= 200) {
                self.remote_tag = tag;
            }
            if let Some(contact) = message.contact() {
                self.target = String::from_utf8_lossy(contact.uri).into_owned();
            }
        }
        let asked = if code == 401 { Name::WwwAuthenticate } else { Name::ProxyAuthenticate };
        let mut challenges = message.fields(asked).map(|value| String::from_utf8_lossy(value).into_owned());
        if let Some(first) = challenges.next().filter(|_| matches!(code, 401 | 407)) {
            let second = challenges.next().unwrap_or_default();
            self.challenge = Some((code, first, second));
        }
    }

    fn credentials(
        &mut self,
        user: &str,
        password: &str,
        kind: &str,
        method: &str,
        uri: &str,
    ) -> Result<(String, String), String> {
        let (code, first, second) = self.challenge.clone().ok_or("no challenge to answer")?;
        let header = if code == 401 { "Authorization" } else { "Proxy-Authorization" };
        let wanted = match kind {
            "sha256" => Some(Algorithm::Sha256),
            "md5" => Some(Algorithm::Md5),
            _ => None,
        };
        let parsed =
            [&first, &second].into_iter().filter_map(|text| Challenge::parse(text.as_bytes())).find(|c| {
                let offered = c.algorithm.map_or(Some(Algorithm::Md5), Algorithm::from_bytes);
                wanted.is_none() || offered == wanted
            });
        let challenge = parsed.ok_or("no such challenge")?;
        let algorithm = challenge.algorithm.and_then(Algorithm::from_bytes).unwrap_or(Algorithm::Md5);
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let (realm, nonce) = (text(challenge.realm), text(challenge.nonce));
        if self.challenged_nonce != nonce {
            self.challenged_nonce.clone_from(&nonce);
            self.nonce_count = 0;
        }
        if kind != "replay" {
            self.nonce_count += 1;
        }
        let nc = format!("{:08x}", self.nonce_count.max(1));
        let password = if kind == "wrong" { "not this" } else { password };
        let secret = ha1(algorithm, user.as_bytes(), realm.as_bytes(), password.as_bytes());
        let qop = Qop { nc: nc.as_bytes(), cnonce: b"c0ffee", qop: b"auth" };
        let proof = response(
            algorithm,
            secret.as_ref(),
            nonce.as_bytes(),
            Some(qop),
            method.as_bytes(),
            uri.as_bytes(),
        );
        let proof = String::from_utf8_lossy(proof.as_ref()).into_owned();
        let value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{proof}\", \
             algorithm={}, qop=auth, nc={nc}, cnonce=\"c0ffee\"",
            algorithm.as_str()
        );
        Ok((header.to_owned(), value))
    }

    fn body(&mut self, wish: &Wish, addr: SocketAddr) -> Option<(String, String)> {
        if let Some(body) = &wish.body {
            return Some(body.clone());
        }
        let kind = wish.sdp.as_deref()?;
        if kind != "same" {
            self.version += 1;
        }
        let direction = match kind {
            "sdp" | "same" => String::new(),
            other => format!("a={other}\r\n"),
        };
        let (ip, port) = (addr.ip(), 40_000 + addr.port() % 1000);
        let version = self.version;
        let session = addr.port();
        let keys: String =
            wish.crypto.iter().map(|(tag, suite)| crypto(addr, *tag, suite, wish.key)).collect();
        if let Some(media) = browser_media(kind, ip, port).or_else(|| other_media(kind, port)) {
            let text = format!(
                "v=0\r\no=- {session} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{media}{keys}"
            );
            return Some(("application/sdp".to_owned(), text));
        }
        let proto = if wish.savp { "RTP/SAVP" } else { "RTP/AVP" };
        let text = format!(
            "v=0\r\no=- {session} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} {proto} 8 0 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n{keys}{direction}"
        );
        Some(("application/sdp".to_owned(), text))
    }
}

/// An `a=crypto` line with a key that tells whose it is.
fn crypto(addr: SocketAddr, tag: u32, suite: &str, key: u32) -> String {
    let (digits, padding) = match suite {
        "AEAD_AES_128_GCM" => (38, "=="),
        "AEAD_AES_256_GCM" => (59, "="),
        _ => (40, ""),
    };
    let name = format!("{}{key}", key_mark(addr));
    format!("a=crypto:{tag} {suite} inline:{name:A<digits$}{padding}\r\n")
}

/// What every key of the agent at this address begins with: nobody else may ever see it.
pub(crate) fn key_mark(addr: SocketAddr) -> String {
    format!("KeyOf{addr}x").replace(['.', ':'], "o")
}

/// What is described besides a telephone's audio, or in its place.
fn other_media(kind: &str, port: u16) -> Option<String> {
    let audio = |port: u16| format!("m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n");
    let opus = |port: u16| {
        format!(
            "m=audio {port} RTP/AVP 111 110\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\n"
        )
    };
    let video = |port: u16| {
        format!("m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack pli\r\n")
    };
    let fax = |port: u16| {
        format!("m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n")
    };
    Some(match kind {
        "g722" => format!("m=audio {port} RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n"),
        "odd" => format!("m=audio {port} RTP/AVP 97 13 8\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=30\r\n"),
        "opus" => opus(port),
        "t38" => fax(port + 2),
        "t38-beside" => audio(0) + &fax(port + 2),
        "video" => audio(port) + &video(port + 4),
        "video-refused" => audio(port) + &video(0),
        _ => return None,
    })
}

/// What a browser describes: as an offer, with another agent after a restart, as an answer, with video in the same bundle.
fn browser_media(kind: &str, ip: IpAddr, port: u16) -> Option<String> {
    let (ufrag, setup) = match kind {
        "browser" | "browser-video" => ("first", "actpass"),
        "browser-restart" => ("second", "actpass"),
        "browser-answer" | "browser-answer-video" => ("first", "active"),
        _ => return None,
    };
    let digits = vec!["AB"; 32].join(":");
    let transport = |mid: u8| {
        format!(
            "a=mid:{mid}\r\na=rtcp-mux\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:passwordpasswordpassword\r\n\
             a=ice-options:trickle\r\na=candidate:1 1 udp 2122260223 {ip} {port} typ host\r\n\
             a=candidate:2 1 udp 2122194687 3b1c8d52-5d0f-4f62-9d2b-93de93a8a7b2.local 51472 typ host\r\n\
             a=fingerprint:sha-256 {digits}\r\na=setup:{setup}\r\na=msid:stream track{mid}\r\n"
        )
    };
    let mut text = format!(
        "m=audio {port} UDP/TLS/RTP/SAVPF 111 8 126\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n{}",
        transport(0)
    );
    if kind.ends_with("video") {
        let part = format!(
            "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n\
             a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n{}",
            transport(1)
        );
        text += &if kind.starts_with("browser-answer") {
            part.replace("m=video 0", &format!("m=video {port}")).replace("a=bundle-only\r\n", "")
        } else {
            part
        };
    }
    Some(text)
}

fn tagged(uri: &str, tag: &str) -> String {
    if tag.is_empty() { format!("<{uri}>") } else { format!("<{uri}>;tag={tag}") }
}

fn write(
    start: &str,
    mut fields: Vec<(String, String)>,
    wish: &Wish,
    body: Option<(String, String)>,
) -> Vec<u8> {
    let (kind, body) = body.unwrap_or_default();
    if !kind.is_empty() {
        fields.push(("Content-Type".to_owned(), kind));
    }
    fields.push(("Content-Length".to_owned(), body.len().to_string()));
    fields.retain(|(name, _)| {
        let replaced = wish.fields.iter().map(|(wished, _)| wished);
        !wish.without.iter().chain(replaced).any(|wished| wished.eq_ignore_ascii_case(name))
    });
    let mut text = format!("{start}\r\n");
    for (name, value) in fields.iter().chain(&wish.fields) {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.push_str(&body);
    text.into_bytes()
}
