//! Header field names (RFC 3261 §7.3.1, §20 and the RFCs that added fields).
//!
//! Names are found without regard to case, compact forms (RFC 3261 §7.3.3 and the registry) included. A name not
//! in the table is [`Name::Other`]; its spelling stays in the message.

macro_rules! names {
    ($($name:ident => $text:literal,)*) => {
        /// A header field name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`.")] $name,)*
            /// A name not in this list.
            Other,
        }

        const NAMES: &[(Name, &str)] = &[$((Name::$name, $text),)*];
    };
}

names! {
    Accept => "Accept",
    AcceptEncoding => "Accept-Encoding",
    AcceptLanguage => "Accept-Language",
    AlertInfo => "Alert-Info",
    Allow => "Allow",
    AllowEvents => "Allow-Events",
    AuthenticationInfo => "Authentication-Info",
    Authorization => "Authorization",
    CallId => "Call-ID",
    CallInfo => "Call-Info",
    Contact => "Contact",
    ContentDisposition => "Content-Disposition",
    ContentEncoding => "Content-Encoding",
    ContentLanguage => "Content-Language",
    ContentLength => "Content-Length",
    ContentType => "Content-Type",
    CSeq => "CSeq",
    Date => "Date",
    Diversion => "Diversion",
    Event => "Event",
    Expires => "Expires",
    From => "From",
    HistoryInfo => "History-Info",
    Identity => "Identity",
    MaxForwards => "Max-Forwards",
    MimeVersion => "MIME-Version",
    MinExpires => "Min-Expires",
    MinSe => "Min-SE",
    Organization => "Organization",
    PAssertedIdentity => "P-Asserted-Identity",
    PPreferredIdentity => "P-Preferred-Identity",
    Path => "Path",
    Priority => "Priority",
    Privacy => "Privacy",
    ProxyAuthenticate => "Proxy-Authenticate",
    ProxyAuthorization => "Proxy-Authorization",
    ProxyRequire => "Proxy-Require",
    RAck => "RAck",
    RSeq => "RSeq",
    Reason => "Reason",
    RecordRoute => "Record-Route",
    ReferTo => "Refer-To",
    ReferredBy => "Referred-By",
    RemotePartyId => "Remote-Party-ID",
    Replaces => "Replaces",
    Require => "Require",
    RetryAfter => "Retry-After",
    Route => "Route",
    Server => "Server",
    ServiceRoute => "Service-Route",
    SessionExpires => "Session-Expires",
    SessionId => "Session-ID",
    SipEtag => "SIP-ETag",
    SipIfMatch => "SIP-If-Match",
    Subject => "Subject",
    SubscriptionState => "Subscription-State",
    Supported => "Supported",
    Timestamp => "Timestamp",
    To => "To",
    Unsupported => "Unsupported",
    UserAgent => "User-Agent",
    UserToUser => "User-To-User",
    Via => "Via",
    Warning => "Warning",
    WwwAuthenticate => "WWW-Authenticate",
}

impl Name {
    /// The name `bytes` spells, in any case, in full or in compact form.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        if let [c] = bytes {
            return Self::from_compact(c.to_ascii_lowercase());
        }
        let mut slot = hash(bytes);
        loop {
            match NAMES.get(usize::from(SLOTS[slot])) {
                // Most write a name as we do.
                Some((name, text)) if text.as_bytes() == bytes => return *name,
                Some((name, text)) if text.as_bytes().eq_ignore_ascii_case(bytes) => return *name,
                Some(_) => slot = (slot + 1) % SLOTS.len(),
                None => return Self::Other,
            }
        }
    }

    /// The name as this product writes it; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, text)| text)
    }

    /// The letters of the registry "SIP Header Fields"; those of fields not in the list are `Other`.
    const fn from_compact(letter: u8) -> Self {
        match letter {
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }
}

/// Positions in [`NAMES`] by [`hash`], open addressing; 255 is an empty slot.
static SLOTS: [u8; 256] = slots();

const fn slots() -> [u8; 256] {
    let mut slots = [u8::MAX; 256];
    let mut i = 0;
    while i < NAMES.len() {
        let mut slot = hash(NAMES[i].1.as_bytes());
        while slots[slot] != u8::MAX {
            slot = (slot + 1) % 256;
        }
        slots[slot] = i as u8;
        i += 1;
    }
    slots
}

/// Length and three letters tell the known names apart well enough; the full comparison decides.
const fn hash(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let middle = name[name.len() / 2];
    let n = (name.len() * 37) ^ ((*first | 0x20) as usize) ^ (((*last | 0x20) as usize) << 3);
    (n + ((middle | 0x20) as usize) * 5) % 256
}

#[cfg(test)]
mod tests;
