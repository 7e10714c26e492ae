//! FreeSWITCH: a gateway of the external profile, an ACL where it knows us by address, and a dial plan both ways.

use routing::config::Kind;

use super::Facts;
use super::guide::{Check, Draft, Pasted};

pub(super) fn draft(facts: &Facts<'_>) -> Draft {
    let label = facts.label();
    let mut files = Vec::new();
    let about = match facts.row.kind {
        Kind::RegisterOut => {
            files.push(Pasted {
                name: "directory/default/trunkline.xml",
                about: "A user of yours, which we register as.".to_owned(),
                text: user(facts),
            });
            "We register at this FreeSWITCH as one of its users."
        }
        Kind::Trunk => {
            files.push(gateway_file(facts, &label));
            files.push(Pasted {
                name: "autoload_configs/acl.conf.xml",
                about: "Inside <network-lists>: calls from these addresses need no password. Then put \
                        <param name=\"apply-inbound-acl\" value=\"trunkline\"/> into the external profile."
                    .to_owned(),
                text: acl(facts),
            });
            "FreeSWITCH and we know one another by address."
        }
        Kind::Device | Kind::RegisterIn | Kind::Virtual => {
            files.push(gateway_file(facts, &label));
            "FreeSWITCH registers here with a user and password, so its firewall needs no opening."
        }
    };
    files.push(Pasted {
        name: "dialplan/public/trunkline.xml",
        about: "Calls from us: to your extensions.".to_owned(),
        text: inward(facts),
    });
    if facts.row.kind != Kind::RegisterOut {
        files.push(Pasted {
            name: "dialplan/default/trunkline.xml",
            about: "Calls to us: numbers of seven digits and more.".to_owned(),
            text: outward(&label),
        });
    }
    Draft {
        product: "FreeSWITCH 1.10",
        about: about.to_owned(),
        files,
        fields: Vec::new(),
        steps: vec![
            "Put the files below under /etc/freeswitch.".to_owned(),
            "fs_cli -x reloadxml, then fs_cli -x 'sofia profile external rescan' (reloadacl for the ACL)."
                .to_owned(),
        ],
        checks: vec![Check {
            look: format!("fs_cli -x 'sofia status gateway {label}'"),
            expect: "State REGED, or NOREG with Status UP where nothing registers".to_owned(),
        }],
        undo: format!("fs_cli -x 'sofia profile external killgw {label}', take the files away, reloadxml."),
    }
}

fn gateway_file(facts: &Facts<'_>, label: &str) -> Pasted {
    Pasted {
        name: "sip_profiles/external/trunkline.xml",
        about: "The gateway.".to_owned(),
        text: gateway(facts, label),
    }
}

fn gateway(facts: &Facts<'_>, label: &str) -> String {
    let registers = facts.row.kind != Kind::Trunk;
    let mut params = vec![
        ("username", if registers || facts.authenticates() { facts.user() } else { "trunkline" }.to_owned()),
        ("realm", facts.realm.clone()),
        ("from-domain", facts.server.clone()),
        ("proxy", facts.server_port()),
        ("register", registers.to_string()),
        ("register-transport", facts.transport.to_owned()),
        ("expire-seconds", "300".to_owned()),
        ("retry-seconds", "30".to_owned()),
        ("ping", "60".to_owned()),
        ("caller-id-in-from", (!registers).to_string()),
        ("sip_cid_type", "pid".to_owned()),
    ];
    if registers || facts.authenticates() {
        params.insert(1, ("password", facts.password().to_owned()));
    } else {
        params.insert(1, ("password", "unused".to_owned()));
    }
    if facts.proxy.is_some() {
        params.push(("outbound-proxy", facts.reach()));
    }
    let lines: String = params
        .iter()
        .map(|(name, value)| format!("    <param name=\"{name}\" value=\"{}\"/>\n", escaped(value)))
        .collect();
    format!("<include>\n  <gateway name=\"{label}\">\n{lines}  </gateway>\n</include>\n")
}

fn acl(facts: &Facts<'_>) -> String {
    let nodes: String = facts
        .address_list()
        .iter()
        .map(|ip| {
            let length = if ip.contains(':') { 128 } else { 32 };
            format!("  <node type=\"allow\" cidr=\"{ip}/{length}\"/>\n")
        })
        .collect();
    format!("<list name=\"trunkline\" default=\"deny\">\n{nodes}</list>\n")
}

fn user(facts: &Facts<'_>) -> String {
    format!(
        "<include>\n  <user id=\"{}\">\n    <params>\n      <param name=\"password\" value=\"{}\"/>\n    </params>\n    \
         <variables>\n      <variable name=\"user_context\" value=\"public\"/>\n    </variables>\n  </user>\n</include>\n",
        escaped(facts.user()),
        escaped(facts.password())
    )
}

fn inward(facts: &Facts<'_>) -> String {
    let numbers: Vec<_> =
        facts.numbers.iter().map(|number| number.trim_start_matches('+').to_owned()).collect();
    let pattern =
        if numbers.is_empty() { "^\\+?(\\d+)$".to_owned() } else { format!("^\\+?({})$", numbers.join("|")) };
    format!(
        "<include>\n  <extension name=\"from-trunkline\">\n    <condition field=\"destination_number\" expression=\"{pattern}\">\n      \
         <action application=\"transfer\" data=\"$1 XML default\"/>\n    </condition>\n  </extension>\n</include>\n"
    )
}

fn outward(label: &str) -> String {
    format!(
        "<include>\n  <extension name=\"to-trunkline\">\n    <condition field=\"destination_number\" \
         expression=\"^(\\+?\\d{{7,15}})$\">\n      <action application=\"bridge\" data=\"sofia/gateway/{label}/$1\"/>\n    \
         </condition>\n  </extension>\n</include>\n"
    )
}

fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
