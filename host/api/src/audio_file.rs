//! Audio as an answer: the WAV file as it is, all of it or a range of its octets (RFC 9110 §14), or Ogg Opus, which is made on
//! the way and has no ranges. Both are read piece by piece.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use codec::wav::{HEADER, Layout};
use codec::{OggOpus, Rate};
use futures_util::stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::problem::{Code, Problem};

/// In which form audio is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AudioForm {
    /// `wav` or `opus`; absent for what `Accept` names first, else `wav`.
    format: Option<String>,
}

impl AudioForm {
    /// The file at `path`, in the form that is wanted; with a name it is to be saved under that.
    pub(crate) async fn sent(
        &self,
        path: &Path,
        name: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<io::Result<Response>, Problem> {
        Ok(match self.is_opus(headers)? {
            true => opus(path, name).await,
            false => wav(path, name, headers).await,
        })
    }

    fn is_opus(&self, headers: &HeaderMap) -> Result<bool, Problem> {
        match self.format.as_deref() {
            Some("wav") => Ok(false),
            Some("opus") => Ok(true),
            Some(_) => Err(Problem::new(Code::InvalidParameter, "format is wav or opus")),
            None => {
                let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
                let mut kinds = accepted.unwrap_or_default().split(',').map(|kind| kind.split(';').next());
                let known = kinds.find_map(|kind| match kind.unwrap_or_default().trim() {
                    "audio/ogg" | "audio/opus" => Some(true),
                    "audio/wav" | "audio/x-wav" | "audio/wave" => Some(false),
                    _ => None,
                });
                Ok(known.unwrap_or(false))
            }
        }
    }
}

/// The file at `path` as Ogg Opus.
async fn opus(path: &Path, name: Option<&str>) -> io::Result<Response> {
    let file = File::open(path).await?.into_std().await;
    let (pieces, made) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let told = pieces.clone();
        if let Err(fault) = encode(file, &pieces) {
            // Whoever hung up has heard enough.
            drop(told.blocking_send(Err(fault)));
        }
    });
    let made = stream::unfold(made, |mut made| async { Some((made.recv().await?, made)) });
    Ok(answer(made, [Some((header::CONTENT_TYPE, "audio/ogg".to_owned())), saved_as(name, "opus")]))
}

fn encode(mut file: std::fs::File, to: &mpsc::Sender<io::Result<Vec<u8>>>) -> io::Result<()> {
    let broken = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut beginning = Vec::new();
    (&mut file).take(HEADER as u64).read_to_end(&mut beginning)?;
    let Layout { rate, channels, before } = Layout::of(&beginning).map_err(broken)?;
    let rate = if rate == Rate::Narrow.hz() { Rate::Narrow } else { Rate::Wide };
    let mut out = Vec::new();
    let mut opus =
        OggOpus::new(rate, channels, &mut out).ok_or_else(|| broken("it has too many channels"))?;
    file.seek(SeekFrom::Start(before))?;
    let mut octets = Vec::with_capacity(PIECE);
    loop {
        octets.clear();
        (&mut file).take(PIECE as u64).read_to_end(&mut octets)?;
        let pairs = octets.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        let samples: Vec<i16> = pairs.collect();
        opus.write(&samples, &mut out);
        if octets.len() < PIECE {
            opus.finish(&mut out);
            drop(to.blocking_send(Ok(out)));
            return Ok(());
        }
        if to.blocking_send(Ok(std::mem::take(&mut out))).is_err() {
            return Ok(());
        }
    }
}

/// The file at `path` as it is.
pub(crate) async fn wav(path: &Path, name: Option<&str>, headers: &HeaderMap) -> io::Result<Response> {
    let mut file = File::open(path).await?;
    let all = file.metadata().await?.len();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = asked.map_or(Part::Whole, |asked| Part::of(asked, all));
    let (first, last) = match range {
        Part::Whole => (0, all.saturating_sub(1)),
        Part::Range(first, last) => (first, last),
        Part::Beyond => {
            let field = [(header::CONTENT_RANGE, format!("bytes */{all}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, field).into_response());
        }
    };
    file.seek(SeekFrom::Start(first)).await?;
    let length = (last + 1).saturating_sub(first);
    let fields = [
        Some((header::CONTENT_TYPE, "audio/wav".to_owned())),
        Some((header::CONTENT_LENGTH, length.to_string())),
        Some((header::ACCEPT_RANGES, "bytes".to_owned())),
        saved_as(name, "wav"),
        range.is_range().then(|| (header::CONTENT_RANGE, format!("bytes {first}-{last}/{all}"))),
    ];
    let mut answer = answer(pieces(file, length), fields);
    if range.is_range() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// An answer of these pieces, with the fields that there are.
fn answer<const N: usize>(
    pieces: impl stream::Stream<Item = io::Result<Vec<u8>>> + Send + 'static,
    fields: [Option<HeaderField>; N],
) -> Response {
    let mut answer = Body::from_stream(pieces).into_response();
    for (field, value) in fields.into_iter().flatten() {
        answer.headers_mut().extend(value.parse().ok().map(|value| (field, value)));
    }
    answer
}

/// Under which name it is to be saved.
fn saved_as(name: Option<&str>, ending: &str) -> Option<HeaderField> {
    name.map(|name| (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{ending}\"")))
}

type HeaderField = (HeaderName, String);

/// The next so many octets of a file, piece by piece.
fn pieces(file: File, length: u64) -> impl stream::Stream<Item = io::Result<Vec<u8>>> {
    stream::try_unfold((file, length), |(mut file, left)| async move {
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        if piece.is_empty() {
            return Ok(None);
        }
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        let left = left - read as u64;
        Ok((read > 0).then_some((piece, (file, left))))
    })
}

/// What is asked for of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From this octet to that one.
    Range(u64, u64),
    /// What is not there.
    Beyond,
}

impl Part {
    /// A single range; anything else means all of it, as RFC 9110 §14.2 allows.
    fn of(asked: &str, all: u64) -> Self {
        let bounds = asked.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        let Some((first, last)) = bounds else { return Self::Whole };
        let (first, last) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
            (Some(first), Some(last)) if first <= last => (first, last),
            (Some(first), None) if last.is_empty() => (first, u64::MAX),
            (None, Some(count)) if first.is_empty() => (all.saturating_sub(count), u64::MAX),
            _ => return Self::Whole,
        };
        match all.checked_sub(1) {
            Some(end) if first <= end => Self::Range(first, last.min(end)),
            _ => Self::Beyond,
        }
    }

    fn is_range(self) -> bool {
        matches!(self, Self::Range(..))
    }
}

/// Octets that are read at once.
const PIECE: usize = 64 * 1024;
/// Pieces that wait to be sent.
const PIECES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (asked, range) in [
            ("bytes=0-", Part::Range(0, 99)),
            ("bytes=10-19", Part::Range(10, 19)),
            ("bytes=90-200", Part::Range(90, 99)),
            ("bytes=-10", Part::Range(90, 99)),
            ("bytes=-200", Part::Range(0, 99)),
            ("bytes=-0", Part::Beyond),
            ("bytes=100-", Part::Beyond),
            ("bytes=20-10", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=-", Part::Whole),
            ("seconds=1-2", Part::Whole),
        ] {
            assert_eq!(Part::of(asked, 100), range, "{asked}");
        }
        assert_eq!(Part::of("bytes=0-", 0), Part::Beyond);
    }
}
