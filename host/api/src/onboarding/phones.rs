//! Phones: the values of their account pages, and for Yealink the same as a provisioning file.

use super::Facts;
use super::encryption::Encryption;
use super::guide::{Check, Draft, Pasted, Typed};

pub(super) fn yealink(facts: &Facts<'_>) -> Draft {
    let code = match facts.transport {
        "tcp" => "1",
        "tls" => "2",
        _ => "0",
    };
    let mut lines = vec![
        ("enable", "1".to_owned()),
        ("label", facts.row.name.clone()),
        ("display_name", facts.row.name.clone()),
        ("user_name", sip_user(facts)),
        ("auth_name", facts.user().to_owned()),
        ("password", facts.password().to_owned()),
        ("sip_server.1.address", facts.server.clone()),
        ("sip_server.1.port", facts.port.to_string()),
        ("sip_server.1.transport_type", code.to_owned()),
        ("sip_server.1.expires", "300".to_owned()),
    ];
    // It knows SDES only.
    let (srtp, srtp_shown) = match facts.encryption() {
        Encryption::Never => ("0", "Disabled"),
        Encryption::Offered => ("1", "Optional"),
        Encryption::Demanded | Encryption::DemandedByDtls => ("2", "Compulsory"),
    };
    lines.push(("srtp_encryption", srtp.to_owned()));
    if let Some(proxy) = &facts.proxy {
        lines.push(("outbound_proxy_enable", "1".to_owned()));
        lines.push(("outbound_proxy.1.address", proxy.clone()));
        lines.push(("outbound_proxy.1.port", facts.port.to_string()));
    }
    let text: String = lines.iter().map(|(name, value)| format!("account.1.{name} = {value}\n")).collect();
    let mut fields = login(facts, "Account > Register");
    fields.extend([
        typed("Account > Register", "SIP Server 1: Server Host", facts.server.clone(), ""),
        typed("Account > Register", "SIP Server 1: Port", facts.port.to_string(), ""),
        typed("Account > Register", "SIP Server 1: Transport", facts.transport.to_uppercase(), ""),
        typed("Account > Register", "Server Expires", "300".to_owned(), ""),
        typed("Account > Codec", "Enable Codecs", codecs(facts), "in this order"),
        typed("Account > Advanced", "DTMF Type", "RFC2833".to_owned(), ""),
        typed("Account > Advanced", "RTP Encryption (SRTP)", srtp_shown, ""),
    ]);
    proxy(facts, "Account > Register", "Outbound Proxy Server 1", &mut fields);
    Draft {
        product: "Yealink T4/T5 with firmware 86",
        files: vec![Pasted {
            name: "trunkline.cfg",
            about: "The same as a file: Settings > Auto Provision, or Settings > Configuration > Import CFG."
                .to_owned(),
            text: format!("#!version:1.0.0.1\n{text}"),
        }],
        fields,
        checks: vec![Check { look: "Status > Account".to_owned(), expect: "Registered".to_owned() }],
        undo: "Account > Register: Line Active off.".to_owned(),
        ..common(facts, "Enter these values on the phone's web page, or import the file.")
    }
}

pub(super) fn zoiper(facts: &Facts<'_>) -> Draft {
    let mut fields = vec![
        typed(
            "Login",
            "Username",
            format!("{}@{}", sip_user(facts), facts.server_port()),
            "user and server in one",
        ),
        typed("Login", "Password", facts.password().to_owned(), ""),
        typed(
            "Authentication",
            "Authentication user",
            facts.user().to_owned(),
            "where it differs from the user",
        ),
        typed("Transport", "Choose", facts.transport.to_uppercase(), "skip the automatic search"),
        typed("Account > Audio codecs", "Order", codecs(facts), ""),
        typed("Account > Advanced", "DTMF style", "RFC-2833".to_owned(), ""),
        typed("Account > Advanced", "Media encryption", facts.encryption().text(), ""),
    ];
    proxy(facts, "Login", "Outbound proxy", &mut fields);
    Draft {
        product: "Zoiper 5",
        fields,
        checks: vec![Check { look: "Settings > Accounts".to_owned(), expect: "a green tick".to_owned() }],
        undo: "Settings > Accounts > remove.".to_owned(),
        ..common(facts, "Settings > Accounts > Add SIP account.")
    }
}

pub(super) fn linphone(facts: &Facts<'_>) -> Draft {
    let mut fields = login(facts, "Third-party SIP account");
    fields.extend([
        typed("Third-party SIP account", "Domain", facts.server_port(), ""),
        typed("Third-party SIP account", "Transport", facts.transport.to_uppercase(), ""),
        typed("Settings > Audio", "Codecs", codecs(facts), ""),
        typed("Settings > Calls", "Media encryption", facts.encryption().text(), ""),
    ]);
    proxy(facts, "Account > Advanced", "SIP proxy address", &mut fields);
    Draft {
        product: "Linphone 5",
        fields,
        checks: vec![Check { look: "the account in the menu".to_owned(), expect: "Connected".to_owned() }],
        undo: "Account > remove.".to_owned(),
        ..common(facts, "Add account > use a third-party SIP account.")
    }
}

fn common(facts: &Facts<'_>, first: &str) -> Draft {
    let mut steps = vec![first.to_owned()];
    if facts.transport == "tls" {
        steps.push(
            "Our certificate has to be trusted: GET /api/v1/certificates shows it and its issuer.".to_owned(),
        );
    }
    steps.push("Dial echo (or a number that leads to it): you hear yourself.".to_owned());
    Draft {
        about: "The phone registers here; nothing has to be opened in a firewall.".to_owned(),
        steps,
        ..Draft::default()
    }
}

fn login(facts: &Facts<'_>, place: &'static str) -> Vec<Typed> {
    vec![
        typed(place, "User name", sip_user(facts), ""),
        typed(place, "Register name / authentication id", facts.user().to_owned(), ""),
        typed(place, "Password", facts.password().to_owned(), ""),
        typed(place, "Display name", facts.row.name.clone(), ""),
    ]
}

fn proxy(facts: &Facts<'_>, place: &'static str, name: &'static str, fields: &mut Vec<Typed>) {
    if facts.proxy.is_some() {
        fields.push(typed(place, name, facts.reach(), "the server's name is known to us only"));
    }
}

/// The user that is called; the one that proves itself may have another name.
fn sip_user(facts: &Facts<'_>) -> String {
    facts.row.user.clone().unwrap_or_else(|| facts.user().to_owned())
}

pub(super) fn codecs(facts: &Facts<'_>) -> String {
    facts.row.media.codecs.iter().map(|codec| codec.to_uppercase()).collect::<Vec<_>>().join(", ")
}

pub(super) fn typed(
    place: &'static str,
    name: &'static str,
    value: impl Into<String>,
    about: &'static str,
) -> Typed {
    Typed { place, name, value: value.into(), about }
}
