//! A WAV file as an answer: all of it, or a range of its octets (RFC 9110 §14), read piece by piece.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The file at `path`; with a name it is to be saved under that.
pub(crate) async fn sent(path: &Path, name: Option<&str>, headers: &HeaderMap) -> std::io::Result<Response> {
    let mut file = File::open(path).await?;
    let all = file.metadata().await?.len();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = asked.and_then(|asked| range_of(asked, all));
    let (first, last) = range.unwrap_or_else(|| (0, all.saturating_sub(1)));
    file.seek(SeekFrom::Start(first)).await?;
    let length = (last + 1).saturating_sub(first);
    let mut answer = Body::from_stream(pieces(file, length)).into_response();
    let fields = [
        Some((header::CONTENT_TYPE, "audio/wav".to_owned())),
        Some((header::CONTENT_LENGTH, length.to_string())),
        Some((header::ACCEPT_RANGES, "bytes".to_owned())),
        name.map(|name| (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.wav\""))),
        range.map(|_| (header::CONTENT_RANGE, format!("bytes {first}-{last}/{all}"))),
    ];
    for (field, value) in fields.into_iter().flatten() {
        answer.headers_mut().extend(value.parse().ok().map(|value| (field, value)));
    }
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// The next so many octets of a file, piece by piece.
fn pieces(file: File, length: u64) -> impl stream::Stream<Item = std::io::Result<Vec<u8>>> {
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

/// First and last octet of a single range; anything else means all of it, as RFC 9110 §14.2 allows.
fn range_of(asked: &str, all: u64) -> Option<(u64, u64)> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) => (first, last.min(all.checked_sub(1)?)),
        (Some(first), None) if last.is_empty() => (first, all.checked_sub(1)?),
        (None, Some(count)) if first.is_empty() => (all.saturating_sub(count), all.checked_sub(1)?),
        _ => return None,
    };
    (first <= last).then_some((first, last))
}

const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (asked, range) in [
            ("bytes=0-", Some((0, 99))),
            ("bytes=10-19", Some((10, 19))),
            ("bytes=90-200", Some((90, 99))),
            ("bytes=-10", Some((90, 99))),
            ("bytes=-200", Some((0, 99))),
            ("bytes=20-10", None),
            ("bytes=100-", None),
            ("bytes=0-1,5-6", None),
            ("bytes=-", None),
            ("seconds=1-2", None),
        ] {
            assert_eq!(range_of(asked, 100), range, "{asked}");
        }
        assert_eq!(range_of("bytes=0-", 0), None);
    }
}
