use super::*;

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::channel;
use std::time::Duration;

use codec::{Codec, Rate};
use media::{Action, Actions, Command, EndId, Plane, Recorded, Recording, Remote, SocketKey};
use timestamp::Timestamp;

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("recorder-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn samples_of(file: &[u8]) -> Vec<i16> {
    let data = file.get(44..).expect("a header");
    data.chunks_exact(2).map(|octets| i16::from_le_bytes([octets[0], octets[1]])).collect()
}

/// Two seconds and a half of a plane: what an end says is handed to the recorder.
fn record(recorder: &RecorderHandle, id: RecordingId, ends_well: bool) {
    let mut line = recorder.clone().line();
    let (mut plane, mut out) = (Plane::new(1), Actions::new());
    let mut now = Timestamp::from_secs(1);
    let (end, bind) = (EndId(1), [127, 0, 0, 1].into());
    plane.handle_command(Command::Open { end, bind, port: 20_000, inactivity: None }, now, &mut out);
    let peer = (bind, 40_000).into();
    let remote = Remote { rtp: Some(peer), ..Remote::of(bind) };
    plane.handle_command(Command::Remote { end, remote }, now, &mut out);
    let track = Recorded { end: Some(end), codecs: [(0, Codec::Pcmu)].into_iter().collect() };
    let tracks = [track].into_iter().collect();
    let recording = Recording { id, rate: Rate::Narrow, tracks, longest: None, silence: None };
    plane.handle_command(Command::Record(Box::new(recording)), now, &mut out);
    let mut perform = |out: &mut Actions| {
        for action in out.list() {
            if let Action::Keep(chunk) = action {
                line.keep(*chunk, out.samples(chunk));
            }
        }
        out.clear();
    };
    for n in 0..125u32 {
        let mut packet = Vec::new();
        rtp::write_header(false, 0, n as u16, n * 160, 7, &mut packet);
        packet.extend([0x10; 160]);
        plane.on_packet(SocketKey(0), peer, &packet, now, &mut out);
        perform(&mut out);
        now = now + Duration::from_millis(20);
        plane.handle_timeout(now, &mut out);
        perform(&mut out);
    }
    if ends_well {
        plane.handle_command(Command::Close { end }, now, &mut out);
        perform(&mut out);
    }
}

#[test]
fn a_recording_is_a_file_once_it_is_whole() {
    let folder = Folder::new("whole");
    let (told, hear) = channel();
    let (recorder, left) =
        Recorder::start(folder.0.clone(), move |written| drop(told.send(written))).expect("it starts");
    assert_eq!(left, []);
    let id = RecordingId(77);
    record(&recorder.handle(), id, true);
    recorder.end();
    let written = hear.try_recv().expect("told");
    let bytes = 44 + 2 * 20_000;
    assert_eq!(written, Written { recording: id, ms: 2_500, bytes, fault: None });
    let path = file_of(&folder.0, id);
    let file = fs::read(&path).expect("a file");
    assert_eq!(file.len() as u64, bytes);
    assert_eq!(&file[..4], b"RIFF");
    assert_eq!(file[40..44], 40_000u32.to_le_bytes());
    let loud = rtp::g711::Law::Mu.decode(0x10);
    assert!(samples_of(&file).iter().all(|sample| *sample == loud));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&folder.0)), (0o600, 0o700));
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
}

#[test]
fn what_a_process_leaves_is_mended_by_the_next() {
    let folder = Folder::new("mended");
    let (told, hear) = channel();
    let start = |told: mpsc::Sender<Written>| {
        Recorder::start(folder.0.clone(), move |written| drop(told.send(written))).expect("it starts")
    };
    let (recorder, _) = start(told.clone());
    let (id, other) = (RecordingId(78), RecordingId(79));
    record(&recorder.handle(), id, false);
    // It stops before that recording is over: what there is is kept.
    recorder.end();
    let cut = hear.try_recv().expect("told");
    assert_eq!((cut.recording, cut.ms, cut.fault.as_deref()), (id, 1_000, Some(ENDED)));
    // One whose process was killed: its header says nothing of its length yet.
    let whole = fs::read(file_of(&folder.0, id)).expect("a file");
    let mut killed = whole;
    killed[40..44].fill(0);
    killed.push(9);
    fs::write(folder.0.join(format!("{other}.wav.part")), &killed).expect("written");
    fs::write(folder.0.join(format!("{}.wav.part", RecordingId(80))), b"RI").expect("written");
    let (recorder, mut left) = start(told);
    recorder.end();
    left.sort_by_key(|written| written.recording);
    let [mended, nothing] = left.as_slice() else { panic!("{left:?}") };
    assert_eq!((mended.recording, mended.ms, mended.fault.as_deref()), (other, 1_000, Some(DIED)));
    assert_eq!((nothing.bytes, nothing.fault.is_some()), (0, true));
    let file = fs::read(file_of(&folder.0, other)).expect("a file");
    assert_eq!((file.len(), &file[40..44]), (44 + 16_000, &16_000u32.to_le_bytes()[..]));
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 2);
}
