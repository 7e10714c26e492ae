//! PBXs that are configured in a browser: FreePBX and 3CX; and values for whatever else speaks SIP.

use routing::config::Kind;

use super::encryption::Encryption;
use super::guide::{Check, Draft, Typed};
use super::phones::{codecs, typed};
use super::{Facts, asterisk};

pub(super) fn freepbx(facts: &Facts<'_>) -> Draft {
    const GENERAL: &str = "General";
    const PJSIP: &str = "pjsip Settings > General";
    const ADVANCED: &str = "pjsip Settings > Advanced";
    let registers = matches!(facts.row.kind, Kind::Device | Kind::RegisterIn | Kind::Virtual);
    if facts.row.kind == Kind::RegisterOut {
        return Draft {
            product: "FreePBX 16 and 17",
            about: "We register at this FreePBX as one of its extensions.".to_owned(),
            fields: vec![
                typed("Applications > Extensions", "Add", "New SIP [chan_pjsip] Extension", ""),
                typed(GENERAL, "User Extension", facts.user(), ""),
                typed(GENERAL, "Secret", facts.password(), ""),
                typed("Advanced", "Max Contacts", "1", ""),
            ],
            steps: vec!["Make the extension, Submit, Apply Config.".to_owned()],
            undo: "Delete the extension, Apply Config.".to_owned(),
            ..Draft::default()
        };
    }
    let mut fields = vec![
        typed(GENERAL, "Trunk Name", facts.label(), ""),
        typed(GENERAL, "Outbound CallerID", facts.numbers.first().cloned().unwrap_or_default(), ""),
        typed(
            PJSIP,
            "Authentication",
            if registers || facts.authenticates() { "Outbound" } else { "None" },
            "",
        ),
        typed(PJSIP, "Registration", if registers { "Send" } else { "None" }, ""),
        typed(PJSIP, "SIP Server", facts.server.clone(), ""),
        typed(PJSIP, "SIP Server Port", facts.port.to_string(), ""),
        typed(PJSIP, "Transport", format!("0.0.0.0-{}", facts.transport), ""),
        typed(PJSIP, "Context", "from-pstn", ""),
        typed(ADVANCED, "DTMF Mode", "RFC 4733", ""),
        typed(ADVANCED, "Send Line in Registration", "Yes", "several trunks may share our address"),
        typed(ADVANCED, "Permanent Auth Rejection", "No", "a rotated password must not stop it for good"),
        typed(ADVANCED, "Expiration", "300", ""),
        typed(ADVANCED, "Qualify Frequency", "60", ""),
        typed(ADVANCED, "From Domain", facts.server.clone(), ""),
        typed(
            ADVANCED,
            "Send RPID/PAI",
            "Send P-Asserted-Identity header",
            "the caller id is read there first",
        ),
        typed(ADVANCED, "Match (Permit)", facts.address_list().join(","), ""),
        typed(ADVANCED, "Direct Media", "No", ""),
        typed(ADVANCED, "Rewrite Contact", "Yes", ""),
        typed("pjsip Settings > Codecs", "Enabled, in order", codecs(facts), ""),
    ];
    match facts.encryption() {
        Encryption::Never => {}
        Encryption::Offered => fields.extend([
            typed(ADVANCED, "Media Encryption", "SRTP via in-SDP", ""),
            typed(ADVANCED, "Allow Non-Encrypted Media (Opportunistic SRTP)", "Yes", ""),
        ]),
        Encryption::Demanded => fields.push(typed(ADVANCED, "Media Encryption", "SRTP via in-SDP", "")),
        Encryption::DemandedByDtls => fields.push(typed(ADVANCED, "Media Encryption", "DTLS-SRTP", "")),
    }
    if registers || facts.authenticates() {
        fields.insert(3, typed(PJSIP, "Username", facts.user(), ""));
        fields.insert(4, typed(PJSIP, "Auth username", facts.user(), ""));
        fields.insert(5, typed(PJSIP, "Secret", facts.password(), ""));
        fields.push(typed(ADVANCED, "From User", facts.user(), ""));
    }
    if facts.proxy.is_some() {
        fields.push(typed(ADVANCED, "Outbound Proxy", format!("sip:{}\\;lr", facts.reach()), ""));
    }
    let base = asterisk::draft(facts, asterisk::Form::Objects);
    Draft {
        product: "FreePBX 16 and 17",
        about: format!("{} FreePBX writes its files itself, so this goes into its pages.", base.about),
        fields,
        steps: vec![
            "Connectivity > Trunks > Add Trunk > Add SIP (chan_pjsip) Trunk: enter the values, Submit.".to_owned(),
            "Connectivity > Outbound Routes: a route whose patterns are the numbers to send here, and this trunk."
                .to_owned(),
            format!(
                "Connectivity > Inbound Routes: one for each number{}.",
                match facts.numbers.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", facts.numbers.join(", ")),
                }
            ),
            format!(
                "Connectivity > Firewall > Networks: {} as Trusted.",
                facts.address_list().join(", ")
            ),
            "Apply Config.".to_owned(),
        ],
        checks: base.checks,
        undo: "Delete the routes and the trunk, Apply Config.".to_owned(),
        ..Draft::default()
    }
}

pub(super) fn three_cx(facts: &Facts<'_>) -> Draft {
    const GENERAL: &str = "General";
    const OPTIONS: &str = "Options";
    let registers = matches!(facts.row.kind, Kind::Device | Kind::RegisterIn | Kind::Virtual);
    let mut fields = vec![
        typed(GENERAL, "Trunk name", facts.label(), ""),
        typed(GENERAL, "Registrar/Server hostname or IP", facts.server.clone(), ""),
        typed(GENERAL, "Port", facts.port.to_string(), ""),
        typed(GENERAL, "Type of Authentication", auth_of_3cx(facts, registers), ""),
        typed(GENERAL, "Main trunk number", facts.numbers.first().cloned().unwrap_or_default(), ""),
        typed("DIDs", "DID numbers", facts.numbers.join(", "), "one a line"),
        typed(OPTIONS, "Transport protocol", facts.transport.to_uppercase(), ""),
        typed(OPTIONS, "Re-register timeout", "300", ""),
        typed(OPTIONS, "Allow inbound calls / outbound calls", "yes", ""),
        typed(OPTIONS, "Codec priority", codecs(facts), ""),
        typed(OPTIONS, "DTMF", "RFC2833", ""),
        typed(
            "Caller ID > Outbound parameters",
            "P-Asserted-Identity: user",
            "OutboundCallerId",
            "read first here",
        ),
    ];
    if registers || facts.authenticates() {
        fields.insert(4, typed(GENERAL, "Authentication ID", facts.user(), ""));
        fields.insert(5, typed(GENERAL, "Authentication password", facts.password(), ""));
    }
    if facts.proxy.is_some() {
        fields.push(typed(GENERAL, "Outbound proxy", facts.reach(), ""));
    }
    Draft {
        product: "3CX 20",
        about: "A generic SIP trunk. Hosted 3CX registers only; by address works where 3CX has an address of its own."
            .to_owned(),
        fields,
        steps: vec![
            "Voice & Chat > Add trunk > Generic SIP trunk: enter the values.".to_owned(),
            "Outbound rules: a rule for the numbers to send here, by this trunk.".to_owned(),
        ],
        checks: vec![Check { look: "Voice & Chat".to_owned(), expect: "the trunk's dot is green".to_owned() }],
        undo: "Delete the outbound rule and the trunk.".to_owned(),
        ..Draft::default()
    }
}

const fn auth_of_3cx(facts: &Facts<'_>, registers: bool) -> &'static str {
    match (registers, facts.login.is_some()) {
        (true, _) => "Register/Account based",
        (false, true) => "Outbound",
        (false, false) => "Do not require - IP based",
    }
}

pub(super) fn generic(facts: &Facts<'_>) -> Draft {
    const HERE: &str = "SIP";
    let about = match facts.row.kind {
        Kind::Device | Kind::RegisterIn | Kind::Virtual => "It registers here with this user and password.",
        Kind::RegisterOut => "We register there with this user and password.",
        Kind::Trunk => "Both sides know one another by address.",
    };
    let mut fields: Vec<Typed> = vec![
        typed(HERE, "Domain / SIP server", facts.server_port(), ""),
        typed(HERE, "Transport", facts.transport.to_uppercase(), ""),
    ];
    if facts.proxy.is_some() {
        fields.push(typed(HERE, "Outbound proxy", facts.reach(), "the domain is known to us only"));
    }
    if facts.login.is_some() {
        fields.push(typed(HERE, "User", facts.user(), ""));
        fields.push(typed(HERE, "Authentication user", facts.user(), ""));
        fields.push(typed(HERE, "Password", facts.password(), ""));
        fields.push(typed(HERE, "Realm", facts.realm.clone(), "where it asks for one"));
    }
    fields.extend([
        typed(HERE, "Registration expires", "300", "60 at least, 3600 at most"),
        typed(HERE, "Our addresses", facts.address_list().join(", "), "requests and audio come from these"),
        typed("Audio", "Codecs", codecs(facts), ""),
        typed("Audio", "DTMF", "RFC 4733 (RFC 2833), telephone-event", ""),
        typed("Audio", "Encryption", facts.encryption().text(), ""),
        typed("Numbers", "Format", "+ and country code", "what else is understood stands in /spec"),
        typed("Numbers", "Caller id", "P-Asserted-Identity, else From", ""),
    ]);
    Draft {
        product: "Any SIP device",
        about: about.to_owned(),
        fields,
        steps: vec!["Enter these values.".to_owned()],
        checks: Vec::new(),
        undo: "Take the values out again.".to_owned(),
        ..Draft::default()
    }
}
