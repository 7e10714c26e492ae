//! Session keys from a master key: RFC 3711 §4.3 with a key derivation rate of zero, RFC 7714 §11 for AES-GCM.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128, Aes256};
use ctr::{CtrCore, flavors::Ctr128BE};

use crate::keys::Keys;

/// What a session key is for; the label of RTCP is three more (§4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// Whether keys are for RTP or for RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rtp = 0,
    Rtcp = 3,
}

/// The session key of this label, as long as `N`.
pub(crate) fn derive<const N: usize>(keys: &Keys, protocol: Protocol, label: Label) -> [u8; N] {
    let mut iv = [0; 16];
    iv.iter_mut().zip(keys.salt()).for_each(|(octet, salt)| *octet = *salt);
    iv[LABEL] ^= protocol as u8 + label as u8;
    let mut derived = [0; N];
    if let Ok(key) = <&[u8; 16]>::try_from(keys.key()) {
        apply(&Aes128::new(key.into()), &iv, &mut derived);
    } else if let Ok(key) = <&[u8; 32]>::try_from(keys.key()) {
        apply(&Aes256::new(key.into()), &iv, &mut derived);
    }
    derived
}

/// AES in counter mode from this counter on.
#[inline]
pub(crate) fn apply<C>(cipher: &C, counter: &[u8; 16], octets: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, counter.into()).apply_keystream_partial(octets.into());
}

/// The label is the eighth octet of what is encrypted: the key identifier of 56 bits ends with the salt of 112 (§4.3.1).
const LABEL: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    /// RFC 3711 B.2.
    #[test]
    fn the_published_key_stream() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let counter = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000_u128.to_be_bytes();
        let mut stream = [0; 48];
        apply(&Aes128::new(&key.into()), &counter, &mut stream);
        let expected = [
            0xe03e_ad09_35c9_5e80_e166_b16d_d92b_4eb4_u128,
            0xd235_1316_2b02_d0f7_2a43_a2fe_4a5f_97ab,
            0x41e9_5b3b_b0a2_e8dd_4779_01e4_fca8_94c0,
        ];
        assert_eq!(stream.as_chunks().0, expected.map(u128::to_be_bytes));
    }

    /// RFC 3711 B.3.
    #[test]
    fn the_published_session_keys() {
        let key = 0xe1f9_7a0d_3e01_8be0_d64f_a32c_06de_4139_u128.to_be_bytes();
        let salt = [0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6];
        let keys = Keys::new(Profile::AesCm128HmacSha1_80, &[&key[..], &salt].concat()).expect("30 octets");
        let encryption: [u8; 16] = derive(&keys, Protocol::Rtp, Label::Encryption);
        assert_eq!(u128::from_be_bytes(encryption), 0xc61e_7a93_744f_39ee_1073_4afe_3ff7_a087);
        let salt: [u8; 14] = derive(&keys, Protocol::Rtp, Label::Salt);
        let expected = [0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c, 0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1];
        assert_eq!(salt, expected);
        let authentication: [u8; 20] = derive(&keys, Protocol::Rtp, Label::Authentication);
        let first: [u8; 16] = *authentication.first_chunk().expect("20 octets");
        assert_eq!(u128::from_be_bytes(first), 0xcebe_321f_6ff7_716b_6fd4_ab49_af25_6a15);
    }
}
