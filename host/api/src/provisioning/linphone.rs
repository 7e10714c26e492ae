//! The settings as Linphone fetches them (its remote provisioning, lpconfig).

use core::fmt::Write;

use super::settings::Sign;
use crate::onboarding::Facts;
use crate::onboarding::encryption::Encryption;

/// The file, for the phone that these facts are about.
pub(crate) fn file(sign: &Sign, facts: &Facts<'_>) -> String {
    let (server, transport) = (facts.reach(), facts.transport);
    let (encryption, mandatory) = match facts.encryption() {
        Encryption::Never => ("none", "0"),
        Encryption::Offered => ("srtp", "0"),
        Encryption::Demanded => ("srtp", "1"),
        Encryption::DemandedByDtls => ("dtls", "1"),
    };
    let sections = [
        (
            "sip",
            vec![
                ("default_proxy", "0".to_owned()),
                ("media_encryption", encryption.to_owned()),
                ("media_encryption_mandatory", mandatory.to_owned()),
            ],
        ),
        (
            "proxy_0",
            vec![
                ("reg_proxy", format!("<sip:{server};transport={transport}>")),
                ("reg_route", format!("<sip:{server};transport={transport}>")),
                ("reg_identity", format!("\"{}\" <{}>", sign.name.replace('"', ""), sign.uri)),
                ("reg_expires", sign.register_expires_s.to_string()),
                ("reg_sendregister", "1".to_owned()),
                ("realm", sign.realm.clone()),
            ],
        ),
        (
            "auth_info_0",
            vec![
                ("username", sign.user.clone()),
                ("userid", sign.auth_user.clone()),
                ("passwd", sign.password.clone()),
                ("realm", sign.realm.clone()),
                ("domain", sign.domain.clone()),
            ],
        ),
    ];
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n",
    );
    for (section, entries) in sections {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  <section name=\"{section}\">");
        for (name, value) in entries {
            let _ =
                writeln!(text, "    <entry name=\"{name}\" overwrite=\"true\">{}</entry>", escaped(&value));
        }
        text.push_str("  </section>\n");
    }
    text.push_str("</config>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
