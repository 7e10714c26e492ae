//! The packets of RFC 7714 §16 and §17, whose session keys are given and not derived.

use super::*;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}

fn ciphers() -> [Cipher; 2] {
    let key: [u8; 32] = core::array::from_fn(|n| n as u8);
    let salt = *b"Quid pro quo";
    let short = *key.first_chunk().expect("32 octets");
    [Cipher::gcm(Gcm::of_128(short), salt), Cipher::gcm(Gcm::of_256(key), salt)]
}

#[test]
fn the_published_packets_of_rtp() {
    let plain = octets(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573",
    );
    let sealed = [
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 \
         899d7f27 beb16a91 52cf765e e4390cce",
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b \
         7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
    ]
    .map(octets);
    let place = Place { ssrc: 0x5501_a0b2, index: 0xf17b };
    for (cipher, sealed) in ciphers().iter().zip(&sealed) {
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + TAG, 0);
        assert_eq!(cipher.seal(&mut buffer, plain.len(), 12, place), Some(sealed.len()));
        assert_eq!(buffer, *sealed);
        let (packet, tag) = buffer.split_at_mut(plain.len());
        assert!(cipher.open(packet, tag, 12, place));
        assert_eq!(packet, plain);
    }
}

#[test]
fn the_published_packets_of_rtcp() {
    let plain = octets(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef \
         deadbeef",
    );
    let sealed = [
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded \
         0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 \
         6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
    ]
    .map(octets);
    let place = Place { ssrc: 0x4d61_7273, index: 0x5d4 };
    for (cipher, sealed) in ciphers().iter().zip(&sealed) {
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + TAG + WORD, 0);
        assert_eq!(cipher.seal_rtcp(&mut buffer, plain.len(), place), Some(sealed.len()));
        assert_eq!(buffer, *sealed);
        let (packet, word, tag) = cipher.rtcp_parts(&mut buffer).expect("long enough");
        assert!(cipher.open_rtcp(packet, word, tag, place));
        assert_eq!(packet, plain);
    }
}
