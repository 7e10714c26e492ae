//! Writing a REGISTER (RFC 3261 §10.2, RFC 3327 §5.2).

use sip_msg::Name;
use sip_msg::build::Writer;

/// What a REGISTER says.
#[derive(Clone, Copy, Debug)]
pub struct RegisterLine<'a> {
    /// Request-URI: the registrar's domain.
    pub uri: &'a str,
    /// The address of record, without brackets.
    pub aor: &'a str,
    /// The preloaded Route, with brackets; empty for none.
    pub route: &'a str,
    /// Via value.
    pub via: &'a str,
    /// Call-ID, the same for the life of the registration.
    pub call_id: &'a [u8],
    /// Our tag.
    pub tag: &'a [u8],
    /// CSeq number.
    pub cseq: u32,
    /// Our Contact URI.
    pub contact: &'a str,
    /// Lifetime asked for; 0 ends the registration.
    pub expires_s: u32,
}

/// Writes a REGISTER with these credentials.
pub fn write_register(buffer: &mut Vec<u8>, line: &RegisterLine<'_>, credentials: &[(Name, Vec<u8>)]) {
    let mut writer = Writer::request(buffer, b"REGISTER", line.uri.as_bytes());
    writer.field(Name::Via, line.via.as_bytes());
    writer.field(Name::MaxForwards, b"70");
    if !line.route.is_empty() {
        writer.field(Name::Route, line.route.as_bytes());
    }
    writer.parts(Name::From, &[b"<", line.aor.as_bytes(), b">;tag=", line.tag]);
    writer.parts(Name::To, &[b"<", line.aor.as_bytes(), b">"]);
    writer.field(Name::CallId, line.call_id);
    let mut digits = [0; 10];
    writer.parts(Name::CSeq, &[sip_stack::transaction::decimal(line.cseq, &mut digits), b" REGISTER"]);
    writer.parts(Name::Contact, &[b"<", line.contact.as_bytes(), b">"]);
    writer.number(Name::Expires, u64::from(line.expires_s));
    writer.field(Name::Supported, b"path");
    writer.field(Name::UserAgent, b"Trunkline");
    for (name, value) in credentials {
        writer.field(*name, value);
    }
    writer.end();
}
