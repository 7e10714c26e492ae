//! Comparing a message of ours with what a ladder expects.

use sip_msg::Message;

use super::parse::field;
use super::{Line, Word};
use crate::draw::summary;
use crate::world::US;

/// What is wrong with this message, given words from `from` on that describe it.
pub(crate) fn differences(line: &Line, from: usize, bytes: &[u8]) -> Result<(), String> {
    let message = Message::parse(bytes).map_err(|error| format!("{error:?} in {}", summary(bytes)))?;
    if let Some(defect) = message.defect() {
        return Err(format!("we sent something defective: {defect:?}"));
    }
    let what = line.word(from);
    let method =
        message.cseq().map(|(_, method)| String::from_utf8_lossy(method).into_owned()).unwrap_or_default();
    let got = || format!("got {}", summary(bytes));
    match what.parse::<u16>() {
        Ok(code) if message.is_request() || message.code() != code => return Err(got()),
        Ok(_) => {}
        Err(_) if !message.is_request() || !bytes.starts_with(format!("{what} ").as_bytes()) => {
            return Err(got());
        }
        Err(_) => {}
    }
    let text = String::from_utf8_lossy(bytes);
    for word in line.words.iter().skip(from + 1) {
        match word {
            Word::Quoted(wanted) => {
                let (name, value) = field(wanted);
                let mut all =
                    message.all().filter(|(_, written, _)| written.eq_ignore_ascii_case(name.as_bytes()));
                if !all.any(|(_, _, have)| String::from_utf8_lossy(have).contains(&value)) {
                    return Err(format!("\"{wanted}\" is missing in\n{text}"));
                }
            }
            Word::Plain(word) => plain(word, &message, &method, &text)?,
        }
    }
    Ok(())
}

fn plain(word: &str, message: &Message<'_>, method: &str, text: &str) -> Result<(), String> {
    if let Some(name) = word.strip_prefix('!') {
        if message.named(name.as_bytes()).is_some() {
            return Err(format!("{name} is present in\n{text}"));
        }
        return Ok(());
    }
    let body = String::from_utf8_lossy(message.body());
    match word.split_once('=') {
        _ if word.bytes().all(|b| b.is_ascii_uppercase()) && word != method => {
            return Err(format!("its method is {method}"));
        }
        None if word == "no-crypto" && body.contains("a=crypto") => {
            return Err(format!("keys are present in\n{text}"));
        }
        None if word == "no-sdp" && !body.is_empty() => return Err(format!("a body is present in\n{text}")),
        None if word == "sdp" => {
            let ours = format!("c=IN IP4 {}", US.ip());
            if !body.contains(&ours) {
                return Err(format!("no description of ours in\n{text}"));
            }
        }
        Some(("sdp", direction)) => {
            let wanted = format!("a={direction}\r\n");
            let plain = ["sendonly", "recvonly", "inactive"].iter().all(|d| !body.contains(d));
            if !(body.contains(&wanted) || direction == "sendrecv" && plain && !body.is_empty()) {
                return Err(format!("no {direction} in\n{text}"));
            }
        }
        None if word == "savp" || word == "avp" => {
            let line = body.lines().find(|line| line.starts_with("m=audio")).unwrap_or_default();
            let proto = line.split(' ').nth(2).unwrap_or_default();
            if proto != format!("RTP/{}", word.to_ascii_uppercase()) {
                return Err(format!("the protocol is {proto:?} in\n{text}"));
            }
        }
        Some(("crypto", wanted)) => {
            let lines = body.lines().filter_map(|line| line.strip_prefix("a=crypto:"));
            let tags: Vec<_> = lines.map(|line| line.split(' ').next().unwrap_or_default()).collect();
            if tags.join(",") != wanted {
                return Err(format!("the tags of keys are {tags:?} in\n{text}"));
            }
        }
        Some(("formats", wanted)) => {
            let line = body.lines().find(|line| line.starts_with("m=audio")).unwrap_or_default();
            let formats: Vec<_> = line.split(' ').skip(3).collect();
            if formats.join(",") != wanted {
                return Err(format!("the formats are {formats:?} in\n{text}"));
            }
        }
        Some(("body", wanted)) if !body.contains(wanted) => {
            return Err(format!("{wanted} is not in the body of\n{text}"));
        }
        Some(("not", unwanted)) if body.contains(unwanted) => {
            return Err(format!("{unwanted} is in the body of\n{text}"));
        }
        Some(("to", uri)) if !String::from_utf8_lossy(message.uri()).contains(uri) => {
            return Err(format!("{uri} is not in the Request-URI of\n{text}"));
        }
        _ => {}
    }
    Ok(())
}
