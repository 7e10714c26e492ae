//! Precedence, origins, and the words of every fault.

use super::origin::{Layers, Origin, keys, unknown_variables};
use super::raw::Raw;
use super::resolved::{Config, Faults, resolve};

fn layers(file: Option<&str>, environment: &[(&str, &str)], flags: &Raw) -> Layers {
    let folder = std::env::temp_dir().join(format!("trunkline-config-{:?}", std::thread::current().id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let path = folder.join("trunkline.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).expect("a file for the test");
    }
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Layers::new(file.map(|_| path.as_path()), environment, flags)
}

fn flags(arguments: &[&str]) -> Raw {
    let command = <Raw as clap::Args>::augment_args(clap::Command::new("test").no_binary_name(true));
    let matches = command.try_get_matches_from(arguments).expect("flags that parse");
    <Raw as clap::FromArgMatches>::from_arg_matches(&matches).expect("flags that fit")
}

fn resolved(file: Option<&str>, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Config, Faults> {
    resolve("data".into(), &layers(file, environment, &flags(arguments)), None)
}

fn fault(arguments: &[&str]) -> String {
    resolved(None, &[], arguments).expect_err("a fault").to_string()
}

#[test]
fn nothing_set_gives_the_defaults() {
    let config = resolved(None, &[], &[]).expect("defaults are right");
    let sip: Vec<String> = config.sip.iter().map(ToString::to_string).collect();
    assert_eq!(sip, ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "tls:0.0.0.0:5061"]);
    assert_eq!(config.http.to_string(), "127.0.0.1:8080");
    assert!(config.http_may_move);
    assert_eq!(config.media.calls(), 2500);
    assert_eq!((config.drain_s, config.shards, config.media_workers), (30, 1, 1));
}

#[test]
fn the_later_layer_wins_and_is_named() {
    let file = Some("drain_s = 1\nbase_domain = 'file.example'\nmedia_ports = '30000-30999'\n");
    let environment = [("TRUNKLINE_DRAIN_S", "2"), ("TRUNKLINE_BASE_DOMAIN", "env.example"), ("HOME", "/")];
    let layers = layers(file, &environment, &flags(&["--drain-s", "3"]));
    let config = resolve("data".into(), &layers, None).expect("all are right");
    assert_eq!(config.drain_s, 3);
    assert_eq!(config.base_domain, "env.example");
    assert_eq!(config.media.ports, 30_000..=30_999);
    assert_eq!(layers.origin("drain_s"), Origin::Flag("--drain-s".to_owned()));
    assert_eq!(layers.origin("base_domain"), Origin::Environment("TRUNKLINE_BASE_DOMAIN".to_owned()));
    assert!(matches!(layers.origin("media_ports"), Origin::File(path) if path.ends_with("trunkline.toml")));
    assert_eq!(layers.origin("http"), Origin::Default);
}

#[test]
fn lists_are_replaced_whole() {
    let config =
        resolved(None, &[("TRUNKLINE_SIP", "udp:127.0.0.1:5070, tcp:[::1]:5070")], &[]).expect("right");
    let sip: Vec<String> = config.sip.iter().map(ToString::to_string).collect();
    assert_eq!(sip, ["udp:127.0.0.1:5070", "tcp:[::1]:5070"]);
    let config = resolved(Some("sip = ['udp:127.0.0.1:5071']"), &[], &["--sip", "udp:127.0.0.1:5072"]);
    assert_eq!(config.expect("right").sip.len(), 1);
}

#[test]
fn an_http_address_that_was_given_does_not_move() {
    assert!(!resolved(None, &[], &["--http", "127.0.0.1:8080"]).expect("right").http_may_move);
}

#[test]
fn faults_name_the_option_and_a_way_out() {
    let cases: &[(&[&str], &str)] = &[
        (&["--http", "nowhere"], "--http: `nowhere` is no ADDRESS:PORT"),
        (&["--https", "8443"], "--https: `8443` is no ADDRESS:PORT"),
        (&["--tls-cert", "a.pem"], "--tls-key: --tls-cert needs the private key, too"),
        (&["--tls-key", "a.key"], "--tls-cert: --tls-key needs the certificate, too"),
        (&["--sip", "5060"], "--sip: `5060` is no TRANSPORT:ADDRESS:PORT"),
        (&["--sip", "udp:127.0.0.1:5060", "--sip", "udp:127.0.0.1:5060"], "stands twice"),
        (&["--media-ports", "20000"], "--media-ports: `20000` is no range"),
        (&["--media-ports", "20000-20002"], "3 ports hold no call"),
        (&["--media-io", "dpdk"], "--media-io: `dpdk` is not auto, uring or epoll"),
        (&["--media-tick-ms", "20"], "--media-tick-ms: 20 ms are heard"),
        (&["--media", "0.0.0.0"], "--media: one address is needed"),
        (&["--public-ip", "example.com"], "--public-ip: `example.com` is no IP address"),
        (&["--dns", "ns.example.test"], "--dns: `ns.example.test` is no ADDRESS[:PORT]"),
        (&["--local-net", "10/8"], "--local-net: `10/8` is no network"),
        (&["--base-domain", "a b"], "--base-domain: `a b` is no host name"),
        (&["--country", "Norway"], "--country: `Norway` is no ISO 3166 code"),
        (&["--shards", "0"], "--shards: 0 is not between 1 and 64"),
        (&["--database", "postgres://x"], "PostgreSQL arrives in a later release"),
    ];
    for (arguments, expected) in cases {
        let text = fault(arguments);
        assert!(text.contains(expected), "{arguments:?} gave {text}");
    }
}

#[test]
fn all_faults_come_at_once() {
    assert_eq!(fault(&["--http", "x", "--country", "x", "--media", "x"]).lines().count(), 3);
}

#[test]
fn a_misspelt_key_of_the_file_is_a_fault() {
    let text = resolved(Some("media_prots = '1-2'"), &[], &[]).expect_err("a fault").to_string();
    assert!(text.contains("media_prots") && text.contains("trunkline.toml"), "{text}");
}

#[test]
fn a_wrong_type_names_its_variable() {
    let text = resolved(None, &[("TRUNKLINE_SHARDS", "many")], &[]).expect_err("a fault").to_string();
    assert!(text.contains("TRUNKLINE_SHARDS"), "{text}");
}

#[test]
fn misspelt_variables_are_found() {
    let environment = ["TRUNKLINE_SIPP", "TRUNKLINE_SIP", "TRUNKLINE_DATA", "OTHER"];
    let found = unknown_variables(environment.map(|name| (name.to_owned(), String::new())));
    assert_eq!(found, ["TRUNKLINE_SIPP"]);
}

#[test]
fn every_option_has_a_default_or_says_what_absence_means() {
    let defaults = serde_json::to_value(super::raw::defaults()).expect("plain data");
    let none: Vec<String> = keys().into_iter().filter(|key| defaults.get(key).is_none()).collect();
    let expected =
        ["tls_cert", "tls_key", "media", "public_ip", "country", "synthesizer_voice", "smtp", "smtp_from"];
    assert_eq!(none, expected);
}
