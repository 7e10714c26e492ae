//! Writing the OPTIONS of a probe (RFC 3261 §11.1).

use sip_msg::Name;
use sip_msg::build::Writer;

/// What the OPTIONS of a probe says.
#[derive(Clone, Copy, Debug)]
pub struct OptionsLine<'a> {
    /// Request-URI.
    pub uri: &'a str,
    /// Via value.
    pub via: &'a str,
    /// Our host and port.
    pub host: &'a str,
    /// Call-ID, also our tag.
    pub call_id: &'a [u8],
    /// CSeq number.
    pub cseq: u32,
    /// The Path of a binding; empty for none.
    pub route: &'a str,
}

/// Writes an OPTIONS.
pub fn write_options(buffer: &mut Vec<u8>, line: &OptionsLine<'_>) {
    let host = line.host.as_bytes();
    let mut writer = Writer::request(buffer, b"OPTIONS", line.uri.as_bytes());
    writer.field(Name::Via, line.via.as_bytes());
    writer.field(Name::MaxForwards, b"70");
    if !line.route.is_empty() {
        writer.field(Name::Route, line.route.as_bytes());
    }
    writer.parts(Name::From, &[b"<sip:", host, b">;tag=", line.call_id]);
    writer.parts(Name::To, &[b"<", line.uri.as_bytes(), b">"]);
    writer.field(Name::CallId, line.call_id);
    let mut digits = [0; 10];
    writer.parts(Name::CSeq, &[sip_stack::transaction::decimal(line.cseq, &mut digits), b" OPTIONS"]);
    writer.parts(Name::Contact, &[b"<sip:", host, b">"]);
    writer.field(Name::Accept, b"application/sdp");
    writer.field(Name::UserAgent, b"Trunkline");
    writer.end();
}
