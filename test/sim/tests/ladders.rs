//! Plays every ladder of `test/ladders`, with one shard, with two and with three.

use std::path::Path;

fn play(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ladders").join(format!("{name}.ladder"));
    let text = std::fs::read_to_string(&path).expect("a ladder");
    for shards in [1, 2, 3] {
        for seed in 1..=2 {
            if let Err(error) = sim::ladder::play(&text, shards, seed) {
                panic!("{name}: {error}");
            }
        }
    }
}

macro_rules! ladders {
    ($($name:ident)+) => {
        $(#[test] fn $name() { play(stringify!($name)); })+

        #[test]
        fn every_file_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ladders");
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .expect("the folder of ladders")
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".ladder").map(str::to_owned))
                .collect();
            files.sort();
            let mut played = vec![$(stringify!($name)),+];
            played.sort_unstable();
            assert_eq!(files, played);
        }
    };
}

ladders! {
    answer_over_a_new_stream
    browser_calls_a_browser
    browser_calls_a_phone
    browser_changes_network
    browser_trickles
    browsers_watch_and_write
    busy_lamp
    busy_lamp_transfer
    bye_before_ack
    bye_challenged
    bye_crossing_bye
    bye_during_reinvite
    bye_instead_of_ack
    call_established
    callee_busy
    callee_not_found
    callee_overloaded
    callee_unavailable
    callee_wants_credentials
    caller_ids
    caller_id_diverted
    caller_id_judged
    caller_id_signed
    caller_refused_without_a_word
    calls_itself
    cancel_before_provisional
    cancel_crossing_200
    cancel_of_nothing
    cancel_too_late
    cancel_while_ringing
    certificate_demanded
    challenged_within_a_call
    codecs_preferred
    conference_five
    conference_moderator
    conference_wrong_pin
    countries
    digits_as_info
    disabled_later
    do_not_disturb
    downstream_fork
    draining
    early_media
    early_update
    emergency
    emergency_despite_bans
    emergency_service
    echo
    echo_late_offer
    failover
    failover_full
    failover_past_disabled
    failover_never_twice
    failover_rehearsal
    first_call_held
    flow_cancelled
    flow_domain
    flow_failover
    flow_group
    flow_group_answered
    flow_group_nobody
    flow_hold
    flow_hunt
    flow_menu
    flow_menu_nobody_answers
    flow_nobody_there
    flow_record_call
    flow_record_caller
    flow_record_hung_up
    follow_me
    fork_all_fail
    fork_first_answer_wins
    fork_late_200
    forward_always
    forward_outside
    forward_when
    glare
    headers_pass
    hold
    hops_and_loops
    hunting
    identified_caller_is_told
    info
    info_unanswered
    late_offer
    late_offer_digits_as_info
    late_offer_refused
    late_offer_without_100rel
    late_offer_without_answer
    limits
    limits_of_every_level
    limits_per_period
    limits_set_during_calls
    loop_through_a_carrier
    lost_200
    lost_ack
    lost_ack_then_found
    lost_invite
    message
    message_in_a_call
    message_to_a_trunk
    message_wakes
    messages_waiting
    naptr
    near_misses
    no_answer_on_the_wire
    no_common_description
    no_hunting_after_media
    nonce_replayed_by_a_call
    not_our_peer
    number_forms
    out_of_order
    over_tcp
    over_websocket
    ports_all_taken
    ports_taken
    prack_both
    prack_forked
    prack_holds_the_answer
    prack_late_offer
    prack_never
    prack_only_callee
    prack_only_caller
    prack_with_offer
    presence
    privacy
    probe
    push_fails
    push_rings_after_others
    push_rings_also
    push_wakes
    reasons_in_both_forms
    record_by_api
    redirect
    refer_overtakes
    refer_refused
    register_in
    register_out
    register_out_call
    register_out_called
    register_out_proxy
    register_out_refused
    register_out_silent
    registration
    registration_digest
    registration_instance
    registration_md5_only
    registration_nat
    registration_refused
    registration_watched
    reinvite_after_the_end
    reinvite_before_ack
    reinvite_cancelled
    reinvite_unanswered
    reinvite_unknown
    reinvite_without_offer
    remove_while_talking
    replaces
    restart
    ring_time_is_over
    session_id
    session_interval_too_small
    session_timer_both_at_once
    session_timer_expires
    session_timer_gone
    session_timer_refreshed_by_us
    session_timer_update
    session_timer_update_refused
    signs_in_again
    sips
    srtp_clear_in_srtp_out
    srtp_early_media
    srtp_in_clear_out
    srtp_late_offer
    srtp_optional
    srtp_refused
    srv_all_dead
    srv_first_dead
    srv_overloaded
    subscription
    subscription_ends
    subscription_refused
    t38
    tel_uri
    too_long_and_silent
    transcoded
    transcoded_info
    transcoding_off
    transfer_across_connections
    transfer_attended_by_callee
    transfer_attended_by_caller
    transfer_blind_by_callee
    transfer_blind_by_caller
    transfer_by_operator
    transfer_digits_as_info
    transfer_odd_caller
    transfer_outside_counts
    transfer_signed
    transfer_to_busy
    transfer_twice
    transfer_within_pbx
    transferor_leaves_early
    trunk_by_name
    trunk_by_source
    trunk_challenge
    trunk_over_tcp
    understood
    update_crosses
    update_glare
    update_refreshes_target
    video
    voicemail_after_failover
    voicemail_busy
    voicemail_no_answer
    voicemail_own_mailbox
    voicemail_unregistered
    voicemail_virtual
    websocket_only
    winner_with_other_answer
}
