//! One e-mail about one message: plain text and the same as HTML, the audio behind it.

use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart};
use store::VoiceMessage;

/// What an e-mail tells of.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The message.
    pub message: &'a VoiceMessage,
    /// What its mailbox is called.
    pub mailbox: &'a str,
    /// When it was left, as its owner's clock showed it.
    pub at: &'a str,
    /// Its audio, as a WAV file, if that is to be sent.
    pub audio: Option<Vec<u8>>,
    /// What is said in it, if that is known and to be sent; or why it is not.
    pub words: Option<Words<'a>>,
}

/// What is said in a message.
#[derive(Clone, Copy, Debug)]
pub enum Words<'a> {
    /// This.
    Said(&'a str),
    /// It is not known, for this reason.
    Unknown(&'a str),
}

/// Writes it. `id` makes a repetition known as one.
pub fn compose(about: &About<'_>, id: &str, from: &Mailbox, to: &str) -> Result<Message, String> {
    let to: Mailbox = to.parse().map_err(|_| format!("`{to}` is no e-mail address"))?;
    let message = about.message;
    let caller = one_line(&caller(message));
    let length = length(message.length_ms);
    let subject = format!("Voicemail from {caller} ({length})");
    let mut lines = vec![
        ("From", caller),
        ("To", message.to.clone()),
        ("Mailbox", about.mailbox.to_owned()),
        ("When", about.at.to_owned()),
        ("Length", length),
    ];
    lines.retain(|(_, value)| !value.is_empty());
    let words = match about.words {
        Some(Words::Said("")) => Some("(no words were understood)".to_owned()),
        Some(Words::Said(text)) => Some(text.to_owned()),
        Some(Words::Unknown(why)) => Some(format!("(no transcript: {why})")),
        None => None,
    };
    let body =
        MultiPart::alternative_plain_html(plain(&lines, words.as_deref()), html(&lines, words.as_deref()));
    let builder = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(subject)
        .message_id(Some(format!("<{id}@{}>", from.email.domain())));
    let whole = match &about.audio {
        Some(audio) => {
            let kind = ContentType::parse("audio/wav").map_err(|fault| fault.to_string())?;
            let file = Attachment::new(format!("{}.wav", message.id)).body(audio.clone(), kind);
            builder.multipart(MultiPart::mixed().multipart(body).singlepart(file))
        }
        None => builder.multipart(body),
    };
    whole.map_err(|fault| fault.to_string())
}

fn plain(lines: &[(&str, String)], words: Option<&str>) -> String {
    let mut text = String::from("A message was left for you.\n\n");
    for (name, value) in lines {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if let Some(words) = words {
        text.push_str(&format!("\n{words}\n"));
    }
    text
}

fn html(lines: &[(&str, String)], words: Option<&str>) -> String {
    let rows: String = lines
        .iter()
        .map(|(name, value)| format!("<tr><th align=\"left\">{name}</th><td>{}</td></tr>", escaped(value)))
        .collect();
    let words = words.map(|words| format!("<blockquote>{}</blockquote>", escaped(words))).unwrap_or_default();
    format!(
        "<!doctype html><html><body><p>A message was left for you.</p><table>{rows}</table>{words}</body></html>"
    )
}

fn caller(message: &VoiceMessage) -> String {
    match (message.from_name.as_str(), message.from.as_str()) {
        ("", "") => "a withheld number".to_owned(),
        ("", from) => from.to_owned(),
        (name, "") => name.to_owned(),
        (name, from) if name == from => from.to_owned(),
        (name, from) => format!("{name} ({from})"),
    }
}

fn length(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// What a peer called itself begins no header field of ours.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use store::{MessageState, Transcript};
    use timestamp::Timestamp;

    use super::*;

    fn message(from: &str, from_name: &str) -> VoiceMessage {
        VoiceMessage {
            id: "vm_1".to_owned(),
            mailbox: "box_1".into(),
            account: "acc_1".into(),
            at: Timestamp::from_micros(0),
            state: MessageState::New,
            from: from.to_owned(),
            from_name: from_name.to_owned(),
            to: "bob".to_owned(),
            call_id: "call_1".to_owned(),
            length_ms: 61_200,
            bytes: 4,
            transcript: Transcript::in_state("done"),
        }
    }

    #[test]
    fn it_says_who_when_and_what() {
        let message = message("+4930100", "Eve\r\nBcc: all@example.com <b>");
        let about = About {
            message: &message,
            mailbox: "Desk",
            at: "2026-11-22 04:00",
            audio: Some(b"RIFF".to_vec()),
            words: Some(Words::Said("call me <back>")),
        };
        let from = "pbx@example.com".parse().expect("an address");
        let mail = compose(&about, "mail_1", &from, "bob@example.com").expect("composed");
        let text = String::from_utf8(mail.formatted()).expect("text").replace("=\r\n", "");
        for part in [
            "From: pbx@example.com",
            "To: bob@example.com",
            "Message-ID: <mail_1@example.com>",
            "Mailbox: Desk",
            "Length: 1:02",
            "call me &lt;back&gt;",
            "Content-Type: audio/wav",
            "filename=\"vm_1.wav\"",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("\nBcc:"), "{text}");
        let (_, page) = text.split_once("<!doctype html>").expect("a page");
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{text}");
    }

    #[test]
    fn callers_are_named_as_far_as_they_are_known() {
        for (from, name, shown) in [
            ("", "", "a withheld number"),
            ("+4930100", "", "+4930100"),
            ("+4930100", "Ada", "Ada (+4930100)"),
            ("", "Ada", "Ada"),
            ("ada", "ada", "ada"),
        ] {
            assert_eq!(caller(&message(from, name)), shown);
        }
    }
}
