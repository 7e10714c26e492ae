//! A user and a password at a TURN server for a while, made from the secret that it shares with us: the REST way of coturn
//! and others (draft-uberti-behave-turn-rest-00 §2.2). The server checks them without asking anybody.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use timestamp::Timestamp;

/// User and password until then, for whoever it is.
pub(super) fn login(secret: &str, user: &str, until: Timestamp) -> (String, String) {
    // A colon would end the time, and what is no name is of no use to whoever reads the log there.
    let user: String = user.chars().filter(|c| c.is_ascii_alphanumeric() || "-._~".contains(*c)).collect();
    let username = format!("{}:{user}", until.as_secs());
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(username.as_bytes());
    let credential = Base64::encode_string(&mac.finalize().into_bytes());
    (username, credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_openssl_says() {
        // printf 1800003600:alice | openssl dgst -sha1 -hmac north -binary | base64
        let (username, credential) = login("north", "alice", Timestamp::from_secs(1_800_003_600));
        assert_eq!(
            (username.as_str(), credential.as_str()),
            ("1800003600:alice", "qe6uQh2FdtYywRuncfIrYF8O4Rk=")
        );
        assert_eq!(login("north", "a:b c@d", Timestamp::from_secs(1)).0, "1:abcd");
    }
}
