use super::*;
use crate::actions::Action;
use rtp::g711::Law;

const BEGAN: Timestamp = Timestamp::from_secs(100);

fn recording(tracks: usize, rate: Rate) -> Recording {
    let codecs: SmallVec<[(u8, Codec); 4]> = [(8, Codec::Pcma), (9, Codec::G722)].into_iter().collect();
    let recorded = |n| Recorded { end: Some(EndId(n as u64 + 1)), codecs: codecs.clone() };
    Recording {
        id: RecordingId(7),
        rate,
        tracks: (0..tracks).map(recorded).collect(),
        longest: None,
        silence: None,
    }
}

fn ms(ms: u64) -> Timestamp {
    BEGAN + Duration::from_millis(ms)
}

/// Twenty milliseconds of this level.
fn packet(sequence: u16, timestamp: u32, level: i16) -> Vec<u8> {
    let mut packet = Vec::new();
    rtp::write_header(false, 8, sequence, timestamp, 5, &mut packet);
    packet.extend([Law::A.encode(level); 160]);
    packet
}

/// What was handed out, silence between pieces filled in, and how it ended.
fn kept(out: &Actions) -> (Vec<i16>, Option<(u32, RecordingOver)>) {
    let (mut all, mut over) = (Vec::new(), None);
    for action in out.list() {
        match action {
            Action::Keep(chunk) => {
                all.resize(chunk.at as usize * usize::from(chunk.channels), 0);
                all.extend_from_slice(out.samples(chunk));
                assert!(all.len() as u64 <= chunk.total * u64::from(chunk.channels));
                all.resize(chunk.total as usize * usize::from(chunk.channels), 0);
            }
            Action::Emit(Event::Recorded { ms, why, .. }) => over = Some((*ms, *why)),
            other => panic!("{other:?}"),
        }
    }
    (all, over)
}

/// The mean amplitude of each twenty milliseconds, in thousands.
fn levels(samples: &[i16], frame: usize) -> Vec<u32> {
    let mean = |frame: &[i16]| {
        let sum: u32 = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
        (sum / frame.len() as u32 + 500) / 1_000
    };
    samples.chunks(frame).map(mean).collect()
}

fn run(recorder: &mut Recorder, until: Timestamp, out: &mut Actions) -> Option<RecordingOver> {
    while recorder.next_timeout() <= until {
        let at = recorder.next_timeout();
        if let Some(why) = recorder.handle_timeout(at, out) {
            return Some(why);
        }
    }
    None
}

#[test]
fn packets_lie_at_their_time_whatever_order_they_come_in() {
    // Milliseconds at which they come, sequence, timestamp in milliseconds, level in thousands.
    type Came = (u64, u16, u32, i16);
    let table: &[(&str, &[Came], &[u32])] = &[
        ("in order", &[(0, 1, 0, 2), (20, 2, 20, 3), (40, 3, 40, 4)], &[2, 3, 4, 0, 0]),
        ("later", &[(40, 1, 0, 2)], &[0, 0, 2, 0, 0]),
        ("overtaken", &[(0, 1, 0, 2), (41, 3, 40, 4), (42, 2, 20, 3)], &[2, 3, 4, 0, 0]),
        ("lost", &[(0, 1, 0, 2), (40, 3, 40, 4), (60, 4, 60, 5)], &[2, 0, 4, 5, 0]),
        ("twice", &[(0, 1, 0, 2), (20, 2, 20, 3), (25, 2, 20, 9)], &[2, 3, 0, 0, 0]),
        ("a pause of theirs", &[(0, 1, 0, 2), (60, 2, 60, 3)], &[2, 0, 0, 3, 0]),
        ("late", &[(0, 1, 0, 2), (95, 2, 20, 3)], &[2, 3, 0, 0, 0]),
        ("another clock", &[(0, 1, 0, 2), (40, 2, 9_000, 3)], &[2, 0, 3, 0, 0]),
    ];
    for (name, packets, wanted) in table {
        let mut recorder = Recorder::new(&recording(1, Rate::Narrow), 1, BEGAN);
        for &(at, sequence, timestamp, level) in *packets {
            recorder.on_packet(0, &packet(sequence, timestamp * 8, level * 1_000), ms(at));
        }
        let mut out = Actions::new();
        recorder.finish(RecordingOver::Left, ms(100), &mut out);
        let (samples, over) = kept(&out);
        assert_eq!(levels(&samples, 160), *wanted, "{name}");
        assert_eq!(over, Some((100, RecordingOver::Left)), "{name}");
    }
}

#[test]
fn two_tracks_have_one_time_line() {
    let mut recorder = Recorder::new(&recording(2, Rate::Wide), 1, BEGAN);
    recorder.on_packet(0, &packet(1, 0, 2_000), ms(0));
    recorder.on_packet(1, &packet(900, 77, 5_000), ms(20));
    let mut out = Actions::new();
    recorder.finish(RecordingOver::Stopped, ms(60), &mut out);
    let (samples, _) = kept(&out);
    let side = |side: usize| samples.iter().skip(side).step_by(2).copied().collect::<Vec<_>>();
    assert_eq!(levels(&side(0), 320), [2, 0, 0]);
    assert_eq!(levels(&side(1), 320), [0, 5, 0]);
}

#[test]
fn pieces_of_a_second_make_up_the_whole() {
    let mut recorder = Recorder::new(&recording(1, Rate::Narrow), 1, BEGAN);
    let mut out = Actions::new();
    for n in 0..300u32 {
        let at = ms(u64::from(n) * 20);
        assert_eq!(run(&mut recorder, at, &mut out), None);
        recorder.on_packet(0, &packet(n as u16, n * 160, (n % 7 * 1_000) as i16), at);
    }
    assert_eq!(out.list().len(), 4, "one a second, a second late");
    recorder.finish(RecordingOver::Left, ms(6_000), &mut out);
    let (samples, over) = kept(&out);
    assert_eq!(levels(&samples, 160), (0..300).map(|n| n % 7).collect::<Vec<_>>());
    assert_eq!(over, Some((6_000, RecordingOver::Left)));
}

#[test]
fn silence_and_length_end_it() {
    let wanted = |longest, silence| Recording {
        longest: Some(Duration::from_secs(longest)),
        silence: Some(Duration::from_secs(silence)),
        ..recording(1, Rate::Narrow)
    };
    for (name, longest, silence, sounds_for, over) in [
        ("it is long", 3, 10, 250, Some((3_000, RecordingOver::Longest))),
        ("nothing is said", 30, 4, 0, Some((4_000, RecordingOver::Silence))),
        ("nothing more is said", 30, 2, 100, Some((3_980, RecordingOver::Silence))),
        ("it goes on", 30, 10, 250, None),
    ] {
        let mut recorder = Recorder::new(&wanted(longest, silence), 1, BEGAN);
        let mut out = Actions::new();
        let mut ended = None;
        for n in 0..250u32 {
            let at = ms(u64::from(n) * 20);
            ended = run(&mut recorder, at, &mut out).map(|why| (at, why));
            if ended.is_some() {
                break;
            }
            // A quiet room is no sound.
            let level = if n < sounds_for { 4_000 } else { 60 };
            recorder.on_packet(0, &packet(n as u16, n * 160, level), at);
        }
        if let Some((at, why)) = ended {
            recorder.finish(why, at, &mut out);
        }
        assert_eq!(kept(&out).1, over, "{name}");
    }
}

#[test]
fn a_stall_of_an_hour_is_silence_that_is_not_written() {
    let mut recorder = Recorder::new(&recording(2, Rate::Wide), 1, BEGAN);
    let mut out = Actions::new();
    recorder.handle_timeout(ms(3_600_000), &mut out);
    let written: usize = out
        .list()
        .iter()
        .map(|action| if let Action::Keep(chunk) = action { out.samples(chunk).len() } else { 0 })
        .sum();
    assert!(written < 100_000, "{written}");
    assert!(recorder.next_timeout() > ms(3_600_000));
}

#[test]
fn names_are_read_as_they_are_shown() {
    let id = RecordingId::new(ms(5), 0xffff_0000_0000_0007);
    assert_eq!(RecordingId::of_text(&id.to_string()), Some(id));
    assert!(RecordingId::new(ms(6), 0) > id);
    for text in ["rec_0", "rec_000000000000000G", "rec_+00000000000000f", "rec_00000000000000AA", "../key"] {
        assert_eq!(RecordingId::of_text(text), None, "{text}");
    }
}
