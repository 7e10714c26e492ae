//! Names resolved by a name server of the test's own, on loopback: what it is asked, and when.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use sip_stack::transport::{Listener, LookupKind, Protocol};

use super::*;

/// Longer than anything takes on a loaded machine; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(15);

#[test]
fn naptr_leads_to_srv_leads_to_addresses() {
    let server = NameServer::start(&[
        "example.test 60 NAPTR 10 10 s SIP+D2T _sip._tcp.example.test",
        "example.test 60 NAPTR 20 10 s SIP+D2U _sip._udp.example.test",
        "_sip._tcp.example.test 60 SRV 10 0 5071 one.example.test",
        "_sip._tcp.example.test 60 SRV 20 0 5072 two.example.test",
        "_sip._udp.example.test 60 SRV 10 0 5073 one.example.test",
        "one.example.test 60 A 192.0.2.1",
        "two.example.test 60 A 192.0.2.2",
    ]);
    let names = server.names();
    assert_eq!(
        located(&names, any("example.test")),
        ["tcp 192.0.2.1:5071", "tcp 192.0.2.2:5072", "udp 192.0.2.1:5073"]
    );
    assert_eq!(
        server.asked(),
        [
            "A one.example.test",
            "A two.example.test",
            "NAPTR example.test",
            "SRV _sip._tcp.example.test",
            "SRV _sip._udp.example.test",
        ]
    );
    assert_eq!(
        located(&names, Query { port: Some(5080), ..udp("two.example.test") }),
        ["udp 192.0.2.2:5080"]
    );
    assert_eq!(server.asked(), ["A two.example.test"], "RFC 3263 §4.2: a port leaves only addresses");
    assert_eq!(located(&names, udp("192.0.2.9")), ["udp 192.0.2.9:5060"]);
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn equals_share_by_weight() {
    let server = NameServer::start(&[
        "_sip._udp.example.test 60 SRV 10 90 5060 one.example.test",
        "_sip._udp.example.test 60 SRV 10 10 5060 two.example.test",
        "one.example.test 60 A 192.0.2.1",
        "two.example.test 60 A 192.0.2.2",
    ]);
    let names = server.names();
    let firsts = (0..500).map(|_| located(&names, udp("example.test"))[0].clone());
    let heavy = firsts.filter(|first| first == "udp 192.0.2.1:5060").count();
    assert!((380..=490).contains(&heavy), "{heavy} of 500 is not nine tenths");
    assert_eq!(server.asked().len(), 3, "asked for once, ordered five hundred times");
}

#[test]
fn a_record_is_asked_for_again_when_its_time_is_over() {
    let server = NameServer::start(&["example.test 1 A 192.0.2.1"]);
    let names = server.names();
    let asked = || server.asked().iter().filter(|lookup| lookup.starts_with("A ")).count();
    assert_eq!(located(&names, udp("example.test")), ["udp 192.0.2.1:5060"]);
    assert_eq!(located(&names, udp("example.test")), ["udp 192.0.2.1:5060"]);
    assert_eq!(asked(), 1);
    server.serve(&["example.test 1 A 192.0.2.2"]);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(located(&names, udp("example.test")), ["udp 192.0.2.2:5060"]);
    assert_eq!(asked(), 1);
}

#[test]
fn that_there_is_none_is_kept_too() {
    let server = NameServer::start(&["example.test 300 SOA"]);
    let names = server.names();
    assert_eq!(located(&names, udp("nobody.example.test")), Vec::<String>::new());
    assert_eq!(server.asked(), ["A nobody.example.test", "SRV _sip._udp.nobody.example.test"]);
    for _ in 0..20 {
        assert_eq!(located(&names, udp("nobody.example.test")), Vec::<String>::new());
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn who_asks_at_the_same_time_shares_one_question() {
    let server = NameServer::start(&["example.test 60 A 192.0.2.1"]);
    let names = server.names();
    let answers: Vec<Receiver<Vec<Target>>> = (0..200).map(|_| ask(&names, udp("example.test"))).collect();
    assert!(answers.iter().all(|answer| answer.recv_timeout(LONG).is_ok_and(|found| found.len() == 1)));
    assert_eq!(server.asked(), ["A example.test", "SRV _sip._udp.example.test"]);
}

#[test]
fn a_silent_name_server_delays_only_those_who_need_it() {
    let server = NameServer::start(&["quick.test 60 A 192.0.2.1", "silent.test 60 SILENT"]);
    let names = server.names();
    let began = Instant::now();
    let slow: Vec<_> = (0..50).map(|n| ask(&names, udp(&format!("{n}.silent.test")))).collect();
    assert_eq!(located(&names, udp("quick.test")), ["udp 192.0.2.1:5060"]);
    assert_eq!(located(&names, udp("192.0.2.7")), ["udp 192.0.2.7:5060"]);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for answer in slow {
        assert_eq!(answer.recv_timeout(LONG).expect("an answer all the same"), []);
    }
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[test]
fn what_was_known_is_used_when_the_name_servers_fall_silent() {
    let server = NameServer::start(&["example.test 1 A 192.0.2.1"]);
    let names = server.names();
    assert_eq!(located(&names, udp("example.test")), ["udp 192.0.2.1:5060"]);
    server.serve(&["test 60 SILENT"]);
    thread::sleep(Duration::from_millis(1100));
    let began = Instant::now();
    assert_eq!(located(&names, udp("example.test")), ["udp 192.0.2.1:5060"]);
    assert!(began.elapsed() < Duration::from_secs(2), "served after {:?}", began.elapsed());
}

#[test]
fn a_long_answer_comes_over_tcp() {
    let zone: Vec<String> = (0..60)
        .map(|n| {
            format!("_sip._udp.example.test 60 SRV {n} 0 5060 a-rather-long-name-of-server-{n}.example.test")
        })
        .chain((0..60).map(|n| format!("a-rather-long-name-of-server-{n}.example.test 60 A 192.0.2.{n}")))
        .collect();
    let server = NameServer::start(&zone.iter().map(String::as_str).collect::<Vec<_>>());
    let found = located(&server.names(), udp("example.test"));
    assert_eq!(found.len(), 16);
    assert_eq!(found[0], "udp 192.0.2.0:5060");
    assert!(server.asked().contains(&"SRV _sip._udp.example.test over TCP".to_owned()));
}

#[test]
fn a_trace_shows_each_lookup() {
    let server = NameServer::start(&[
        "example.test 300 SOA",
        "_sip._udp.example.test 40 SRV 10 5 5070 one.example.test",
        "one.example.test 60 A 192.0.2.1",
        "silent.test 60 SILENT",
    ]);
    let names = server.names();
    let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
    let trace = runtime.block_on(names.trace(udp("example.test")));
    let shown: Vec<String> = trace
        .steps
        .iter()
        .map(|step| {
            let records: Vec<String> = step.records.iter().map(ToString::to_string).collect();
            format!(
                "{} {}: {} ({} s)",
                step.lookup.kind.name(),
                step.lookup.name,
                records.join(", "),
                step.ttl.as_secs()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "SRV _sip._udp.example.test: 10 5 5070 one.example.test (40 s)",
            "A one.example.test: 192.0.2.1 (60 s)",
        ]
    );
    assert_eq!(trace.targets.len(), 1);
    let trace = runtime.block_on(names.trace(any("silent.test")));
    assert!(trace.targets.is_empty());
    assert_eq!(trace.steps[0].lookup.kind, LookupKind::Naptr);
    assert!(trace.steps[0].fault.is_some(), "{:?}", trace.steps[0]);
}

fn udp(host: &str) -> Query {
    Query { host: host.into(), port: None, transport: Some(Protocol::Udp), secure: false }
}

fn any(host: &str) -> Query {
    Query { transport: None, ..udp(host) }
}

fn ask(names: &Names, query: Query) -> Receiver<Vec<Target>> {
    let (sender, answer) = channel();
    names.locate(query, move |targets| drop(sender.send(targets)));
    answer
}

fn located(names: &Names, query: Query) -> Vec<String> {
    let targets = ask(names, query).recv_timeout(LONG).expect("an answer");
    targets.iter().map(|target| format!("{} {}", target.protocol.name(), target.address)).collect()
}

/// A name server: `NAME TTL KIND REST` each line. `SOA` makes a zone whose negative answers have that lifetime, names
/// under a `SILENT` one get no answer.
struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    fn start(zone: &[&str]) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = udp.local_addr().expect("an address");
        let tcp = TcpListener::bind(address).expect("the same port for TCP");
        let server = Self { address, zone: Arc::default(), asked: Arc::default() };
        server.serve(zone);
        let (zone, asked) = (Arc::clone(&server.zone), Arc::clone(&server.asked));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((len, from)) = udp.recv_from(&mut buffer) {
                if let Some(mut answer) = answer_to(&buffer[..len], "", &zone, &asked) {
                    if answer.len() > 1200 {
                        // Truncated: the header with TC, and the question alone would do; the resolver asks over TCP.
                        let mut short = Message::from_vec(&answer).expect("our own answer");
                        short.answers.clear();
                        short.metadata.truncation = true;
                        answer = short.to_vec().expect("a short answer");
                    }
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        let (zone, asked) = (Arc::clone(&server.zone), Arc::clone(&server.asked));
        thread::spawn(move || {
            while let Ok((mut stream, _)) = tcp.accept() {
                let mut len = [0; 2];
                while stream.read_exact(&mut len).is_ok() {
                    let mut question = vec![0; usize::from(u16::from_be_bytes(len))];
                    if stream.read_exact(&mut question).is_err() {
                        break;
                    }
                    let Some(answer) = answer_to(&question, " over TCP", &zone, &asked) else { break };
                    let len = u16::try_from(answer.len()).expect("an answer that fits");
                    let _ = stream.write_all(&[&len.to_be_bytes()[..], &answer].concat());
                }
            }
        });
        server
    }

    fn serve(&self, zone: &[&str]) {
        *self.zone.lock().expect("a lock") = zone.iter().map(|&line| line.to_owned()).collect();
    }

    fn names(&self) -> Names {
        let listener = |protocol| Listener { protocol, bound: "0.0.0.0:5060".parse().expect("an address") };
        let listeners = Listeners(vec![listener(Protocol::Udp), listener(Protocol::Tcp)]);
        Names::start(vec![self.address], listeners).expect("a thread")
    }

    /// What was asked since the last time, sorted.
    fn asked(&self) -> Vec<String> {
        let mut asked = core::mem::take(&mut *self.asked.lock().expect("a lock"));
        asked.sort();
        asked
    }
}

fn answer_to(
    question: &[u8],
    over: &str,
    zone: &Mutex<Vec<String>>,
    asked: &Mutex<Vec<String>>,
) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let name = query.name().to_ascii();
    let name = name.trim_end_matches('.');
    asked.lock().expect("a lock").push(format!("{} {name}{over}", query.query_type()));
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let mut known = false;
    for line in zone.lock().expect("a lock").iter() {
        let words: Vec<&str> = line.split(' ').collect();
        let (owner, ttl) = (words[0], words[1].parse().expect("a lifetime"));
        let under = name == owner || name.ends_with(&format!(".{owner}"));
        match words[2] {
            "SILENT" if under => return None,
            "SOA" if under => {
                let host = Name::from_ascii(format!("{owner}.")).expect("a name");
                let soa = SOA::new(host.clone(), host.clone(), 1, 300, 300, 300, ttl);
                answer.authorities.push(Record::from_rdata(host, ttl, RData::SOA(soa)));
            }
            "SILENT" | "SOA" => {}
            kind if owner == name => {
                known = true;
                if kind == query.query_type().to_string() {
                    answer.add_answer(Record::from_rdata(query.name().clone(), ttl, data(&words[2..])));
                }
            }
            _ => {}
        }
    }
    if !known {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.to_vec().ok()
}

fn data(words: &[&str]) -> RData {
    let number = |text: &str| text.parse::<u16>().expect("a number");
    let name = |text: &str| Name::from_ascii(format!("{text}.")).expect("a name");
    match *words {
        ["A", address] => RData::A(A(address.parse().expect("an address"))),
        ["SRV", priority, weight, port, target] => {
            RData::SRV(SRV::new(number(priority), number(weight), number(port), name(target)))
        }
        ["NAPTR", order, preference, flags, service, replacement] => {
            let text = |text: &str| text.as_bytes().into();
            let naptr = NAPTR::new(
                number(order),
                number(preference),
                text(flags),
                text(service),
                text(""),
                name(replacement),
            );
            RData::NAPTR(naptr)
        }
        _ => unreachable!("a line of the zone"),
    }
}
