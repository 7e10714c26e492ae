//! Whoever keeps keys and fetches certificates, as a test sees it: signatures are words, and say what they are worth.

use engine::{Passport, Statement, Verdict, VouchQuestion, Vouched};
use routing::attest::Attestation;
use routing::reason::Reason;

/// Judges `good ORIG DEST` by the numbers of the call, finds anything else wrong, and signs in words.
pub fn vouch(question: &VouchQuestion) -> Vouched {
    let VouchQuestion { number, judge, sign, orig, shown, dest } = question;
    let good = format!("good {orig} {dest}");
    let verdict = judge.first().map(|value| match &**value {
        value if *value == good => Verdict::Passed(Attestation::A),
        "old" => Verdict::Failed(Reason::SignatureStale, "said long ago".into()),
        _ => Verdict::Failed(Reason::SignatureWrong, "about another call".into()),
    });
    let passport = sign.as_ref().map(|(_, said)| Passport {
        identity: match said {
            Statement::Origin(attest) => format!("signed {} {shown} {dest}", attest.name()).into(),
            Statement::Diversion(from) => format!("diverted {from} {shown} {dest}").into(),
        },
        date: "Sat, 13 Nov 2010 23:29:00 GMT".into(),
    });
    Vouched { number: *number, verdict, passport }
}
