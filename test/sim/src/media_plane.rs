//! Stands in for the media workers: answers closings, and complains about what signalling must never ask.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use media::{
    Command, Counters, EndId, Event, Format, OpenFault, Recording, RecordingId, RecordingOver, RoomId,
};
use srtp::Profile;

/// The ends that are open.
#[derive(Debug, Default)]
pub struct MediaPlane {
    open: BTreeMap<EndId, u16>,
    ports: BTreeSet<u16>,
    /// Ends whose peer is expected to send; those of fax are told apart.
    awaited: BTreeMap<EndId, (bool, bool)>,
    failed: BTreeSet<EndId>,
    protected: BTreeMap<EndId, Profile>,
    /// Whose key each of ours is: no two ends, and no two directions, may ever have the same.
    keys: BTreeMap<Vec<u8>, EndId>,
    /// What is played to ends is in this.
    spoken: BTreeMap<EndId, Format>,
    /// Ends to which something is played until they hear something else.
    playing: BTreeSet<EndId>,
    /// Keys that were pressed last towards an end.
    pub pressed: String,
    /// Ends at which keys are listened for.
    listening: BTreeSet<EndId>,
    /// Ends that are in rooms.
    mixed: BTreeMap<EndId, Seat>,
    /// The ports of their peers.
    peers: BTreeMap<EndId, u16>,
    /// Recordings that go on, and who is on them.
    taped: BTreeMap<RecordingId, BTreeSet<EndId>>,
    /// Pairs that were joined, in order.
    pub joined: Vec<(EndId, EndId)>,
    /// Pairs that were converted for, in order.
    pub converted: Vec<(Format, Format)>,
    /// How often an end got keys.
    pub keyed: usize,
    /// What signalling did wrong.
    pub faults: Vec<String>,
}

/// An end in a room.
#[derive(Clone, Copy, Debug)]
struct Seat {
    /// The room, and the shard and worker of its plane: others with the same name are other rooms.
    room: (RoomId, (u8, usize)),
    muted: bool,
}

impl MediaPlane {
    /// Takes a command; returns what the plane has to say to it, and how much later. The system refuses some ports.
    #[expect(clippy::too_many_lines, reason = "an arm for each command")]
    pub fn take(&mut self, command: &Command, refused: impl Fn(u16) -> bool) -> Option<(Event, Duration)> {
        self.note_playing(command);
        match *command {
            Command::Open { end, port, .. } if refused(port) => {
                self.failed.insert(end);
                return Some((Event::Failed { end, port, error: OpenFault::PortTaken }, Duration::ZERO));
            }
            Command::Open { end, port, .. } => {
                self.opened(end, port);
                if !self.ports.insert(port) {
                    self.faults.push(format!("port {port} leased twice"));
                }
            }
            Command::Remote { end, remote } => {
                self.expect_open(end, command);
                if let Some(rtp) = remote.rtp {
                    self.peers.insert(end, rtp.port());
                }
                self.awaited.insert(end, (remote.sends && remote.rtp.is_some(), remote.udptl));
            }
            Command::Authenticate { end, .. }
            | Command::Announce { end, .. }
            | Command::Dial { end, .. }
            | Command::Await { end }
            | Command::Renumber { end, .. }
            | Command::Restart { end, .. }
            | Command::Sort { end, .. } => {
                self.expect_open(end, command);
            }
            Command::Speak { end, format } => {
                self.expect_open(end, command);
                self.spoken.insert(end, format);
            }
            Command::Press { end, ref strokes } => {
                self.expect_open(end, command);
                self.pressed = strokes.iter().filter_map(|stroke| stroke.key).map(char::from).collect();
            }
            Command::Serve { end, .. } => {
                self.expect_open(end, command);
                self.mixed.remove(&end);
            }
            Command::Transcode { a, b } => {
                self.expect_open(a.0, command);
                self.expect_open(b.0, command);
                self.listening.remove(&a.0);
                self.listening.remove(&b.0);
                self.converted.push((a.1, b.1));
            }
            Command::OpenShared { end, bundle, .. } => {
                self.opened(end, SHARED_PORT);
                bundle.into_iter().for_each(|bundle| self.expect_open(bundle, command));
            }
            Command::Clear { end } => {
                self.expect_open(end, command);
                self.protected.remove(&end);
            }
            Command::Demand { end } => self.expect_open(end, command),
            Command::Protect { end, inbound, outbound } => {
                self.expect_open(end, command);
                self.protected.insert(end, inbound.profile());
                self.keyed += 1;
                let owner = *self.keys.entry(outbound.material().to_vec()).or_insert(end);
                if owner != end || inbound == outbound {
                    self.faults.push(format!("{end:?} has a key of {owner:?}"));
                }
            }
            Command::Play { end, ref audio, times, serial } => {
                self.expect_open(end, command);
                if !self.spoken.contains_key(&end) {
                    self.faults.push(format!("{end:?} is played to in no codec"));
                }
                self.mixed.remove(&end);
                let samples = u64::try_from(audio.len()).unwrap_or(0) * u64::from(times?);
                return Some((Event::Played { end, serial }, Duration::from_millis(samples / 8)));
            }
            Command::Record(ref recording) => return self.record(recording, command),
            Command::StopRecording { end, recording } => {
                self.taped.remove(&recording)?;
                let over = Event::Recorded { end, recording, ms: 1_000, why: RecordingOver::Stopped };
                return Some((over, Duration::ZERO));
            }
            Command::Listen { end, .. } => {
                self.expect_open(end, command);
                self.listening.insert(end);
            }
            Command::Mix { end, room, muted, .. } => {
                self.expect_open(end, command);
                self.seat(end, room, muted);
            }
            Command::Mute { end, muted } => {
                self.expect_open(end, command);
                self.mixed.entry(end).and_modify(|seat| seat.muted = muted);
            }
            Command::Join { a, b } => {
                self.expect_open(a, command);
                self.expect_open(b, command);
                self.listening.remove(&a);
                self.listening.remove(&b);
                self.mixed.retain(|end, _| *end != a && *end != b);
                self.joined.push((a, b));
            }
            Command::Close { end } => return Some((self.close(end), Duration::ZERO)),
        }
        None
    }

    fn note_playing(&mut self, command: &Command) {
        match *command {
            Command::Play { end, times: None, .. } => drop(self.playing.insert(end)),
            Command::Play { end, .. }
            | Command::Press { end, .. }
            | Command::Serve { end, .. }
            | Command::Mix { end, .. }
            | Command::Close { end } => drop(self.playing.remove(&end)),
            Command::Join { a, b } | Command::Transcode { a: (a, _), b: (b, _) } => {
                self.playing.retain(|end| *end != a && *end != b);
            }
            _ => {}
        }
    }

    /// Ends to which something is played until they hear something else.
    pub fn playing(&self) -> usize {
        self.playing.len()
    }

    fn opened(&mut self, end: EndId, port: u16) {
        if self.open.insert(end, port).is_some() {
            self.faults.push(format!("{end:?} opened twice"));
        }
    }

    fn close(&mut self, end: EndId) -> Event {
        self.awaited.remove(&end);
        self.protected.remove(&end);
        match self.open.remove(&end) {
            Some(port) => drop(self.ports.remove(&port)),
            None if self.failed.remove(&end) => {}
            None => self.faults.push(format!("{end:?} closed, but it is not open")),
        }
        self.listening.remove(&end);
        self.spoken.remove(&end);
        self.mixed.remove(&end);
        self.taped.values_mut().for_each(|ends| {
            ends.remove(&end);
        });
        Event::Closed { end, counters: Counters::default() }
    }

    /// Nobody here says anything: silence ends a recording, if it may.
    fn record(&mut self, recording: &Recording, command: &Command) -> Option<(Event, Duration)> {
        let ends: BTreeSet<EndId> = recording.tracks.iter().filter_map(|track| track.end).collect();
        for end in &ends {
            self.expect_open(*end, command);
            self.taped.values_mut().for_each(|others| {
                others.remove(end);
            });
        }
        let (end, recording_id) = (*ends.first()?, recording.id);
        let is_new = self.taped.insert(recording_id, ends).is_none();
        let silence = recording.silence.map(|length| (length, RecordingOver::Silence));
        let longest = recording.longest.map(|length| (length, RecordingOver::Longest));
        let first = silence.into_iter().chain(longest).min_by_key(|(length, _)| *length);
        let (length, why) = first.filter(|_| is_new)?;
        let ms = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
        Some((Event::Recorded { end, recording: recording_id, ms, why }, length))
    }

    fn seat(&mut self, end: EndId, room: RoomId, muted: bool) {
        let plane = (engine::end_owner(end).shard, end.worker(WORKERS));
        self.mixed.insert(end, Seat { room: (room, plane), muted });
    }

    /// The end at a port.
    pub fn at(&self, port: u16) -> Option<EndId> {
        self.open.iter().find(|(_, open)| **open == port).map(|(end, _)| *end)
    }

    /// Our ports of the ends that the one at `port` hears in its room, and in those that it is linked with.
    pub fn heard_at(&self, port: u16) -> BTreeSet<u16> {
        let mut heard = BTreeSet::new();
        self.hear(self.at(port), &mut heard);
        heard
    }

    /// What an end hears: all others of its room, and through links what their other ends hear.
    fn hear(&self, end: Option<EndId>, heard: &mut BTreeSet<u16>) {
        let Some((end, seat)) = end.and_then(|end| Some((end, self.mixed.get(&end)?))) else { return };
        let others = self.mixed.iter().filter(|(other, of)| **other != end && of.room == seat.room);
        for (other, of) in others {
            let peer = self.peers.get(other).copied().unwrap_or(0);
            let linked = self.open.iter().find(|(far, port)| {
                **port == peer && self.peers.get(far) == self.open.get(other) && self.mixed.contains_key(far)
            });
            match linked {
                Some((far, _)) => self.hear(Some(*far), heard),
                None if !of.muted => heard.extend(self.open.get(other)),
                None => {}
            }
        }
    }

    /// Ends that are open now.
    pub fn open(&self) -> impl Iterator<Item = EndId> + '_ {
        self.open.keys().copied()
    }

    /// How many ends are on a recording now.
    pub fn recorded(&self, id: RecordingId) -> usize {
        self.taped.get(&id).map_or(0, BTreeSet::len)
    }

    /// The codecs of what is played to ends.
    pub fn spoken(&self) -> String {
        let codecs: Vec<&str> = self.spoken.values().map(|format| format.codec.name()).collect();
        codecs.join(",")
    }

    /// Ends at which keys are listened for.
    pub fn listening(&self) -> Vec<EndId> {
        self.listening.iter().copied().collect()
    }

    /// How many ends wait for packets, and how many carry fax.
    pub fn awaited(&self) -> (usize, usize) {
        let waiting = self.awaited.values().filter(|(sends, _)| *sends).count();
        (waiting, self.awaited.values().filter(|(_, fax)| *fax).count())
    }

    /// The profiles of the ends that are protected, in no order that means anything.
    pub fn protected(&self) -> impl Iterator<Item = Profile> + '_ {
        self.protected.values().copied()
    }

    fn expect_open(&mut self, end: EndId, command: &Command) {
        if !self.open.contains_key(&end) && !self.failed.contains(&end) {
            self.faults.push(format!("{command:?} for an end that is not open"));
        }
    }
}

/// The port of all browsers.
pub const SHARED_PORT: u16 = 19_998;

/// Media workers of each shard.
pub(crate) const WORKERS: usize = 2;
