//! A claim signed by one side, judged by the other, and everything that can be wrong with it in between.

use certificates::Anchors;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, date_time_ymd};
use routing::attest::Attestation;
use stir::{Claims, Expected, Failure, Malformed, Presented, Said, Signer, SignerFault, Trail, judge};
use timestamp::Timestamp;

const NOW: u64 = 1_800_000_000;
const AT: &str = "https://certificates.example/a.pem";
/// TNAuthLists: of the service provider 709J, and of the number 493012 alone.
const PROVIDER: &[u8] = b"\x30\x08\xa0\x06\x16\x04709J";
const ONE_NUMBER: &[u8] = b"\x30\x0a\xa2\x08\x16\x06493012";

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
        self.signer_for(PROVIDER, until_year)
    }

    fn signer_for(&self, numbers: &[u8], until_year: i32) -> (Signer, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = leaf(numbers);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until_year, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let signer = Signer::new(&key.serialize_pem(), &certificate, AT).expect("a signer");
        (signer, format!("{certificate}{}", self.pem))
    }

    fn anchors(&self) -> Anchors {
        Anchors::from_pem(&self.pem).expect("authorities")
    }
}

/// A certificate that is good for these numbers; for none if the list is empty.
fn leaf(numbers: &[u8]) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    if !numbers.is_empty() {
        let list = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], numbers.to_vec());
        params.custom_extensions.push(list);
    }
    params
}

fn claims() -> Claims {
    vouched(Attestation::A)
}

fn vouched(attest: Attestation) -> Claims {
    Claims {
        said: Said::Shaken { attest, origid: "123e4567-e89b-12d3-a456-426655440000".to_owned() },
        orig: "12155551212".to_owned(),
        dest: "12125551213".to_owned(),
        iat: NOW,
    }
}

/// The call of [`claims`], diverted.
fn diverted(from: &str, dest: &str, iat: u64) -> Claims {
    Claims { said: Said::Diverted { from: from.to_owned() }, dest: dest.to_owned(), iat, ..claims() }
}

fn expected() -> Expected {
    calls("12155551212", "12125551213")
}

fn calls(orig: &str, dest: &str) -> Expected {
    Expected { orig: orig.to_owned(), dest: dest.to_owned() }
}

/// The verdict on a request with these Identity header fields, whose certificates are all the same.
fn verdict(
    fields: &[&str],
    expected: &Expected,
    chain: &str,
    anchors: &Anchors,
    at: u64,
) -> Result<Attestation, Failure> {
    let trail = Trail::read(fields.iter().copied(), expected, Timestamp::from_secs(at))?;
    for presented in trail.passports() {
        judge(presented, chain.as_bytes(), anchors)?;
    }
    Ok(trail.attest())
}

#[test]
fn a_signed_claim_is_believed() {
    let authority = Authority::new();
    let (signer, chain) = authority.signer(2090);
    let value = signer.sign(&claims()).expect("a signature");
    let presented = Presented::read(&value).expect("readable");
    assert_eq!(presented.certificate_at.as_ref(), AT);
    assert_eq!(presented.claims, claims());
    let anchors = authority.anchors();
    assert_eq!(verdict(&[&value], &expected(), &chain, &anchors, NOW + 59), Ok(Attestation::A));
    let others = ["", "rubbish", &value.replace("ppt=shaken", "ppt=rcd"), &value];
    assert_eq!(verdict(&others, &expected(), &chain, &anchors, NOW), Ok(Attestation::A));
}

#[test]
fn what_is_wrong_is_named() {
    let authority = Authority::new();
    let anchors = authority.anchors();
    let (signer, chain) = authority.signer(2090);
    let (_, of_another) = authority.signer(2090);
    let (out_of_date, old_chain) = authority.signer(2021);
    let (_, of_one_number) = authority.signer_for(ONE_NUMBER, 2090);
    let value = signer.sign(&claims()).expect("a signature");
    let old = out_of_date.sign(&claims()).expect("a signature");
    let table: [(&str, Expected, &str, u64, Failure, u16); 9] = [
        (&value, expected(), &chain, NOW + 61, Failure::Stale, 403),
        (&value, expected(), &chain, NOW - 61, Failure::Stale, 403),
        (&value, calls("4930123", "12125551213"), &chain, NOW, Failure::OtherOrigin, 438),
        (&value, calls("12155551212", "4930123"), &chain, NOW, Failure::OtherDestination, 438),
        (&value, expected(), "<html>404</html>", NOW, Failure::Unusable, 437),
        (&value, expected(), &of_another, NOW, Failure::Signature, 438),
        (&value, expected(), &of_one_number, NOW, Failure::OtherNumbers, 437),
        (&old, expected(), &old_chain, NOW, Failure::Untrusted, 437),
        ("", expected(), &chain, NOW, Failure::Malformed(Malformed::Token), 438),
    ];
    for (value, expected, chain, at, failure, code) in table {
        assert_eq!(verdict(&[value], &expected, chain, &anchors, at), Err(failure));
        assert_eq!(failure.sip_code(), code, "{failure}");
    }
    assert_eq!(Failure::Unfetched.sip_code(), 436);
    let strangers = Authority::new().anchors();
    assert_eq!(verdict(&[&value], &expected(), &chain, &strangers, NOW), Err(Failure::Untrusted));
}

#[test]
fn a_changed_claim_is_not_believed() {
    let authority = Authority::new();
    let (signer, chain) = authority.signer(2090);
    let honest = signer.sign(&vouched(Attestation::C)).expect("a signature");
    let forged = signer.sign(&claims()).expect("a signature");
    let signature = honest.split(['.', ';']).nth(2).expect("a signature");
    let own = forged.split(['.', ';']).nth(2).expect("a signature");
    let forged = forged.replace(own, signature);
    let verdict = verdict(&[&forged], &expected(), &chain, &authority.anchors(), NOW);
    assert_eq!(verdict, Err(Failure::Signature));
}

#[test]
fn a_diverted_call_is_followed_from_number_to_number() {
    let authority = Authority::new();
    let anchors = authority.anchors();
    let (signer, chain) = authority.signer(2090);
    let sign = |claims: &Claims| signer.sign(claims).expect("a signature");
    let first = sign(&claims());
    let to_two = sign(&diverted("12125551213", "2", NOW + 100));
    let to_three = sign(&diverted("2", "3", NOW + 150));
    let elsewhere = sign(&diverted("9", "3", NOW + 150));
    let stranger = sign(&Claims { orig: "1".to_owned(), ..diverted("12125551213", "2", NOW + 100) });
    let to = |dest: &str| calls("12155551212", dest);
    let all: &[&str] = &[&to_three, &elsewhere, &first, &to_two];
    let table: [(&[&str], &str, u64, Result<Attestation, Failure>); 8] = [
        (all, "3", NOW + 150, Ok(Attestation::A)),
        (all, "2", NOW + 101, Ok(Attestation::A)),
        (all, "4", NOW + 150, Err(Failure::OtherDestination)),
        (all, "3", NOW + 211, Err(Failure::Stale)),
        (&[&first, &to_three], "3", NOW, Err(Failure::OtherDestination)),
        (&[&first, &to_two], "2", NOW + 160, Ok(Attestation::A)),
        (&[&to_two], "2", NOW + 100, Err(Failure::Malformed(Malformed::Kind))),
        (&[&first, &stranger], "2", NOW + 100, Err(Failure::OtherOrigin)),
    ];
    for (fields, dest, at, expected) in table {
        assert_eq!(verdict(fields, &to(dest), &chain, &anchors, at), expected, "{dest} {at}");
    }
}

#[test]
fn nobody_vouches_for_numbers_of_others() {
    let authority = Authority::new();
    let (signer, _) = authority.signer_for(ONE_NUMBER, 2090);
    assert_eq!(signer.sign(&claims()), None);
    assert!(signer.sign(&Claims { orig: "493012".to_owned(), ..claims() }).is_some());
    assert!(signer.sign(&diverted("493012", "1", NOW)).is_some());
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
        let pem = |numbers| leaf(numbers).signed_by(&key, &authority.issuer).expect("a certificate").pem();
        (key.serialize_pem(), pem(PROVIDER), pem(&[]))
    };
    let ((key, certificate, without_numbers), (other, ..)) = (make(), make());
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key").serialize_pem();
    let table = [
        (key.as_str(), certificate.as_str(), AT, None),
        ("", certificate.as_str(), AT, Some(SignerFault::Key)),
        (p384.as_str(), certificate.as_str(), AT, Some(SignerFault::Curve)),
        (key.as_str(), "", AT, Some(SignerFault::Certificate)),
        (other.as_str(), certificate.as_str(), AT, Some(SignerFault::Mismatch)),
        (key.as_str(), without_numbers.as_str(), AT, Some(SignerFault::Numbers)),
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
