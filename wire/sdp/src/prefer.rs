//! The formats of a medium in the order that somebody prefers (RFC 3264 §5.1: the most preferred stands first).
//!
//! Only the order changes: no format is added or taken away.

use smallvec::SmallVec;

use crate::lines::{payload_type, words};
use crate::media::Media;

/// The formats of audio with the codecs named here in this order; others keep their places. `None` if it is so already.
pub fn preferred(media: &Media<'_>, codecs: &[String]) -> Option<Vec<u8>> {
    let formats: SmallVec<[&[u8]; 16]> = words(media.formats).collect();
    if media.kind != b"audio" || formats.len() > MOST {
        return None;
    }
    let rank = |format: &[u8]| {
        let name = media.encoding(payload_type(format)?)?;
        codecs.iter().position(|codec| codec.as_bytes().eq_ignore_ascii_case(name))
    };
    let ranks: SmallVec<[Option<usize>; 16]> = formats.iter().map(|format| rank(format)).collect();
    let known = || ranks.iter().flatten();
    if known().is_sorted() {
        return None;
    }
    let mut ranked: SmallVec<[(usize, &[u8]); 16]> =
        ranks.iter().zip(&formats).filter_map(|(rank, format)| Some(((*rank)?, *format))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut ranked = ranked.into_iter();
    let ordered = ranks.iter().zip(&formats).map(|(rank, format)| match rank {
        Some(_) => ranked.next().map_or(*format, |(_, format)| format),
        None => format,
    });
    Some(ordered.collect::<SmallVec<[&[u8]; 16]>>().join(&b' '))
}

/// More formats than that are left as they are.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use crate::Description;

    #[test]
    fn known_codecs_take_each_others_places() {
        let table = [
            ("0 8 101", Some("8 0 101")),
            ("8 0 101", None),
            ("18 0 101 8 9", Some("18 9 101 8 0")),
            ("0 96 8", Some("96 8 0")),
            ("18 101", None),
            ("0", None),
        ];
        let codecs = ["opus", "g722", "pcma", "pcmu"].map(str::to_owned);
        for (formats, wanted) in table {
            let body = format!(
                "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}\r\n\
                 a=rtpmap:96 opus/48000/2\r\na=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            );
            let description = Description::parse(body.as_bytes()).unwrap();
            let have = super::preferred(description.media().first().unwrap(), &codecs);
            assert_eq!(have.as_deref(), wanted.map(str::as_bytes), "{formats}");
        }
    }
}
