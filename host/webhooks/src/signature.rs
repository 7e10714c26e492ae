//! Signatures of deliveries: HMAC-SHA256 (RFC 2104) over id, time and body, one per secret in force.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

/// The value of `webhook-signature`.
pub(crate) fn header(secrets: &[Vec<u8>], id: &str, seconds: u64, body: &str) -> String {
    let content = format!("{id}.{seconds}.{body}");
    let one = |secret: &Vec<u8>| format!("v1,{}", Base64::encode_string(&hmac(secret, content.as_bytes())));
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn hmac(key: &[u8], content: &[u8]) -> [u8; 32] {
    let mut block = [0u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(content).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        for (key, content, expected) in [
            (
                vec![0x0b; 20],
                b"Hi There".as_slice(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(hmac(&key, content)), expected);
        }
    }

    #[test]
    fn the_header_is_that_of_standard_webhooks() {
        // The example of the specification's reference libraries.
        let secret = Base64::decode_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let one = header(
            core::slice::from_ref(&secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(one, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = header(&[secret, vec![1; 24]], "msg_1", 1, "{}");
        assert_eq!(both.split(' ').count(), 2);
    }
}
