//! Plays every ladder of `test/ladders`, with one shard and with two.

use std::path::Path;

fn play(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ladders").join(format!("{name}.ladder"));
    let text = std::fs::read_to_string(&path).expect("a ladder");
    for shards in [1, 2, 3] {
        for seed in 1..=2 {
            if let Err(error) = sim::ladder::play(&text, shards, seed) {
                panic!("{name}: {error}");
            }
        }
    }
}

macro_rules! ladders {
    ($($name:ident)+) => {
        $(#[test] fn $name() { play(stringify!($name)); })+

        #[test]
        fn every_file_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ladders");
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .expect("the folder of ladders")
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".ladder").map(str::to_owned))
                .collect();
            files.sort();
            let mut played = vec![$(stringify!($name)),+];
            played.sort_unstable();
            assert_eq!(files, played);
        }
    };
}

ladders! {
    call_established
}
