//! A panic in one call ends that call and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use engine::control::{Answer, Ask};
use routing::config::Change;
use sim::phone::State;
use sim::rows;
use sim::town::Town;
use sim::world::{FAULTY, Faults};

#[test]
fn a_panic_ends_its_call_with_500_and_the_others_go_on() {
    for shards in [1, 2] {
        let mut town = Town::new(shards, 1, Faults::default());
        let addr = SocketAddr::new(FAULTY, 5060).to_string();
        let trunk = rows::trunk("faulty", &FAULTY.to_string(), 5060, "udp", &[]).expect(&addr);
        town.world.configure(vec![Change::Connection(Arc::new(trunk))]);
        town.switch_on();
        town.phones[0].call("echo", false, &mut town.world);
        town.run(1);
        let incidents =
            |town: &mut Town| town.world.figures().iter().map(|figures| figures.incidents).sum::<u64>();
        assert_eq!(incidents(&mut town), 0);

        town.phones[1].call("+4930123456", false, &mut town.world);
        town.run(2);
        assert_eq!(incidents(&mut town), 1);
        let call = town.phones[1].calls.values().next().expect("the call just made");
        assert_eq!(call.final_code, 500);
        let record = town.world.records.last().expect("a record");
        assert_eq!((record.reason_code, record.sip_code), ("S-03", 500));

        let up = town.phones[0].calls.values().filter(|call| call.state == State::Up).count();
        assert_eq!(up, 1, "the echo goes on");
        let calls = town.world.ask(&Ask::Calls).into_iter().map(|answer| match answer {
            Answer::Calls(calls) => calls.len(),
            _ => 0,
        });
        assert_eq!(calls.sum::<usize>(), 1);
        town.go_to_bed();
        for figures in town.world.figures() {
            let left = [figures.calls_active, figures.transactions, figures.media_ports_used];
            assert_eq!(left, [0; 3]);
        }
        assert_eq!(town.world.call_count(), 0);
    }
}
