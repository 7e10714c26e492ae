//! Push parameters of a Contact (RFC 8599 §4, §14): how a device that sleeps is woken.
//!
//! Of the push services only Web Push (`webpush`) is known: `pn-prid` is the address that the browser subscribed at.

use sip_msg::Uri;
use sip_msg::uri::unescaped;

/// What a Contact says of pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushAsked {
    /// Nothing.
    No,
    /// The device is woken at this address.
    At(String),
    /// It asks what there is, and is not to be woken (RFC 8599 §4.1.4).
    Which,
    /// By a service that is not ours, or at no address: 555.
    Unknown,
}

impl PushAsked {
    /// What this Contact says.
    pub fn of(contact: &Uri<'_>) -> Self {
        let Some(provider) = contact.params.get(b"pn-provider") else { return Self::No };
        let provider = provider.unwrap_or_default();
        if provider.is_empty() {
            return Self::Which;
        }
        let address = contact.params.get(b"pn-prid").flatten().unwrap_or_default();
        let address = String::from_utf8(unescaped(address).collect()).unwrap_or_default();
        let plain = address.len() <= LONGEST && address.bytes().all(|byte| byte.is_ascii_graphic());
        let web = address.starts_with("https://") || address.starts_with("http://");
        if provider.eq_ignore_ascii_case(WEB_PUSH.as_bytes()) && plain && web {
            Self::At(address)
        } else {
            Self::Unknown
        }
    }
}

/// The address at which the device with this Contact is woken.
pub fn push_address(contact: &str) -> Option<String> {
    // Most contacts have none, and are not read for it.
    if !contact.contains("pn-p") {
        return None;
    }
    match PushAsked::of(&Uri::parse(contact.as_bytes())?) {
        PushAsked::At(address) => Some(address),
        PushAsked::No | PushAsked::Which | PushAsked::Unknown => None,
    }
}

/// The name of Web Push among push services (RFC 8599 §14.3).
pub const WEB_PUSH: &str = "webpush";
/// Longest address of a subscription; the largest push services need a quarter of it.
const LONGEST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_contact_says_of_pushes() {
        let at = |address: &str| PushAsked::At(address.to_owned());
        let table = [
            ("sip:a@b.invalid;transport=ws", PushAsked::No),
            (
                "sip:a@b.invalid;pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example%2Fs%2F1",
                at("https://push.example/s/1"),
            ),
            (
                "sip:a@b.invalid;pn-prid=https://push.example/s/1;pn-provider=WebPush",
                at("https://push.example/s/1"),
            ),
            ("sip:a@b.invalid;pn-provider", PushAsked::Which),
            ("sip:a@b.invalid;pn-provider=webpush", PushAsked::Unknown),
            ("sip:a@b.invalid;pn-provider=webpush;pn-prid=ftp%3A%2F%2Fx", PushAsked::Unknown),
            ("sip:a@b.invalid;pn-provider=webpush;pn-prid=https%3A%2F%2Fx%0d%0aHost", PushAsked::Unknown),
            ("sip:a@b.invalid;pn-provider=apns;pn-param=1;pn-prid=00fc", PushAsked::Unknown),
        ];
        for (contact, expected) in table {
            let uri = Uri::parse(contact.as_bytes()).expect("a URI");
            assert_eq!(PushAsked::of(&uri), expected, "{contact}");
            let address = if let PushAsked::At(address) = expected { Some(address) } else { None };
            assert_eq!(push_address(contact), address, "{contact}");
        }
    }
}
