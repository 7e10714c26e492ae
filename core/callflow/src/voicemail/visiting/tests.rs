use super::*;
use crate::voicemail::testing::check;

#[test]
fn messages_are_heard() {
    let own = || Visiting::new(Whose { connection: "con_bob".into(), ..Whose::default() }, false);
    let any = || Visiting::new(Whose::default(), true);
    for (visiting, script) in [
        (
            own(),
            "-> find con_bob
             ok mailbox=box_1 own=yes new=2 old=0 -> play You_have_2
             done -> keys For_new_messages
             1 -> read No
             ok message=vm_1 from=+4930100 at=today -> keys Message_from_plus+today_+vm_1+To_hear_it
             5 -> keys Message_from_plus+today_+vm_1+To_hear_it
             7 -> delete vm_1
             ok -> play Deleted_
             done -> read No vm_1
             ok message=vm_2 from=bob at=today -> keys Message_from_bob+today_+vm_2+To_hear_it
             9 -> save vm_2
             ok -> play Saved_
             done -> read No vm_2
             no -> play No_more_messages
             done -> keys For_new_messages
             # -> play Goodbye_
             done -> =done",
        ),
        // Nobody speaks: beeps and keys do.
        (
            own(),
            "-> find con_bob
             ok mailbox=box_1 own=yes new=1 old=0 -> play You_have_1
             failed -> beep
             done -> keys
             1 -> read No
             ok message=vm_1 from=bob at=today -> keys vm_1
             timeout -> heard vm_1
             ok -> read No vm_1
             no -> beep
             done -> keys
             timeout -> beep
             done -> =done",
        ),
        // From elsewhere it takes number and PIN.
        (
            any(),
            "-> keys Enter_the_number
             digits digits=200 -> find 200
             ok mailbox=box_1 pin=yes new=0 old=0 -> keys Enter_your_pin
             digits digits=111 -> unlock 111
             no -> play That_pin_is
             done -> keys Enter_your_pin
             digits digits=1234 -> unlock 1234
             ok new=0 old=3 -> play You_have_no
             done -> keys For_new_messages
             2 -> read Yes
             ok message=vm_1 from= at=today -> keys Message_from_a+today_+vm_1+To_hear_it
             * -> heard vm_1
             ok -> keys For_new_messages
             # -> play Goodbye_
             done -> =done",
        ),
        // A number that is none is asked for a PIN all the same.
        (
            any(),
            "-> keys Enter_the_number
             digits digits=999 -> find 999
             failed -> keys Enter_your_pin
             digits digits=1 -> unlock 1
             no -> play That_pin_is
             done -> keys Enter_your_pin
             timeout -> play That_pin_is
             done -> keys Enter_your_pin
             digits digits=3 -> unlock 3
             no -> play You_cannot_open
             done -> =refused",
        ),
        // Without a PIN it stays closed to others.
        (
            own(),
            "-> find con_bob
             ok mailbox=box_1 new=1 old=0 -> play You_cannot_open
             done -> =refused",
        ),
    ] {
        check(visiting, script);
    }
}

#[test]
fn options_change_greeting_and_pin() {
    let own = || Visiting::new(Whose { connection: "con_bob".into(), ..Whose::default() }, false);
    for script in [
        "-> find con_bob
         ok mailbox=box_1 own=yes new=0 old=0 -> play You_have_no
         done -> keys For_new_messages
         0 -> keys To_record_your
         1 -> record Speak_after_the
         key recording=rec_1 recording_ms=3000 -> greet rec_1
         ok -> play Done_
         done -> keys For_new_messages
         0 -> keys To_record_your
         3 -> play box_1
         done -> keys To_record_your
         2 -> greet
         ok -> play Done_",
        "-> find con_bob
         ok mailbox=box_1 own=yes new=0 old=0 -> play You_have_no
         done -> keys For_new_messages
         0 -> keys To_record_your
         5 -> keys Enter_the_new
         digits digits=4711 -> keys Enter_the_new
         digits digits=4711 -> pin 4711
         ok -> play Done_
         done -> keys For_new_messages
         0 -> keys To_record_your
         5 -> keys Enter_the_new
         digits digits=47 -> play That_did_not",
    ] {
        check(own(), script);
    }
}
