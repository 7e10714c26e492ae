//! Handshakes in memory: which certificate is presented, whom we believe, and what a bad file does.

use std::path::PathBuf;
use std::sync::Arc;

use certificates::{Anchors, Demand, OwnNames, Shelf, ShelfFault, Source, Trust, listener};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

/// A folder of certificates that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("trunkline-certificates-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn shelf(&self) -> Arc<Shelf> {
        let own = OwnNames { hosts: vec!["localhost".into()], addresses: vec![[127, 0, 0, 1].into()] };
        Arc::new(Shelf::open(&self.0, own, None).expect("a folder"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        Self::named("an authority")
    }

    fn named(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = parameters.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// Chain and key for these names, valid from one year to another.
    fn issue(&self, names: &[&str], years: (i32, i32)) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    fn demand(&self) -> Demand {
        Demand { verify: true, ca: Some(self.pem.as_str().into()) }
    }
}

/// Both ends, until they agree or one gives up.
#[expect(clippy::unwrap_in_result, reason = "only what TLS says is looked at; the rest must hold")]
fn handshake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        client.write_tls(&mut wire).expect("memory");
        server.read_tls(&mut wire.as_slice()).expect("memory");
        server.process_new_packets()?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("memory");
        }
        client.read_tls(&mut wire.as_slice()).expect("memory");
        client.process_new_packets()?;
    }
    Ok(())
}

#[expect(clippy::unwrap_in_result, reason = "only what TLS says is looked at; the rest must hold")]
fn connect(
    shelf: &Arc<Shelf>,
    demand: &Demand,
    name: &str,
    ask: bool,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let trust = Trust::open(Arc::clone(shelf));
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut client = ClientConnection::new(trust.client(demand).expect("settings"), name)?;
    let mut server = ServerConnection::new(Arc::new(listener(shelf, ask)))?;
    handshake(&mut client, &mut server)?;
    Ok((client, server))
}

fn presented(shelf: &Arc<Shelf>, name: &str) -> Vec<u8> {
    shelf.choose(Some(name)).expect("a certificate").end_entity_cert().expect("one").to_vec()
}

#[test]
fn the_first_start_makes_a_certificate_and_the_second_keeps_it() {
    let folder = Folder::new("own");
    let first = folder.shelf().entries();
    let [own] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!((own.source, own.default, own.problem.as_deref()), (Source::SelfSigned, true, None));
    assert_eq!(own.names, ["localhost", "127.0.0.1"]);
    assert_eq!(folder.shelf().entries()[0].fingerprint, own.fingerprint);
    use std::os::unix::fs::PermissionsExt;
    let key = std::fs::metadata(folder.0.join("certificates/self-signed.key")).expect("a key");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_most_specific_certificate_serves_a_name() {
    let folder = Folder::new("names");
    let (shelf, authority) = (folder.shelf(), Authority::new());
    let years = (2020, 2100);
    for (file, names) in [("wild", &["*.example.test"][..]), ("exact", &["sip.example.test"][..])] {
        let (chain, key) = authority.issue(names, years);
        shelf.put(file, &chain, &key).expect("a good one");
    }
    let exact = presented(&shelf, "sip.example.test");
    let wild = presented(&shelf, "other.example.test");
    assert_ne!(exact, wild);
    assert_eq!(presented(&shelf, "SIP.Example.Test."), exact);
    assert_ne!(presented(&shelf, "localhost"), exact);
    for name in ["sip.example.test", "other.example.test"] {
        connect(&shelf, &authority.demand(), name, false).expect("a certificate that fits");
    }
}

#[test]
fn wrong_names_authorities_and_dates_are_refused() {
    let folder = Folder::new("refused");
    let (shelf, authority) = (folder.shelf(), Authority::new());
    let (chain, key) = authority.issue(&["sip.example.test"], (2020, 2100));
    shelf.put("one", &chain, &key).expect("a good one");
    let refused = |demand: &Demand, name: &str| {
        let fault = connect(&shelf, demand, name, false).err();
        fault.map_or_else(String::new, |fault| fault.to_string())
    };
    assert!(refused(&authority.demand(), "other.example.org").contains("not valid for name"));
    assert!(refused(&Authority::named("another").demand(), "sip.example.test").contains("UnknownIssuer"));
    assert_eq!(refused(&Demand { verify: false, ca: None }, "other.example.org"), "");
    let (chain, key) = authority.issue(&["sip.example.test"], (2020, 2021));
    let fault = shelf.put("one", &chain, &key).expect_err("expired").to_string();
    assert_eq!(fault, "it expired on 2021-01-01");
    let (_, other) = authority.issue(&["sip.example.test"], (2020, 2100));
    let (chain, _) = authority.issue(&["sip.example.test"], (2020, 2100));
    assert!(
        matches!(shelf.put("one", &chain, &other), Err(ShelfFault::Unfit(problem)) if problem.concerns_key())
    );
    assert!(matches!(shelf.put("../one", &chain, &other), Err(ShelfFault::Name)));
}

#[test]
fn a_bad_file_never_replaces_a_good_one() {
    let folder = Folder::new("reload");
    let (shelf, authority) = (folder.shelf(), Authority::new());
    let (chain, key) = authority.issue(&["sip.example.test"], (2020, 2100));
    shelf.put("one", &chain, &key).expect("a good one");
    let (mut client, mut server) =
        connect(&shelf, &authority.demand(), "sip.example.test", false).expect("up");
    let good = presented(&shelf, "sip.example.test");
    std::fs::write(folder.0.join("certificates/one.pem"), "nonsense").expect("written");
    let entries = shelf.look().expect("it changed");
    let one = entries.iter().find(|entry| entry.name == "one").expect("still there");
    assert!(
        one.problem.as_deref().is_some_and(|problem| problem.contains("no certificate in PEM")),
        "{one:?}"
    );
    assert_eq!(presented(&shelf, "sip.example.test"), good);
    for _ in 0..200 {
        shelf.reload();
    }
    // The connection that was up is as good as before.
    use std::io::{Read, Write};
    client.writer().write_all(b"still here").expect("memory");
    let mut wire = Vec::new();
    client.write_tls(&mut wire).expect("memory");
    server.read_tls(&mut wire.as_slice()).expect("memory");
    server.process_new_packets().expect("decrypted");
    let mut read = [0; 10];
    server.reader().read_exact(&mut read).expect("ten bytes");
    assert_eq!(&read, b"still here");
    shelf.remove("one").expect("removed");
    assert_ne!(presented(&shelf, "sip.example.test"), good);
}

#[test]
fn a_client_is_who_an_authority_says() {
    let folder = Folder::new("client");
    let (shelf, authority) = (folder.shelf(), Authority::new());
    let (chain, key) = authority.issue(&["pbx.example.test"], (2020, 2100));
    shelf.put("one", &chain, &key).expect("a good one");
    let trust = Trust::open(Arc::clone(&shelf));
    let (_, server) = connect(&shelf, &authority.demand(), "pbx.example.test", true).expect("up");
    let shown = server.peer_certificates().expect("our own certificate, shown as client");
    let anchors = Anchors::from_pem(&authority.pem).expect("an authority");
    assert_eq!(trust.judge(shown, Some(&anchors)), Some(vec!["pbx.example.test".to_owned()]));
    let others = Anchors::from_pem(&Authority::new().pem).expect("an authority");
    assert_eq!(trust.judge(shown, Some(&others)), None);
    assert_eq!(trust.judge(shown, None), None);
    let (_, server) = connect(&shelf, &authority.demand(), "pbx.example.test", false).expect("up");
    assert!(server.peer_certificates().is_none(), "nobody was asked");
}
