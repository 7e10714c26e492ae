//! Which formats a medium lists (RFC 8866 §5.14, §6.6, §6.15; RFC 3264 §5.1, §6.1): more of them, fewer, other numbers.
//!
//! What follows from a format (`rtpmap`, `fmtp`, `rtcp-fb`) follows it. Which to list is decided elsewhere.

use crate::lines::{self, payload_type, words};
use crate::rewrite::write;

/// A format to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFormat {
    /// Its payload type.
    pub payload_type: u8,
    /// What it stands for, such as `PCMA/8000`.
    pub encoding: &'static str,
    /// Its parameters, if it needs any.
    pub parameters: Option<&'static str>,
}

impl ListedFormat {
    /// Appends what it stands for.
    fn describe(&self, out: &mut Vec<u8>) {
        let Self { payload_type, encoding, parameters } = self;
        write(out, format_args!("a=rtpmap:{payload_type} {encoding}\r\n"));
        if let Some(parameters) = parameters {
            write(out, format_args!("a=fmtp:{payload_type} {parameters}\r\n"));
        }
    }
}

/// Lists more formats at the medium `index` of a description, behind its own.
pub fn add_formats(description: &mut Vec<u8>, index: usize, formats: &[ListedFormat]) {
    let Some((start, end)) = section(description, index) else { return };
    let line = description.get(start..end).unwrap_or_default();
    let line = line.iter().position(|&octet| octet == b'\n').unwrap_or(line.len());
    let line = description.get(start..start + line).unwrap_or_default().trim_ascii_end().len() + start;
    // Appended first and turned into place: a description has room for it.
    let len = description.len();
    formats.iter().for_each(|format| write(description, format_args!(" {}", format.payload_type)));
    let inserted = description.len() - len;
    turn(description, line, inserted);
    let len = description.len();
    formats.iter().for_each(|format| format.describe(description));
    let written = description.len() - len;
    turn(description, end + inserted, written);
}

/// Appends `description` to `out` with other formats at the medium `index`: those that `keep` has a number for, then
/// `add`. Where nothing is kept, packet times go as well.
pub fn replace_formats(
    description: &[u8],
    index: usize,
    keep: &dyn Fn(u8) -> Option<u8>,
    add: &[ListedFormat],
    out: &mut Vec<u8>,
) {
    let Some((start, end)) = section(description, index) else { return out.extend_from_slice(description) };
    let mut rest = lines::lines(description.get(start..end).unwrap_or_default());
    out.extend_from_slice(description.get(..start).unwrap_or_default());
    let mut kept = false;
    while let Some(line) = rest.next_raw() {
        match lines::split(line) {
            Some((b'm', value)) => {
                let mut parts = words(value);
                out.extend_from_slice(b"m=");
                for (at, part) in parts.by_ref().take(3).enumerate() {
                    out.extend_from_slice(if at == 0 { b"" } else { b" " });
                    out.extend_from_slice(part);
                }
                let numbers = parts.filter_map(payload_type).filter_map(keep);
                for number in numbers {
                    kept = true;
                    write(out, format_args!(" {number}"));
                }
                add.iter().for_each(|format| write(out, format_args!(" {}", format.payload_type)));
                out.extend_from_slice(b"\r\n");
            }
            Some((b'a', value)) => write_attribute(line, value, keep, kept, out),
            _ => write_line(line, out),
        }
    }
    add.iter().for_each(|format| format.describe(out));
    out.extend_from_slice(description.get(end..).unwrap_or_default());
}

fn write_attribute(
    line: &[u8],
    value: &[u8],
    keep: &dyn Fn(u8) -> Option<u8>,
    kept: bool,
    out: &mut Vec<u8>,
) {
    let (name, rest) = lines::attribute(value);
    match name {
        b"rtpmap" | b"fmtp" | b"rtcp-fb" => {
            let (word, parameters) = lines::first_word(rest);
            match payload_type(word) {
                Some(of) => {
                    let Some(of) = keep(of) else { return };
                    out.extend_from_slice(b"a=");
                    out.extend_from_slice(name);
                    write(out, format_args!(":{of}"));
                    out.extend_from_slice(parameters);
                    out.extend_from_slice(b"\r\n");
                }
                None => write_line(line, out),
            }
        }
        b"ptime" | b"maxptime" | b"minptime" if !kept => {}
        _ => write_line(line, out),
    }
}

fn write_line(line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(line);
    out.extend_from_slice(b"\r\n");
}

/// Where the medium `index` begins and ends.
fn section(description: &[u8], index: usize) -> Option<(usize, usize)> {
    let begins = |at: usize| {
        description.get(at..).is_some_and(|rest| rest.starts_with(b"m="))
            && (at == 0 || description.get(at - 1) == Some(&b'\n'))
    };
    let mut starts = (0..description.len()).filter(|&at| begins(at));
    let start = starts.nth(index)?;
    Some((start, starts.next().unwrap_or(description.len())))
}

/// Moves the last `count` octets to `to`.
fn turn(description: &mut [u8], to: usize, count: usize) {
    if let Some(part) = description.get_mut(to..) {
        part.rotate_right(count.min(part.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
        a=ptime:30\r\na=sendrecv\r\nm=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";

    const OPUS: ListedFormat =
        ListedFormat { payload_type: 96, encoding: "opus/48000/2", parameters: Some("useinbandfec=1") };

    #[test]
    fn formats_are_added_to_their_medium_alone() {
        let mut body = BODY.as_bytes().to_vec();
        add_formats(&mut body, 0, &[OPUS]);
        let wanted = BODY.replace("RTP/AVP 8 101", "RTP/AVP 8 101 96").replace(
            "a=sendrecv\r\n",
            "a=sendrecv\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n",
        );
        assert_eq!(String::from_utf8_lossy(&body), wanted);
        let mut last = BODY.as_bytes().to_vec();
        add_formats(&mut last, 1, &[ListedFormat { payload_type: 97, ..OPUS }]);
        assert!(last.ends_with(b"a=rtpmap:97 opus/48000/2\r\na=fmtp:97 useinbandfec=1\r\n"));
        add_formats(&mut last, 2, &[OPUS]);
    }

    #[test]
    fn formats_are_renumbered_and_replaced() {
        let mut renumbered = Vec::new();
        let keep = |number| Some(if number == 101 { 126 } else { number });
        replace_formats(BODY.as_bytes(), 0, &keep, &[], &mut renumbered);
        let wanted = BODY.replace("101", "126");
        assert_eq!(String::from_utf8_lossy(&renumbered), wanted);
        let mut replaced = Vec::new();
        replace_formats(BODY.as_bytes(), 0, &|_| None, &[OPUS], &mut replaced);
        let wanted = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
            m=audio 4000 RTP/AVP 96\r\na=sendrecv\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
            m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
        assert_eq!(String::from_utf8_lossy(&replaced), wanted);
    }
}
