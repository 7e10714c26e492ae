//! Reading a description; a rewritten one reads again.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use sdp::{Description, MediaRewrite, OriginRewrite, rewrite};

fuzz_target!(|body: &[u8]| {
    let Ok(description) = Description::parse(body) else { return };
    for medium in description.media() {
        let _ = (medium.connection(), medium.direction(), medium.is_held(), medium.rtcp(), medium.ptime());
        let _ = (medium.rtpmaps().count(), medium.fmtp(101), medium.format_list().count());
    }
    let addr = IpAddr::from([192, 0, 2, 1]);
    let origin = OriginRewrite { user: None, id: 1, version: 2, addr };
    let place = MediaRewrite { addr, port: 30_000, rtcp_port: None };
    let mut out = Vec::new();
    rewrite(body, &description, &origin, &mut |_| Some(place), &mut out);
    let again = Description::parse(&out).expect("a rewritten description is one");
    assert_eq!(again.media().len(), description.media().len());
});
