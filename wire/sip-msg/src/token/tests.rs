//! Tokens open for their own mint only.

use super::*;

const KEY: Key = Key { shard: 3, kind: 200, slot: 0x0102_0304, generation: u32::MAX };

#[test]
fn opens_its_own() {
    let mint = Mint::new([7; 16]);
    for key in [KEY, Key { shard: 0, kind: 0, slot: 0, generation: 0 }] {
        assert_eq!(mint.open(mint.token(key).as_ref()), Some(key));
    }
}

#[test]
fn opens_no_other() {
    let mint = Mint::new([7; 16]);
    let token = mint.token(KEY);
    assert_eq!(Mint::new([8; 16]).open(token.as_ref()), None);
    assert_eq!(mint.open(b""), None);
    assert_eq!(mint.open(&token.as_ref()[1..]), None);
    assert_eq!(mint.open(&token.as_ref().to_ascii_uppercase()), None);
    for at in 0..TOKEN_LEN {
        for c in ALPHABET {
            let mut other = token.0;
            if other[at] != *c {
                other[at] = *c;
                assert_eq!(mint.open(&other), None, "{at}");
            }
        }
    }
}
