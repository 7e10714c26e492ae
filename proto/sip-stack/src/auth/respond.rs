//! Answering a challenge of a peer (RFC 7616 §3.4, RFC 8760 §2.4).

use sip_msg::Message;
use sip_msg::Name;
use sip_msg::digest::{Algorithm, Qop, ha1, response};
use sip_msg::header::Challenge;

/// The header to add to the repeated request, or `None` when no challenge can be answered.
///
/// The first challenge with an algorithm that we know is taken, as RFC 8760 asks; `cnonce` must be random.
pub fn answer(
    challenged: &Message<'_>,
    user: &str,
    password: &str,
    method: &[u8],
    uri: &[u8],
    cnonce: &[u8],
) -> Option<(Name, Vec<u8>)> {
    let (asked, name) = match challenged.code() {
        401 => (Name::WwwAuthenticate, Name::Authorization),
        407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        _ => return None,
    };
    challenged.fields(asked).find_map(|value| {
        let challenge = Challenge::parse(value)?;
        let algorithm = match challenge.algorithm {
            Some(name) => Algorithm::from_bytes(name)?,
            None => Algorithm::Md5,
        };
        let with_qop = match challenge.qop {
            Some(list)
                if list.split(|&b| b == b',').any(|q| q.trim_ascii().eq_ignore_ascii_case(b"auth")) =>
            {
                true
            }
            Some(_) => return None,
            None => false,
        };
        let (realm, nonce) = (challenge.realm?, challenge.nonce?);
        let secret = ha1(algorithm, user.as_bytes(), realm, password.as_bytes());
        let qop = with_qop.then_some(Qop { nc: b"00000001", cnonce, qop: b"auth" });
        let proof = response(algorithm, secret.as_ref(), nonce, qop, method, uri);
        let mut value = Vec::with_capacity(256);
        value.extend_from_slice(b"Digest ");
        let quoted: [(&[u8], &[u8]); 5] = [
            (b"username", user.as_bytes()),
            (b"realm", realm),
            (b"nonce", nonce),
            (b"uri", uri),
            (b"response", proof.as_ref()),
        ];
        for (key, text) in quoted {
            push(&mut value, &[key, b"=\"", text, b"\", "]);
        }
        push(&mut value, &[b"algorithm=", algorithm.as_str().as_bytes()]);
        if with_qop {
            push(&mut value, &[b", qop=auth, nc=00000001, cnonce=\"", cnonce, b"\""]);
        }
        if let Some(opaque) = challenge.opaque {
            push(&mut value, &[b", opaque=\"", opaque, b"\""]);
        }
        Some((name, value))
    })
}

fn push(into: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        into.extend_from_slice(part);
    }
}
