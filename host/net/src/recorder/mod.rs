//! The recorder: one thread that writes to disk what media workers keep.
//!
//! Workers never wait for it: a queue of pieces lies between, and what does not fit into it is left out of the recording,
//! counted and said. A recording is a file that ends in `.part` until all of it is on disk, and has its final name only
//! then. What a process that died has left behind is mended by the next one.

mod file;

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use media::{Chunk, RecordingId};

use self::file::WavFile;

/// A recording that is on disk, or that could not be brought there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub recording: RecordingId,
    /// Its length in milliseconds.
    pub ms: u64,
    /// Octets of its file; 0 if there is none.
    pub bytes: u64,
    /// Why there is none, or why its end is missing: the process died, or the disk is full.
    pub fault: Option<String>,
}

/// A running recorder. It ends when nobody can hand it anything any more.
#[derive(Debug)]
pub struct Recorder {
    handle: RecorderHandle,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Mends what a former process left in `folder`, which is returned, and begins to write there. `done` is called on its
    /// thread, once for each recording.
    pub fn start(
        folder: PathBuf,
        done: impl FnMut(Written) + Send + 'static,
    ) -> io::Result<(Self, Vec<Written>)> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let left = mend(&folder)?;
        let (pieces, queue) = mpsc::sync_channel(QUEUE);
        let desk = Desk { folder, done: Box::new(done), open: HashMap::new() };
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(move || desk.run(&queue))?;
        Ok((Self { handle: RecorderHandle { pieces }, thread }, left))
    }

    /// For the workers.
    pub fn handle(&self) -> RecorderHandle {
        self.handle.clone()
    }

    /// Waits until all that was handed in is on disk; to be called when the workers have stopped.
    pub fn end(self) {
        drop(self.handle);
        // A thread that panicked has already said why.
        let _ = self.thread.join();
    }
}

/// Where recordings can be handed in.
#[derive(Clone, Debug)]
pub struct RecorderHandle {
    pieces: SyncSender<Piece>,
}

impl RecorderHandle {
    /// A way for one worker.
    pub(crate) fn line(self) -> RecorderLine {
        let (back, spare) = mpsc::sync_channel(SPARE);
        RecorderLine { pieces: self.pieces, back, spare, last: Vec::new(), lost: 0 }
    }
}

/// The way of one worker to the recorder. Rooms for samples come back and are used again.
#[derive(Debug)]
pub(crate) struct RecorderLine {
    pieces: SyncSender<Piece>,
    back: SyncSender<Vec<i16>>,
    spare: Receiver<Vec<i16>>,
    /// Ends of recordings that found no room in the queue.
    last: Vec<Piece>,
    lost: u64,
}

impl RecorderLine {
    /// Hands in a piece. Never waits.
    pub(crate) fn keep(&mut self, chunk: Chunk, samples: &[i16]) {
        self.hand_in_last();
        let mut room = self.spare.try_recv().unwrap_or_default();
        room.clear();
        room.extend_from_slice(samples);
        match self.pieces.try_send(Piece { chunk, samples: room, back: self.back.clone() }) {
            // Its end is what makes it a recording.
            Err(TrySendError::Full(piece)) if piece.chunk.last => self.last.push(piece),
            Err(TrySendError::Full(_)) => {
                if self.lost == 0 {
                    tracing::warn!("recordings have gaps: the disk is too slow for them");
                }
                self.lost += 1;
            }
            // Whoever has stopped needs nothing.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Pieces that were left out so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Tries again what has to arrive.
    pub(crate) fn hand_in_last(&mut self) {
        while let Some(piece) = self.last.pop() {
            if let Err(TrySendError::Full(piece)) = self.pieces.try_send(piece) {
                return self.last.push(piece);
            }
        }
    }
}

/// A piece on its way.
#[derive(Debug)]
struct Piece {
    chunk: Chunk,
    samples: Vec<i16>,
    /// Where its room goes.
    back: SyncSender<Vec<i16>>,
}

/// The thread.
struct Desk {
    folder: PathBuf,
    done: Box<dyn FnMut(Written) + Send>,
    open: HashMap<RecordingId, Result<WavFile, io::Error>>,
}

impl Desk {
    fn run(mut self, queue: &Receiver<Piece>) {
        while let Ok(Piece { chunk, samples, back }) = queue.recv() {
            self.write(&chunk, &samples);
            // A worker has enough of them, or is gone.
            let _ = back.try_send(samples);
        }
        for (recording, file) in self.open.drain() {
            let written = match file {
                Ok(file) => file.finish(None),
                Err(fault) => Err(fault),
            };
            (self.done)(written_of(recording, written, Some(ENDED.to_owned())));
        }
    }

    fn write(&mut self, chunk: &Chunk, samples: &[i16]) {
        let id = chunk.recording;
        let file = self
            .open
            .entry(id)
            .or_insert_with(|| WavFile::create(&self.folder, id, u16::from(chunk.channels), chunk.rate.hz()));
        if let Ok(open) = file
            && let Err(fault) = open.write(chunk.at, samples)
        {
            tracing::error!(recording = %id, %fault, "a recording cannot be written on");
            let why = fault.to_string();
            // What there is of it is kept.
            let cut = std::mem::replace(file, Err(fault));
            if let Ok(cut) = cut {
                let written = cut.finish(None);
                (self.done)(written_of(id, written, Some(why)));
            }
        }
        if chunk.last
            && let Some(file) = self.open.remove(&id)
        {
            match file {
                Ok(file) => {
                    let written = file.finish(Some(chunk.total));
                    (self.done)(written_of(id, written, None));
                }
                Err(fault) => {
                    // One that was cut off was told of before, and once is enough for whoever hears of it.
                    tracing::error!(recording = %id, %fault, "a recording could not be kept");
                    (self.done)(written_of(id, Err(fault), None));
                }
            }
        }
    }
}

/// What became of one; `cut_off` says why its end is missing, if it is, or all of it.
fn written_of(recording: RecordingId, written: io::Result<(u64, u64)>, cut_off: Option<String>) -> Written {
    match written {
        Ok((ms, bytes)) => Written { recording, ms, bytes, fault: cut_off },
        Err(fault) => {
            let fault = cut_off.unwrap_or_else(|| fault.to_string());
            Written { recording, ms: 0, bytes: 0, fault: Some(fault) }
        }
    }
}

/// Finishes what a process that died has left.
fn mend(folder: &Path) -> io::Result<Vec<Written>> {
    let mut mended = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.strip_suffix(".wav.part").and_then(RecordingId::of_text);
        if let Some(id) = id {
            let written = WavFile::open(folder, id).and_then(|file| file.finish(None));
            mended.push(written_of(id, written, Some(DIED.to_owned())));
        }
    }
    Ok(mended)
}

/// Where the audio of a recording that is on disk lies.
pub fn file_of(folder: &Path, recording: RecordingId) -> PathBuf {
    folder.join(format!("{recording}.wav"))
}

/// Why the end of a recording is missing.
const DIED: &str = "the server died while it was recorded";
const ENDED: &str = "the server ended while it was recorded";
/// Pieces that may wait: some seconds of a thousand recordings.
const QUEUE: usize = 4_096;
/// Rooms that a worker keeps.
const SPARE: usize = 256;

#[cfg(test)]
mod tests;
