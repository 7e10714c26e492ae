//! Zones as a table: the question, the sockets we have, and what is tried in which order.

use super::*;

use crate::transport::Listener;

/// A zone in the notation of name servers, one record a line.
const ZONE: &str = "
    naptr.test       NAPTR 20 10 s SIP+D2U _sip._udp.naptr.test
    naptr.test       NAPTR 10 20 s SIPS+D2T _sips._tcp.naptr.test
    naptr.test       NAPTR 10 10 s SIP+D2T _sip._tcp.naptr.test
    naptr.test       NAPTR 5 10 s SIPS+D2W _sips._ws.naptr.test
    naptr.test       NAPTR 5 10 u E2U+sip !^.*$!sip:info@naptr.test!
    _sip._udp.naptr.test   SRV 0 0 5062 one.test
    _sip._tcp.naptr.test   SRV 0 0 5063 one.test
    _sips._tcp.naptr.test  SRV 0 0 5064 one.test
    srv.test         A 192.0.2.9
    _sip._udp.srv.test     SRV 20 0 5060 two.test
    _sip._udp.srv.test     SRV 10 0 5070 one.test
    _sip._tcp.srv.test     SRV 10 0 5071 one.test
    plain.test       A 192.0.2.7
    plain.test       AAAA 2001:db8::7
    closed.test      A 192.0.2.8
    _sip._udp.closed.test  SRV 0 0 0 .
    half.test        A 192.0.2.8
    _sip._udp.half.test    SRV 0 0 0 .
    _sip._tcp.half.test    SRV 0 0 5060 one.test
    numeric.test     A 192.0.2.5
    _sip._udp.numeric.test SRV 0 0 5066 192.0.2.66
    lame.test        NAPTR 10 10 s SIP+D2T _sip._tcp.lame.test
    lame.test        A 192.0.2.4
    one.test         A 192.0.2.1
    two.test         A 192.0.2.2
    two.test         AAAA 2001:db8::2
";

#[test]
fn where_a_host_leads() {
    let table: &[(&str, &str, &[&str])] = &[
        // 3263-01: a numeric host, or a port: neither NAPTR nor SRV.
        ("192.0.2.1", "", &["udp 192.0.2.1:5060"]),
        ("192.0.2.1:5080 tcp", "", &["tcp 192.0.2.1:5080"]),
        ("192.0.2.1 secure", "", &["tls 192.0.2.1:5061"]),
        ("[2001:db8::1]", "", &["udp [2001:db8::1]:5060"]),
        ("srv.test:5080", "A srv.test, AAAA srv.test", &["udp 192.0.2.9:5080"]),
        ("srv.test:5080 tls", "A srv.test, AAAA srv.test", &["tls 192.0.2.9:5080"]),
        // The transport is settled: SRV by priority, then both families; else the host itself.
        (
            "srv.test udp",
            "SRV _sip._udp.srv.test, A one.test, AAAA one.test, A two.test, AAAA two.test",
            &["udp 192.0.2.1:5070", "udp 192.0.2.2:5060", "udp [2001:db8::2]:5060"],
        ),
        (
            "plain.test tcp",
            "SRV _sip._tcp.plain.test, A plain.test, AAAA plain.test",
            &["tcp 192.0.2.7:5060", "tcp [2001:db8::7]:5060"],
        ),
        // 3263-05: TLS is `_sips._tcp`, and 5061 where nothing says otherwise.
        ("naptr.test tls", "SRV _sips._tcp.naptr.test, A one.test, AAAA one.test", &["tls 192.0.2.1:5064"]),
        (
            "plain.test tcp secure",
            "SRV _sips._tcp.plain.test, A plain.test, AAAA plain.test",
            &["tls 192.0.2.7:5061", "tls [2001:db8::7]:5061"],
        ),
        ("plain.test wss", "A plain.test, AAAA plain.test", &["wss 192.0.2.7:443", "wss [2001:db8::7]:443"]),
        // Nothing is settled: NAPTR by order and preference, what we cannot speak left out.
        (
            "naptr.test",
            "NAPTR naptr.test, SRV _sip._tcp.naptr.test, SRV _sips._tcp.naptr.test, SRV _sip._udp.naptr.test, \
             A one.test, AAAA one.test",
            &["tcp 192.0.2.1:5063", "tls 192.0.2.1:5064", "udp 192.0.2.1:5062"],
        ),
        (
            "naptr.test secure",
            "NAPTR naptr.test, SRV _sips._tcp.naptr.test, A one.test, AAAA one.test",
            &["tls 192.0.2.1:5064"],
        ),
        // No NAPTR: SRV of every transport that we have.
        (
            "srv.test",
            "NAPTR srv.test, SRV _sip._udp.srv.test, SRV _sip._tcp.srv.test, SRV _sips._tcp.srv.test, \
             A one.test, AAAA one.test, A two.test, AAAA two.test",
            &["udp 192.0.2.1:5070", "udp 192.0.2.2:5060", "udp [2001:db8::2]:5060", "tcp 192.0.2.1:5071"],
        ),
        // Neither: the host itself.
        (
            "plain.test",
            "NAPTR plain.test, SRV _sip._udp.plain.test, SRV _sip._tcp.plain.test, SRV _sips._tcp.plain.test, \
             A plain.test, AAAA plain.test",
            &["udp 192.0.2.7:5060", "udp [2001:db8::7]:5060"],
        ),
        // NAPTR has chosen the transport even if its SRV is missing.
        (
            "lame.test",
            "NAPTR lame.test, SRV _sip._tcp.lame.test, A lame.test, AAAA lame.test",
            &["tcp 192.0.2.4:5060"],
        ),
        // RFC 2782: a target of "." is no service, and no reason to look for it elsewhere.
        ("closed.test udp", "SRV _sip._udp.closed.test", &[]),
        (
            "half.test",
            "NAPTR half.test, SRV _sip._udp.half.test, SRV _sip._tcp.half.test, SRV _sips._tcp.half.test, \
             A one.test, AAAA one.test",
            &["tcp 192.0.2.1:5060"],
        ),
        ("numeric.test udp", "SRV _sip._udp.numeric.test", &["udp 192.0.2.66:5066"]),
        ("nowhere.test udp", "SRV _sip._udp.nowhere.test, A nowhere.test, AAAA nowhere.test", &[]),
    ];
    for (question, lookups, targets) in table {
        let found = locate(question, &everything());
        let expected: Vec<String> = targets.iter().map(|&target| target.to_owned()).collect();
        assert_eq!(found, ((*lookups).to_owned(), expected), "{question}");
    }
}

#[test]
fn only_what_our_sockets_can_reach_is_asked_for() {
    let (lookups, targets) = locate("naptr.test", &listeners(&["udp 0.0.0.0:5060"]));
    assert_eq!(lookups, "NAPTR naptr.test, SRV _sip._udp.naptr.test, A one.test");
    assert_eq!(targets, ["udp 192.0.2.1:5062"]);
    let (lookups, targets) = locate("srv.test", &listeners(&["udp 0.0.0.0:5060"]));
    assert_eq!(lookups, "NAPTR srv.test, SRV _sip._udp.srv.test, A one.test, A two.test");
    assert_eq!(targets, ["udp 192.0.2.1:5070", "udp 192.0.2.2:5060"]);
}

#[test]
fn equals_are_chosen_by_weight() {
    // RFC 2782: weights 10, 30, 60, none; 1010 draws spread evenly over 0..=100.
    let servers = [(1, 10, 'a'), (1, 30, 'b'), (1, 60, 'c'), (1, 0, 'd'), (0, 0, 'x')];
    let mut first = BTreeMap::new();
    for draw in 0..1010 {
        let mut draws = core::iter::once(draw % 101).chain(core::iter::repeat(0));
        let ordered = by_weight(servers.to_vec(), &mut |below| draws.next().unwrap_or(0) % below);
        assert_eq!(ordered.len(), 5);
        assert_eq!(ordered.first(), Some(&'x'), "the lowest priority comes first");
        *first.entry(ordered[1]).or_insert(0) += 1;
    }
    assert_eq!(first.into_iter().collect::<Vec<_>>(), [('a', 100), ('b', 300), ('c', 600), ('d', 10)]);
    let alone = by_weight(vec![(0, 0, 'a'), (0, 0, 'b')], &mut |_| unreachable!("nothing to draw"));
    assert_eq!(alone, ['a', 'b']);
}

#[test]
fn a_zone_without_end_stays_small() {
    let query = Query { host: "big.test".into(), port: None, transport: Some(Protocol::Udp), secure: false };
    let mut locating = Locating::new(query, &everything());
    let srv =
        |n: u16| Record::Srv { priority: n, weight: 0, port: 5060, target: format!("h{n}.test").into() };
    let lookup = locating.wanted()[0].clone();
    locating.on_answer(&lookup, &(0..2000).map(srv).collect::<Vec<_>>());
    assert_eq!(locating.wanted().len(), 2 * MOST_SERVERS);
    let address = |n: u32| Record::Address(IpAddr::from(n.to_be_bytes()));
    for lookup in locating.wanted().to_vec() {
        locating.on_answer(&lookup, &(0..5000).map(address).collect::<Vec<_>>());
    }
    assert_eq!(locating.ways().order(&mut |_| 0).len(), MOST_ADDRESSES);
}

/// The lookups made, in order, and the targets in theirs.
fn locate(question: &str, listeners: &Listeners) -> (String, Vec<String>) {
    let mut locating = Locating::new(query(question), listeners);
    let mut made = Vec::new();
    while let Some(lookup) = locating.wanted().first().cloned() {
        locating.on_answer(&lookup, &records(&lookup));
        made.push(format!("{} {}", lookup.kind.name(), lookup.name));
    }
    let targets = locating.ways().order(&mut |_| 0);
    let shown = targets.iter().map(|t| format!("{} {}", t.protocol.name(), t.address)).collect();
    (made.join(", "), shown)
}

fn query(question: &str) -> Query {
    let mut words = question.split(' ');
    let place = words.next().unwrap_or_default();
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !place.ends_with(']') => (host, port.parse().ok()),
        Some(_) | None => (place, None),
    };
    let mut query = Query { host: host.into(), port, transport: None, secure: false };
    for word in words {
        match Protocol::from_bytes(word.as_bytes()) {
            Some(protocol) => query.transport = Some(protocol),
            None => query.secure = word == "secure",
        }
    }
    query
}

fn records(lookup: &Lookup) -> Vec<Record> {
    let lines = ZONE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter_map(|words| match *words {
            [name, kind, ref rest @ ..] if name == &*lookup.name && kind == lookup.kind.name() => {
                Some(record(rest))
            }
            _ => None,
        })
        .collect()
}

fn record(words: &[&str]) -> Record {
    let number = |text: &str| text.parse().expect("a number of the zone");
    match *words {
        [address] => Record::Address(address.parse().expect("an address of the zone")),
        [priority, weight, port, target] => Record::Srv {
            priority: number(priority),
            weight: number(weight),
            port: number(port),
            target: target.into(),
        },
        [order, preference, flags, service, replacement] => Record::Naptr {
            order: number(order),
            preference: number(preference),
            flags: flags.into(),
            service: service.into(),
            replacement: replacement.into(),
        },
        _ => unreachable!("a line of the zone"),
    }
}

fn everything() -> Listeners {
    listeners(&["udp 0.0.0.0:5060", "tcp 0.0.0.0:5060", "tls 0.0.0.0:5061", "udp [::]:5060"])
}

fn listeners(list: &[&str]) -> Listeners {
    let listener = |text: &&str| {
        let (protocol, bound) = text.split_once(' ').expect("protocol and address");
        let protocol = Protocol::from_bytes(protocol.as_bytes()).expect("a protocol");
        Listener { protocol, bound: bound.parse().expect("an address") }
    };
    Listeners(list.iter().map(listener).collect())
}
