//! Whoever keeps keys and fetches certificates, as a test sees it: signatures are words, and say what they are worth.

use engine::{Verdict, VouchQuestion, Vouched};
use routing::attest::Attestation;
use routing::reason::Reason;

/// Judges `good ORIG DEST` by the numbers of the call, finds anything else wrong, and signs in words.
pub fn vouch(question: &VouchQuestion) -> Vouched {
    let VouchQuestion { judge, sign, orig, shown, dest } = question;
    let good = format!("good {orig} {dest}");
    let verdict = judge.as_deref().map(|value| match value {
        value if *value == good => Verdict::Passed(Attestation::A),
        "old" => Verdict::Failed(Reason::SignatureStale, "said long ago".into()),
        _ => Verdict::Failed(Reason::SignatureWrong, "about another call".into()),
    });
    let identity =
        sign.as_ref().map(|(_, attest)| format!("signed {} {shown} {dest}", attest.name()).into_boxed_str());
    Vouched { verdict, identity }
}
