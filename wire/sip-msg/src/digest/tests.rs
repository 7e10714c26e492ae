//! Published examples and what must not verify.

use super::*;

/// RFC 2617 §3.5, RFC 7616 §3.9.1.
const EXAMPLES: [(Algorithm, &str, &str, &str); 2] = [
    (
        Algorithm::Md5,
        "Circle Of Life",
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
         uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", \
         response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        "testrealm@host.com",
    ),
    (
        Algorithm::Sha256,
        "Circle of Life",
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=SHA-256, \
         nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
         cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
         response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", \
         opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        "http-auth@example.org",
    ),
];

#[test]
fn published_examples_verify() {
    for (algorithm, password, value, realm) in EXAMPLES {
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        let ha1 = ha1(algorithm, b"Mufasa", realm.as_bytes(), password.as_bytes());
        assert!(verify(&credentials, algorithm, ha1.as_ref(), b"GET"), "{algorithm:?}");
        assert!(!verify(&credentials, algorithm, ha1.as_ref(), b"POST"));
        let response = credentials.response.map(<[u8]>::to_ascii_uppercase);
        let upper = Credentials { response: response.as_deref(), ..credentials };
        assert!(verify(&upper, algorithm, ha1.as_ref(), b"GET"));
        for broken in [
            Credentials { response: Some(b""), ..credentials },
            Credentials { response: Some(&[b'a'; 65]), ..credentials },
            Credentials { response: None, ..credentials },
            Credentials { qop: Some(b"auth-int"), ..credentials },
            Credentials { qop: None, ..credentials },
            Credentials { nc: None, ..credentials },
            Credentials { algorithm: Some(b"MD5-sess"), ..credentials },
        ] {
            assert!(!verify(&broken, algorithm, ha1.as_ref(), b"GET"), "{broken:?}");
        }
    }
}

/// RFC 2069 form, still sent by old devices.
#[test]
fn without_quality_of_protection() {
    let ha1 = ha1(Algorithm::Md5, b"bob", b"biloxi.com", b"zanzibar");
    let response = response(Algorithm::Md5, ha1.as_ref(), b"n1", None, b"REGISTER", b"sip:biloxi.com");
    let credentials = Credentials {
        nonce: Some(b"n1"),
        uri: Some(b"sip:biloxi.com"),
        response: Some(response.as_ref()),
        ..Credentials::default()
    };
    assert!(verify(&credentials, Algorithm::Md5, ha1.as_ref(), b"REGISTER"));
    assert!(!verify(&credentials, Algorithm::Sha256, ha1.as_ref(), b"REGISTER"));
}
