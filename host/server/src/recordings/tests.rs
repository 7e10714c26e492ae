use super::*;

use callflow::{Envelope, Letter};
use engine::RecordingKind;
use routing::config::MailboxId;
use store::{MessageState, Transcript, VoiceMessage, new_id, now};

/// A store in a folder that is gone with the test.
struct Kept(Store, PathBuf);

impl Kept {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(new_id("recordings_test"));
        Self(Store::open(&folder).await.expect("a store"), folder)
    }

    /// A former process began to record, for a mailbox or not.
    async fn began(&self, n: u64, mailbox: Option<&str>) -> RecordingId {
        let id = RecordingId::new(now(), n);
        let letter =
            Letter { from: "+4930".into(), from_name: "Ada".into(), to: "200".into(), call: "call_1".into() };
        let envelope = mailbox.map(|mailbox| Box::new(Envelope { mailbox: mailbox.into(), letter }));
        let began = RecordingBegan {
            id,
            kind: if mailbox.is_some() { RecordingKind::Message } else { RecordingKind::Call },
            account: "acc_1".into(),
            call: "call_1".into(),
            connection_in: "".into(),
            connection_out: "".into(),
            from: "sip:ada@example.test".into(),
            dialled: "200".into(),
            flow: None,
            node: Box::default(),
            started_at: now(),
            channels: 1,
            rate: 8_000,
            envelope,
        };
        self.0.begin_recording(&began).await.expect("a row");
        id
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.1));
    }
}

fn mended(recording: RecordingId) -> Written {
    Written { recording, ms: 1_500, bytes: 24_044, fault: Some("the server died".to_owned()) }
}

#[tokio::test]
async fn what_the_start_finds_is_told_of_once_somebody_hears() {
    let kept = Kept::new().await;
    let (found, lost) = (kept.began(1, None).await, kept.began(2, None).await);
    let recordings = Recordings::start(kept.0.clone());
    recordings.take_over(vec![mended(found)]);
    recordings.settle().await;
    let (events, mut heard) = broadcast::channel(8);
    recordings.tell_of(events);
    let mut told = Vec::new();
    while let Ok(event) = heard.try_recv() {
        let (kind, about) = match &event.what {
            Happening::RecordingStored(about) => ("stored", about),
            Happening::RecordingFailed(about) => ("failed", about),
            other => panic!("{other:?}"),
        };
        told.push(format!("{kind} {} {} {}", about.recording, about.state, about.problem.is_some()));
    }
    assert_eq!(told, [format!("stored {found} cut_off true"), format!("failed {lost} failed true")]);
    assert_eq!(recordings.length(found).await, Some(1_500));
    assert_eq!(recordings.length(lost).await, None);
}

#[tokio::test]
async fn what_was_said_to_a_mailbox_is_found_with_where_it_belongs() {
    let kept = Kept::new().await;
    let (said, message) = (kept.began(1, Some("box_1")).await, kept.began(2, Some("box_1")).await);
    // One of them was kept already, and only its recording is still there.
    let row = VoiceMessage {
        id: "vm_1".to_owned(),
        mailbox: MailboxId::from("box_1"),
        account: "acc_1".into(),
        at: now(),
        state: MessageState::New,
        from: String::new(),
        from_name: String::new(),
        to: String::new(),
        call_id: String::new(),
        length_ms: 1_000,
        bytes: 4,
        transcript: Transcript::in_state("none"),
    };
    kept.0.keep_message(&row, b"RIFF".to_vec(), &[], &message.to_string()).await.expect("kept");
    let recordings = Recordings::start(kept.0.clone());
    recordings.take_over(vec![mended(said)]);
    let strays = recordings.strays().await;
    let shown: Vec<_> = strays
        .iter()
        .map(|stray| (&*stray.id, stray.mailbox.as_deref(), &*stray.from, &*stray.from_name, &*stray.to))
        .collect();
    let (said, message) = (said.to_string(), message.to_string());
    assert_eq!(
        shown,
        [(&*said, Some("box_1"), "+4930", "Ada", "200"), (&*message, None, "+4930", "Ada", "200")]
    );
    assert!(recordings.strays().await.is_empty());
}
