//! What the answer to a REGISTER says about us: the lifetime granted (RFC 3261 §10.2.4), and the address it came
//! from as the registrar saw it (RFC 3581).

use std::net::SocketAddr;

use sip_msg::uri::{parse_ip, strip_brackets};
use sip_msg::{Message, Name, NameAddr, Uri};

use crate::contact::marks_in;

/// Seconds granted by a 2xx for the Contact that we sent.
///
/// The registrar may list others' contacts, and it or something before it may have rewritten ours: it is looked for
/// by its mark, then by its URI, then by its user; a list of one can only be ours. Then the Expires header counts,
/// then what we asked for (§10.3 step 8 leaves a registrar no other reading).
pub fn granted(ok: &Message<'_>, ours: &str, asked_s: u32) -> u32 {
    let general = ok.expires();
    let mut listed = ok.values(Name::Contact).filter_map(NameAddr::parse);
    let Some(first) = listed.next() else { return general.unwrap_or(asked_s) };
    let ours = Uri::parse(ours.as_bytes());
    let rank = |contact: &NameAddr<'_>| {
        let (Some(uri), Some(ours)) = (contact.parsed_uri(), &ours) else { return 0 };
        match () {
            () if marks_in(&uri).any(|mark| marks_in(ours).next() == Some(mark)) => 3,
            () if uri.same_as(ours) => 2,
            () if uri.user.is_some() && uri.user == ours.user => 1,
            () => 0,
        }
    };
    let (mut best, mut alone) = ((rank(&first), first), true);
    for contact in listed {
        alone = false;
        let rank = rank(&contact);
        // Of several that look like ours the one that lives longest is the newest.
        if rank > best.0 || rank == best.0 && rank > 0 && contact.expires() > best.1.expires() {
            best = (rank, contact);
        }
    }
    let own = (alone || best.0 > 0).then(|| best.1.expires()).flatten();
    own.or(general).unwrap_or(asked_s)
}

/// The address that our request came from, when the answer's top Via notes one that differs from its sent-by.
pub fn noticed(answer: &Message<'_>) -> Option<SocketAddr> {
    let via = answer.via()?;
    let host = parse_ip(via.host)?;
    let received = via.received().map_or(Some(host), |text| parse_ip(strip_brackets(text)))?;
    let sent_port = via.port.unwrap_or(5060);
    let port = via.rport().flatten().unwrap_or(sent_port);
    (received != host || port != sent_port).then(|| SocketAddr::new(received, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "sip:00112233aabbccdd@192.0.2.1:5060;tk=00112233aabbccdd";

    #[test]
    fn the_lifetime_of_our_own_contact_is_read() {
        let rows: [(&str, &str, u32); 12] = [
            (
                "as sent",
                "Contact: <sip:00112233aabbccdd@192.0.2.1:5060;tk=00112233aabbccdd>;expires=120\r\nExpires: 300\r\n",
                120,
            ),
            (
                "rewritten host",
                "Contact: <sip:00112233aabbccdd@203.0.113.9:1024;tk=00112233aabbccdd>;expires=90\r\nExpires: 300\r\n",
                90,
            ),
            (
                "parameters lost, host rewritten",
                "Contact: <sip:00112233aabbccdd@203.0.113.9:1024>;expires=80\r\nExpires: 300\r\n",
                80,
            ),
            (
                "among others",
                "Contact: <sip:x@192.0.2.7>;expires=10, <sip:00112233aabbccdd@192.0.2.1:5060;tk=00112233aabbccdd>;expires=70\r\nContact: <sip:y@192.0.2.8>;expires=20\r\n",
                70,
            ),
            ("the only one, quite different", "Contact: <sip:trunk@198.51.100.1>;expires=60\r\n", 60),
            (
                "others' only",
                "Contact: <sip:x@192.0.2.7>;expires=10, <sip:y@192.0.2.8>;expires=20\r\nExpires: 200\r\n",
                200,
            ),
            (
                "an old address of ours beside the new",
                "Contact: <sip:00112233aabbccdd@192.0.2.9:5060;tk=00112233aabbccdd>;expires=11, <sip:00112233aabbccdd@192.0.2.1:5060;tk=00112233aabbccdd>;expires=300\r\n",
                300,
            ),
            ("without expires", "Contact: <sip:00112233aabbccdd@192.0.2.1:5060>\r\nExpires: 180\r\n", 180),
            ("no contact", "Expires: 150\r\n", 150),
            ("nothing", "", 300),
            (
                "taken away",
                "Contact: <sip:00112233aabbccdd@192.0.2.1:5060;tk=00112233aabbccdd>;expires=0\r\n",
                0,
            ),
            ("unreadable", "Contact: <<<\r\nExpires: 99\r\n", 99),
        ];
        for (what, fields, wanted) in rows {
            let text = answer("192.0.2.1:5060;branch=z9hG4bK1", fields);
            let message = Message::parse(text.as_bytes()).unwrap();
            assert_eq!(granted(&message, OURS, 300), wanted, "{what}");
        }
    }

    #[test]
    fn an_address_is_noticed_only_when_it_differs() {
        let rows: [(&str, Option<&str>); 6] = [
            ("192.0.2.1:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.1", None),
            ("192.0.2.1:5060;branch=z9hG4bK1", None),
            ("192.0.2.1:5060;branch=z9hG4bK1;rport=1024;received=203.0.113.9", Some("203.0.113.9:1024")),
            ("192.0.2.1:5060;branch=z9hG4bK1;rport=1024", Some("192.0.2.1:1024")),
            ("[2001:db8::1]:5060;branch=z9hG4bK1;received=2001:db8::2", Some("[2001:db8::2]:5060")),
            ("192.0.2.1:5060;branch=z9hG4bK1;received=nonsense", None),
        ];
        for (via, wanted) in rows {
            let text = answer(via, "");
            let message = Message::parse(text.as_bytes()).unwrap();
            assert_eq!(noticed(&message), wanted.map(|text| text.parse().unwrap()), "{via}");
        }
    }

    fn answer(via: &str, fields: &str) -> String {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:u@x>;tag=1\r\nTo: <sip:u@x>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 REGISTER\r\n{fields}Content-Length: 0\r\n\r\n"
        )
    }
}
