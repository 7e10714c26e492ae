//! A watched trunk whose row is saved again and again: its name is asked for no more often than before.

use core::time::Duration;
use std::sync::Arc;

use routing::config::Change;
use sim::rows;
use sim::world::World;

#[test]
fn saving_a_row_does_not_add_to_the_lookups() {
    for shards in [1, 2, 3] {
        let mut world = World::new(shards, 1);
        world.zone.address("sip.carrier.test", [198, 51, 100, 2].into());
        world.configure([rows::account(&[]), rows::domain(&[])].into_iter().flatten().collect());
        for _ in 0..20 {
            let settings = [("probe.options_s", "30")];
            let row = rows::trunk("carrier", "sip.carrier.test", 5060, "udp", &settings).expect("a row");
            world.configure(vec![Change::Connection(Arc::new(row))]);
            world.run_until(world.now() + Duration::from_secs(5));
        }
        let before = world.located;
        world.run_until(world.now() + Duration::from_secs(600));
        assert_eq!(world.located - before, 10, "once a minute");
    }
}
