//! A claim signed by one side, judged by the other, and everything that can be wrong with it in between.

use certificates::Anchors;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use routing::attest::Attestation;
use stir::{Claims, Expected, Failure, Malformed, Presented, Signer, SignerFault, judge};
use timestamp::Timestamp;

const NOW: u64 = 1_800_000_000;
const AT: &str = "https://certificates.example/a.pem";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { issuer: Issuer::new(params, key), pem: certificate.pem() }
    }

    fn signer(&self, until_year: i32) -> (Signer, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until_year, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let signer = Signer::new(&key.serialize_pem(), &certificate, AT).expect("a signer");
        (signer, format!("{certificate}{}", self.pem))
    }

    fn anchors(&self) -> Anchors {
        Anchors::from_pem(&self.pem).expect("authorities")
    }
}

fn claims() -> Claims {
    Claims {
        attest: Attestation::A,
        orig: "12155551212".to_owned(),
        dest: "12125551213".to_owned(),
        iat: NOW,
        origid: "123e4567-e89b-12d3-a456-426655440000".to_owned(),
    }
}

fn expected() -> Expected {
    Expected { orig: "12155551212".to_owned(), dest: "12125551213".to_owned() }
}

#[test]
fn a_signed_claim_is_believed() {
    let authority = Authority::new();
    let (signer, chain) = authority.signer(2090);
    let value = signer.sign(&claims()).expect("a signature");
    let presented = Presented::read(&value).expect("readable");
    assert_eq!(presented.certificate_at.as_ref(), AT);
    assert_eq!(presented.claims, claims());
    let late = Timestamp::from_secs(NOW + 59);
    let verdict = judge(&presented, &expected(), Some(chain.as_bytes()), &authority.anchors(), late);
    assert_eq!(verdict, Ok(Attestation::A));
}

#[test]
fn what_is_wrong_is_named() {
    let authority = Authority::new();
    let (signer, chain) = authority.signer(2090);
    let (_, of_another) = authority.signer(2090);
    let (out_of_date, old_chain) = authority.signer(2021);
    let value = signer.sign(&claims()).expect("a signature");
    let presented = Presented::read(&value).expect("readable");
    let old = Presented::read(&out_of_date.sign(&claims()).expect("a signature")).expect("readable");
    let other = |orig: &str, dest: &str| Expected { orig: orig.to_owned(), dest: dest.to_owned() };
    let table: [(&Presented, Expected, Option<&str>, u64, Failure, u16); 8] = [
        (&presented, expected(), Some(&chain), NOW + 61, Failure::Stale, 403),
        (&presented, expected(), Some(&chain), NOW - 61, Failure::Stale, 403),
        (&presented, other("4930123", "12125551213"), Some(&chain), NOW, Failure::OtherOrigin, 438),
        (&presented, other("12155551212", "4930123"), Some(&chain), NOW, Failure::OtherDestination, 438),
        (&presented, expected(), None, NOW, Failure::Unfetched, 436),
        (&presented, expected(), Some("<html>404</html>"), NOW, Failure::Unusable, 437),
        (&presented, expected(), Some(&of_another), NOW, Failure::Signature, 438),
        (&old, expected(), Some(&old_chain), NOW, Failure::Untrusted, 437),
    ];
    for (presented, expected, chain, at, failure, code) in table {
        let chain = chain.map(str::as_bytes);
        let verdict = judge(presented, &expected, chain, &authority.anchors(), Timestamp::from_secs(at));
        assert_eq!(verdict, Err(failure));
        assert_eq!(failure.sip_code(), code, "{failure}");
    }
    let strangers = Authority::new().anchors();
    let verdict =
        judge(&presented, &expected(), Some(chain.as_bytes()), &strangers, Timestamp::from_secs(NOW));
    assert_eq!(verdict, Err(Failure::Untrusted));
}

#[test]
fn a_changed_claim_is_not_believed() {
    let authority = Authority::new();
    let (signer, chain) = authority.signer(2090);
    let honest = signer.sign(&Claims { attest: Attestation::C, ..claims() }).expect("a signature");
    let forged = signer.sign(&claims()).expect("a signature");
    let signature = honest.split(['.', ';']).nth(2).expect("a signature");
    let own = forged.split(['.', ';']).nth(2).expect("a signature");
    let presented = Presented::read(&forged.replace(own, signature)).expect("readable");
    let now = Timestamp::from_secs(NOW);
    let verdict = judge(&presented, &expected(), Some(chain.as_bytes()), &authority.anchors(), now);
    assert_eq!(verdict, Err(Failure::Signature));
}

#[test]
fn fields_that_cannot_be_judged() {
    let authority = Authority::new();
    let (signer, _) = authority.signer(2090);
    let value = signer.sign(&claims()).expect("a signature");
    let table = [
        (String::new(), Malformed::Token),
        ("..sig;info=<https://x>".to_owned(), Malformed::Token),
        (value.replace("alg=ES256", "alg=RS256"), Malformed::Algorithm),
        (value.replace("ppt=shaken", "ppt=div"), Malformed::Kind),
        (value.replace(&format!("info=<{AT}>"), "info=<https://elsewhere.example/>"), Malformed::Address),
        (value.replace(&format!(";info=<{AT}>"), ""), Malformed::Address),
    ];
    for (value, fault) in table {
        assert_eq!(Presented::read(&value), Err(fault), "{value}");
    }
}

#[test]
fn a_key_must_fit_its_certificate() {
    let authority = Authority::new();
    let make = || {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(Vec::new()).expect("parameters");
        let pem = params.signed_by(&key, &authority.issuer).expect("a certificate").pem();
        (key.serialize_pem(), pem)
    };
    let ((key, certificate), (other, _)) = (make(), make());
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key").serialize_pem();
    let table = [
        (key.as_str(), certificate.as_str(), AT, None),
        ("", certificate.as_str(), AT, Some(SignerFault::Key)),
        (p384.as_str(), certificate.as_str(), AT, Some(SignerFault::Curve)),
        (key.as_str(), "", AT, Some(SignerFault::Certificate)),
        (other.as_str(), certificate.as_str(), AT, Some(SignerFault::Mismatch)),
        (key.as_str(), certificate.as_str(), "http://x/", Some(SignerFault::Address)),
    ];
    for (key, certificate, at, fault) in table {
        assert_eq!(Signer::new(key, certificate, at).err(), fault);
    }
}

proptest! {
    #[test]
    fn nothing_that_comes_makes_it_panic(value in "\\PC{0,200}", a in "[A-Za-z0-9_-]{0,80}", b in "[A-Za-z0-9_-]{0,80}") {
        let _ = Presented::read(&value);
        let _ = Presented::read(&format!("{a}.{b}.{a};info=<https://x/>;alg=ES256;ppt=shaken"));
    }
}
