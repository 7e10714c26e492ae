//! The Identity header field (RFC 8224 §4): a token, and where the certificate of its signer is.
//!
//! The token is read in full form only (RFC 8225 §6): the compact form leaves out what RFC 8588 claims.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use timestamp::Timestamp;

use crate::claims::{Claims, Header};
use crate::verdict::FRESH;

/// What one Identity header field says; nothing of it is proved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// What it claims.
    pub claims: Claims,
    /// Where the certificate of the signer is, with its chain.
    pub certificate_at: Box<str>,
    /// The bytes that were signed.
    pub(crate) signed: Box<[u8]>,
    /// The signature over them.
    pub(crate) signature: Box<[u8]>,
}

/// Why an Identity header field cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not made as it should be.
    #[error("the token cannot be read")]
    Token,
    /// Another algorithm than ES256, the only one of RFC 8225.
    #[error("the algorithm is not ES256")]
    Algorithm,
    /// Another kind of PASSporT than `shaken` and `div`.
    #[error("the kind of token is neither shaken nor div")]
    Kind,
    /// The address of the certificate is missing, differs between token and field, or is no HTTPS address.
    #[error("the address of the certificate cannot be used")]
    Address,
}

impl Presented {
    /// Reads the value of an Identity header field.
    pub fn read(value: &str) -> Result<Self, Malformed> {
        if value.len() > LONGEST {
            return Err(Malformed::Token);
        }
        let mut parts = value.split(';').map(str::trim);
        let token = parts.next().ok_or(Malformed::Token)?;
        let (mut info, mut algorithm, mut kind) = (None, "ES256", None);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim() {
                "info" => info = value.strip_prefix('<').and_then(|v| v.strip_suffix('>')),
                "alg" => algorithm = value,
                "ppt" => kind = Some(value),
                _ => {}
            }
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Malformed::Token)?;
        let (header, payload) = signed.split_once('.').ok_or(Malformed::Token)?;
        let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Malformed::Token);
        let header = decode(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Malformed::Token)?;
        if header.alg != "ES256" || algorithm != "ES256" {
            return Err(Malformed::Algorithm);
        }
        if !matches!(header.ppt, "shaken" | "div") || kind.is_some_and(|kind| kind != header.ppt) {
            return Err(Malformed::Kind);
        }
        if info.is_none_or(|info| info != header.x5u) || !header.x5u.starts_with("https://") {
            return Err(Malformed::Address);
        }
        Ok(Self {
            claims: Claims::from_json(header.ppt, &decode(payload)?).ok_or(Malformed::Token)?,
            certificate_at: header.x5u.into(),
            signed: signed.as_bytes().into(),
            signature: decode(signature)?.into(),
        })
    }

    /// Whether this was said between so long ago and [`FRESH`] from now: clocks differ.
    pub(crate) fn is_younger_than(&self, age: Duration, now: Timestamp) -> bool {
        let said = Timestamp::from_secs(self.claims.iat);
        now.since(said) <= age && said.since(now) <= FRESH
    }
}

/// Header and payload, as they are signed.
pub(crate) fn to_be_signed(certificate_at: &str, claims: &Claims) -> String {
    let header = Header { alg: "ES256", ppt: claims.kind(), typ: "passport", x5u: certificate_at };
    // Strings always can be written.
    let header = serde_json::to_vec(&header).unwrap_or_default();
    format!("{}.{}", BASE64URL_NOPAD.encode(&header), BASE64URL_NOPAD.encode(&claims.to_json()))
}

/// The value of the header field.
pub(crate) fn field(signed: &str, signature: &[u8], certificate_at: &str, kind: &str) -> String {
    let signature = BASE64URL_NOPAD.encode(signature);
    format!("{signed}.{signature};info=<{certificate_at}>;alg=ES256;ppt={kind}")
}

/// Longest value looked at; real ones have some 700 octets.
const LONGEST: usize = 8192;
