//! Who guesses at passwords is slowed and banned; an office with a phone that has a wrong one saved is not, and
//! neither is anybody in whose name an attacker sends.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use engine::control::{Answer, Ask, Happening};
use engine::{Ban, BanOrder};
use routing::config::Change;
use sim::rows;
use sim::world::World;
use sip_msg::digest::{Algorithm, Qop, ha1, response};
use sip_msg::header::Challenge;
use sip_msg::{Message, Name};
use sip_stack::transport::{Flow, Protocol};

/// A place from which REGISTERs come.
struct Town {
    world: World,
    sent: u32,
}

impl Town {
    fn new(shards: u8) -> Self {
        let mut world = World::new(shards, 7);
        let mut changes = vec![rows::account(&[]).expect("an account"), rows::domain(&[]).expect("a domain")];
        for user in ["alice", "bob", "carol"] {
            let row = rows::device(user, "right", &[]).expect("a device");
            changes.push(Change::Connection(Arc::new(row)));
        }
        world.configure(changes);
        Self { world, sent: 0 }
    }

    /// One REGISTER; the code and the nonce of its answer.
    fn say(&mut self, from: &str, user: &str, with: Option<(&str, &str)>) -> Option<(u16, String)> {
        self.sent += 1;
        let (source, n): (SocketAddr, _) = (from.parse().expect("an address"), self.sent);
        let authorization = with.map_or_else(String::new, |(nonce, password)| proof(user, nonce, password));
        let text = format!(
            "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bK{n};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@example.test>;tag=t{n}\r\nTo: <sip:{user}@example.test>\r\n\
             Call-ID: call{n}\r\nCSeq: {n} REGISTER\r\nContact: <sip:{user}@{source}>\r\nUser-Agent: phone\r\n\
             {authorization}Content-Length: 0\r\n\r\n"
        );
        let flow = Flow { protocol: Protocol::Udp, listener: 0, stream: 0, remote: source };
        self.world.inbox.clear();
        self.world.send(flow, text.into_bytes());
        self.world.run_until(self.world.now() + Duration::from_millis(20));
        let (_, bytes) = self.world.inbox.last()?;
        let answer = Message::parse(bytes).ok()?;
        let nonce = answer.field(Name::WwwAuthenticate).and_then(Challenge::parse).and_then(|c| c.nonce);
        Some((answer.code(), String::from_utf8_lossy(nonce.unwrap_or_default()).into_owned()))
    }

    /// Asks for a nonce and answers with this password; the final code.
    fn register(&mut self, from: &str, user: &str, password: &str) -> Option<u16> {
        let (_, nonce) = self.say(from, user, None)?;
        Some(self.say(from, user, Some((&nonce, password)))?.0)
    }

    fn wait(&mut self, seconds: u64) {
        self.world.run_until(self.world.now() + Duration::from_secs(seconds));
    }

    fn announced(&self, name: &str) -> usize {
        let named = |what: &Happening| match what {
            Happening::BanAdded(_) => "ban.added",
            Happening::BanLapsed(_) => "ban.lapsed",
            Happening::BanWithheld { .. } => "ban.withheld",
            Happening::WrongPassword { .. } => "device.wrong_password",
            _ => "",
        };
        self.world.announced.iter().filter(|event| named(&event.what) == name).count()
    }
}

fn proof(user: &str, nonce: &str, password: &str) -> String {
    let secret = ha1(Algorithm::Md5, user.as_bytes(), b"example.test", password.as_bytes());
    let qop = Qop { nc: b"00000001", cnonce: b"c", qop: b"auth" };
    let uri = b"sip:example.test";
    let proof = response(Algorithm::Md5, secret.as_ref(), nonce.as_bytes(), Some(qop), b"REGISTER", uri);
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"example.test\", nonce=\"{nonce}\", \
         uri=\"sip:example.test\", response=\"{}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n",
        String::from_utf8_lossy(proof.as_ref())
    )
}

const OFFICE: &str = "203.0.113.7:5060";
const ATTACKER: &str = "198.51.100.66:5060";

#[test]
fn a_guesser_is_banned_with_evidence_and_let_in_again_when_that_is_taken_back() {
    for shards in 1..=3 {
        let mut town = Town::new(shards);
        let mut looked_at = 0;
        for n in 0..100 {
            match town.register(ATTACKER, "alice", &format!("guess{n}")) {
                Some(401) => looked_at += 1,
                Some(other) => panic!("{other}"),
                None => {}
            }
        }
        assert!(looked_at <= 5, "{looked_at} of 100 were looked at");
        let [ban] = town.world.bans.as_slice() else { panic!("{:?}", town.world.bans) };
        let ban: Ban = ban.clone();
        let evidence = ban.evidence.clone().expect("evidence");
        assert_eq!((evidence.distinct_users, &*evidence.users[0].user), (1, "alice"));
        assert!(evidence.users[0].known && *evidence.user_agents[0] == *"phone");
        assert_eq!(town.announced("ban.added"), 1);
        assert_eq!(town.register(ATTACKER, "alice", "right"), None, "nobody listens");
        assert_eq!(town.register(OFFICE, "alice", "right"), Some(200), "elsewhere");
        let dropped = town.world.ask(&Ask::Bans(BanOrder::Dropped));
        let counts = dropped.iter().map(|answer| match answer {
            Answer::Dropped(rows) => rows.iter().map(|(_, count)| count).sum(),
            _ => 0u64,
        });
        assert!(counts.sum::<u64>() > 50);
        town.world.ask(&Ask::Bans(BanOrder::Lift(Box::new(ban))));
        assert_eq!(town.register(ATTACKER, "bob", "right"), Some(200), "taken back");
    }
}

#[test]
fn a_ban_that_lapses_is_told_of_once() {
    for shards in 1..=3 {
        let mut town = Town::new(shards);
        for n in 0..20 {
            town.register(ATTACKER, &format!("user{n}"), "1234");
        }
        assert_eq!((town.world.bans.len(), town.announced("ban.lapsed")), (1, 0));
        town.wait(3600);
        assert_eq!(town.announced("ban.lapsed"), 1);
        assert_eq!(town.register(ATTACKER, "bob", "right"), Some(200), "its time is over");
        town.wait(3600);
        assert_eq!((town.announced("ban.lapsed"), town.announced("ban.removed")), (1, 0));
    }
}

#[test]
fn many_users_from_one_place_are_an_attack_and_exist_or_not_looks_the_same() {
    for shards in 1..=3 {
        let mut town = Town::new(shards);
        for n in 0..20 {
            let user = if n == 3 { "alice".to_owned() } else { format!("user{n}") };
            assert!(matches!(town.register(ATTACKER, &user, "1234"), Some(401) | None));
        }
        assert_eq!(town.world.bans.len(), 1);
        assert_eq!(town.world.bans[0].evidence.as_ref().expect("evidence").distinct_users, 8);
    }
}

#[test]
fn an_office_with_a_wrong_password_saved_is_slowed_and_its_owner_told() {
    for shards in 1..=3 {
        let mut town = Town::new(shards);
        assert_eq!(town.register(OFFICE, "bob", "right"), Some(200));
        for _ in 0..60 {
            town.register(OFFICE, "alice", "old");
            town.wait(30);
            assert_eq!(town.register(OFFICE, "bob", "right"), Some(200), "its neighbour goes on");
        }
        assert!(town.world.bans.is_empty());
        assert_eq!(town.announced("device.wrong_password"), 1);
        town.wait(61);
        assert_eq!(town.register(OFFICE, "alice", "right"), Some(200), "and so does it, once it is mended");
        // Somebody in that office guesses in earnest: slowed, with the neighbours untouched.
        for n in 0..100 {
            town.register(OFFICE, &format!("user{n}"), "1234");
        }
        assert!(town.world.bans.is_empty());
        assert_eq!(town.announced("ban.withheld"), 1);
        assert_eq!(town.register(OFFICE, "bob", "right"), Some(200));
    }
}

#[test]
fn nobody_is_banned_for_what_others_send_in_their_name() {
    for shards in 1..=3 {
        let mut town = Town::new(shards);
        let victim = "192.0.2.99:5060";
        for n in 0..50 {
            let (_, nonce) = town.say(ATTACKER, "alice", None).expect("a challenge");
            assert_eq!(
                town.say(victim, &format!("user{n}"), Some((&nonce, "1"))).map(|(code, _)| code),
                Some(401)
            );
            let _ = town.say(victim, &format!("user{n}"), Some(("0123456789abcdef", "1")));
        }
        assert!(town.world.bans.is_empty());
        assert_eq!(town.register(victim, "alice", "right"), Some(200));
    }
}
