//! The one list of reasons: SIP Reason and Warning texts, `/reasons`, metric labels and documents come from it.
//!
//! A code is stable for good; the words may improve.

mod causes;

use serde::{Serialize, Serializer};

macro_rules! reasons {
    ($($variant:ident $code:literal $sip:literal $q850:literal $text:literal $fix:literal;)+) => {
        /// Why something was refused, failed or ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $text] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code, such as `R-02`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// One sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What to do about it.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)+ }
            }

            /// The SIP answer it usually leads to; 0 where it has none.
            pub const fn sip_code(self) -> u16 {
                match self { $(Self::$variant => $sip,)+ }
            }

            /// The Q.850 cause it is reported with; 0 where it has none.
            pub const fn q850(self) -> u16 {
                match self { $(Self::$variant => $q850,)+ }
            }
        }
    };
}

reasons! {
    WrongPassword "A-01" 407 21 "wrong or missing credentials" "Enter the password of the connection again on the device, or set a new one.";
    UnknownUser "A-02" 407 21 "unknown user" "Create a connection with this SIP user, or correct the user on the device.";
    RealmMismatch "A-03" 407 21 "the credentials are for another domain" "Use the domain of the connection as the device's SIP server or realm.";
    TransportNotAllowed "A-04" 403 21 "the transport is not allowed for this connection" "Add the transport to the connection's transports.";
    NonceReplayed "A-05" 401 21 "a nonce was used twice" "Restart the device; if it comes again, somebody repeats its requests.";
    OtherAccount "A-06" 403 21 "it belongs to another account" "Watch users, and publish, within one account only.";
    OwnOnly "A-07" 403 21 "only the user itself may watch this" "Subscribe as this user, or to another event package.";
    CallerGaveUp "C-01" 487 16 "the caller gave up" "Nothing to do.";
    CalleeEnded "C-02" 0 16 "the callee hung up" "Nothing to do.";
    CallerEnded "C-03" 0 16 "the caller hung up" "Nothing to do.";
    OperatorEnded "C-04" 0 16 "ended through the API" "Nothing to do.";
    CompletedElsewhere "C-05" 0 26 "answered by another device" "Nothing to do.";
    DeclinedElsewhere "C-06" 603 21 "declined on another device" "Nothing to do.";
    FlowEnded "F-01" 480 31 "the flow led nowhere from here" "Link the outcome of the last node that the call took.";
    FlowNotPublished "F-03" 480 20 "the flow is not published" "Publish the flow.";
    FlowHungUp "F-04" 0 16 "the flow hung up" "Nothing to do.";
    FlowRefused "F-05" 603 21 "the flow refused the call" "Nothing to do.";
    FlowCircling "F-06" 480 31 "the flow went in circles, or took too many steps" "Let every circle of the flow wait for something, and end.";
    Simultaneous "L-01" 503 34 "too many calls at once" "Raise limits.concurrent of the connection, or wait until a call ends.";
    CallRate "L-02" 503 42 "too many calls in a short time" "Raise limits.per_second of the connection.";
    Country "L-03" 403 21 "country not allowed" "Add the country to limits.countries.allow.";
    TooLong "L-04" 0 31 "the call reached its longest duration" "Raise limits.max_duration_s.";
    Prefix "L-05" 403 21 "prefix not allowed" "Change limits.prefixes.";
    CallerIdNotAllowed "L-06" 403 21 "caller id not allowed" "Add the number to caller_ids, or set on_bad_caller_id to replace.";
    CallsPerHour "L-07" 403 21 "too many calls in an hour" "Raise limits.per_hour, or wait.";
    CallsPerDay "L-08" 403 21 "too many calls in a day" "Raise limits.per_day, or wait.";
    CallsPerWeek "L-09" 403 21 "too many calls in a week" "Raise limits.per_week, or wait.";
    FirstCall "L-10" 403 21 "the first call to this country waits for approval" "Approve the country, or set limits.countries.on_first to allow.";
    NoCommonCodec "M-01" 488 88 "no common codec" "Allow a codec that both sides have.";
    EncryptionMismatch "M-02" 488 88 "one side demands encryption that the other does not offer" "Change media.srtp of one of the connections.";
    NoMedia "M-03" 0 41 "no audio arrived" "Check that the peer's network lets its RTP packets reach our media ports.";
    OneWay "M-04" 0 41 "nothing is heard of one side" "Check that this peer's network lets its RTP packets reach our media ports, and that it takes the address in our description.";
    NoMediaPath "M-06" 0 41 "the browser's media did not find us, or stopped" "Check that the browser's network lets UDP to our media ports through, and that --public-ip is the address it sees.";
    BadDescription "M-08" 488 111 "the session description cannot be used" "The peer sent broken SDP; see the trace.";
    NoMediaPort "M-09" 503 34 "no media port is free" "Widen --media-ports.";
    OtherCertificate "M-10" 0 41 "the media comes from another certificate than announced" "Somebody between us and the peer changes its descriptions or its media; find out who.";
    MediaFromElsewhere "M-11" 0 41 "audio comes from an address that is not believed" "Set media.nat to always for this connection, or correct the address that the peer describes.";
    Silence "M-12" 0 16 "one side sends nothing but silence" "Its microphone is off, or its sound comes from somewhere else.";
    NameNotFound "N-01" 500 38 "the peer's name does not resolve" "Check the host in peers.";
    NoAnswer "N-02" 408 18 "the peer does not answer" "Check that the address, port and transport in peers are right and reachable.";
    ConnectionRefused "N-03" 500 41 "the peer refuses the connection" "Check the port in peers, and that the peer listens there.";
    TlsFailed "N-04" 500 41 "TLS with the peer failed" "See status.problem of the connection: it names what is wrong with the certificate.";
    IntervalTooSmall "N-11" 422 102 "the session interval is too small" "Lower timers.min_se_s of the connection, or raise the session interval on the peer.";
    NotRefreshed "N-12" 0 102 "nobody refreshed the session" "Check that the peer still has the call, and that its refreshes (UPDATE or re-INVITE) reach us.";
    NotAcknowledged "N-13" 504 102 "a provisional answer was not acknowledged" "Check that the peer's PRACK reaches us, or turn 100rel off there.";
    Rehearsal "N-14" 480 20 "a failover rehearsal takes it for down" "Wait until the rehearsal ends, or end it.";
    KnownDown "N-15" 480 20 "it does not answer probes, or is not registered" "See the connection's status; probe.options_s 0 turns probing off for peers that ignore OPTIONS.";
    PeerFailed "P-01" 0 0 "the peer answered with a failure" "See the peer's code and its Reason.";
    PeerOverloaded "P-02" 500 42 "the peer is overloaded" "Try later, or add another way out.";
    PeerWantsCredentials "P-03" 500 21 "the peer asks for credentials that we do not have" "Set user and password of the connection as the peer gave them to you.";
    SourceNotAllowed "R-01" 403 21 "source address not allowed" "Add the address to allowed_sources of the connection.";
    NumberNotKnown "R-02" 404 1 "number not known" "Add the number, or set default_target of the connection it comes from.";
    NumberForm "R-03" 484 28 "the number is in a form that is not accepted" "Dial it as the number format of the connection says, or add this form to the number's forms.";
    NoRoute "R-04" 404 3 "no way out for this number" "Set dial_pattern on a trunk so that it matches the number.";
    Disabled "R-05" 403 21 "the connection is disabled" "Enable the connection.";
    DomainNotOurs "R-06" 404 3 "the domain is not ours" "Add the domain, or correct the server name on the device.";
    UserNotKnown "R-07" 404 1 "user not known in this domain" "Create a connection with this SIP user, or dial another.";
    NotRegistered "R-08" 480 20 "nobody is registered" "Check that the device is on and its registration succeeds.";
    NobodyAnswered "R-09" 480 19 "nobody answered in time" "Raise dialled.ring_s.";
    MayNotCallOut "R-10" 404 21 "the caller may not call out" "Set may_call_out of the connection.";
    Loop "R-11" 482 25 "the call came back to us" "Check the routes of the peer: it sends our own call back.";
    TooManyHops "R-12" 483 25 "the call passed too many hops" "Look for a loop between the servers involved.";
    AmbiguousSource "R-13" 403 21 "several connections have this source address" "Tell them apart by number, domain or a narrower address.";
    NothingAttached "R-14" 480 20 "nothing answers for this connection" "Attach a flow, or let a device register.";
    CalleeDisabled "R-15" 480 20 "the called connection is disabled" "Enable the connection.";
    CertificateMissing "R-16" 403 21 "the client certificate is missing or does not match" "Let the peer connect by TLS with a certificate that names one of the peers and is issued by tls.ca.";
    NotSecure "R-17" 403 21 "a sips: address was dialled without TLS" "Let the device use TLS, or dial sip: addresses.";
    NotReachableSecurely "R-18" 480 20 "a sips: address was dialled and the callee has no TLS" "Let the callee use TLS, or dial its sip: address.";
    Unsigned "R-19" 428 21 "the caller id is not signed" "Ask the carrier to sign its calls, or set stir.verify of the connection to note.";
    SignatureStale "R-20" 403 21 "the signature of the caller id is too old" "Check the clocks of both sides.";
    SignerUnknown "R-21" 437 21 "nobody that is trusted vouches for the signer of the caller id" "Put the signer's authority into certificates/stir/trusted, if you trust it.";
    SignerNotFound "R-22" 436 21 "the certificate of the signer cannot be fetched" "Check that its address answers from here.";
    SignatureWrong "R-23" 438 21 "the signature of the caller id does not fit the call" "A hop in between changed a number, or somebody forges; ask the carrier.";
    StaysAsleep "R-24" 480 20 "the device sleeps, and a push did not wake it" "Open the page or the app; if that is needed again, let its user allow notifications there.";
    DoNotDisturb "R-25" 486 17 "the called person does not want to be disturbed" "Set dnd_until of the person to null, or let the person dial *79.";
    ShuttingDown "S-01" 503 41 "the server is shutting down" "Try again in a moment.";
    Restarted "S-02" 0 41 "the server was restarted" "Nothing to do.";
    Fault "S-03" 500 41 "a fault of ours ended the call" "Please report it with the trace.";
}

impl Reason {
    /// The value of Warning (RFC 3261 §20.43): 304 where no medium is left, else 399; the agent is us.
    pub fn warning(self) -> String {
        let number = if matches!(self, Self::NoCommonCodec | Self::EncryptionMismatch) { 304 } else { 399 };
        format!("{number} trunkline \"{} {}\"", self.code(), self.text())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn the_lists_belong_together() {
        for reason in Reason::ALL {
            let causes = reason.causes();
            assert!(causes.len() <= 4 && causes.iter().all(|cause| !cause.ends_with('.')), "{reason:?}");
            assert!(reason.fix().ends_with('.') && !reason.text().contains('|'), "{reason:?}");
        }
        assert!(
            Reason::ALL.iter().filter(|reason| reason.causes().is_empty()).count() < Reason::ALL.len() / 2
        );
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
