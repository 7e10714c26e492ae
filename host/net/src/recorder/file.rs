//! A recording's file: WAV of 16 bits, whose lengths are filled in when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use codec::wav::{HEADER, header};
use media::RecordingId;

use super::file_of;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct WavFile {
    file: File,
    part: PathBuf,
    path: PathBuf,
    channels: u16,
    rate: u32,
    octets: Vec<u8>,
}

impl WavFile {
    /// A new one, that only we may read.
    pub(super) fn create(folder: &Path, id: RecordingId, channels: u16, rate: u32) -> io::Result<Self> {
        let (part, path) = (part_of(folder, id), file_of(folder, id));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let new = Self { file, part, path, channels, rate, octets: Vec::new() };
        new.file.write_all_at(&header(rate, channels, 0), 0)?;
        Ok(new)
    }

    /// One that was left unfinished.
    pub(super) fn open(folder: &Path, id: RecordingId) -> io::Result<Self> {
        let (part, path) = (part_of(folder, id), file_of(folder, id));
        let file = OpenOptions::new().read(true).write(true).open(&part)?;
        let mut header = [0; HEADER];
        // Without its header there is nothing in it.
        let (mut channels, mut rate) = (1, 8_000);
        if file.read_exact_at(&mut header, 0).is_ok() {
            channels = u16::from_le_bytes([header[22], header[23]]).clamp(1, 2);
            rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]).max(1);
        }
        Ok(Self { file, part, path, channels, rate, octets: Vec::new() })
    }

    /// Writes samples that begin at this one of each channel; what was left out before them is silence.
    pub(super) fn write(&mut self, at: u64, samples: &[i16]) -> io::Result<()> {
        self.octets.clear();
        self.octets.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let offset = HEADER as u64 + at * self.frame();
        if offset + self.octets.len() as u64 > u64::from(u32::MAX) {
            return Err(io::Error::other("a WAV file holds no more than 4 GB"));
        }
        self.file.write_all_at(&self.octets, offset)
    }

    /// Brings all of it to the disk and gives it its name; its milliseconds and octets. `total` samples of each channel, or
    /// as many as there are.
    pub(super) fn finish(self, total: Option<u64>) -> io::Result<(u64, u64)> {
        let there = self.file.metadata()?.len().saturating_sub(HEADER as u64);
        let frames = total.unwrap_or_else(|| there / self.frame());
        let octets = frames * self.frame();
        if octets == 0 {
            fs::remove_file(&self.part)?;
            return Err(io::Error::other("nothing was recorded"));
        }
        self.file.set_len(HEADER as u64 + octets)?;
        self.file.write_all_at(&header(self.rate, self.channels, octets), 0)?;
        self.file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok((frames * 1_000 / u64::from(self.rate), HEADER as u64 + octets))
    }

    /// Octets of one sample of all channels.
    fn frame(&self) -> u64 {
        2 * u64::from(self.channels)
    }
}

fn part_of(folder: &Path, id: RecordingId) -> PathBuf {
    folder.join(format!("{id}.wav.part"))
}
