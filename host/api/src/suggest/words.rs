//! A near miss in one sentence.

use store::NearMissRow;

/// What would have been right, for people.
pub(crate) fn in_words(miss: &NearMissRow) -> String {
    let (have, want) = (&miss.have, &miss.want);
    match miss.field.as_str() {
        "allowed_sources" if want == "none is listed" => {
            format!("address {have} not in the list: it is empty")
        }
        "allowed_sources" => format!("address {have} not in the list: nearest {want}"),
        "auth_user" => format!("authenticates as {have}, not as {want}"),
        "caller_ids" => format!("caller id {have} not allowed: nearest {want}"),
        "dial_pattern" => format!("{have} does not match {want}"),
        "domain" => format!("the user lives in {want}, not in {have}"),
        "enabled" => "it is disabled".to_owned(),
        "forms" => format!("{have} is {want}, written in another way"),
        "host" => format!("{have} is no domain of ours: nearest {want}"),
        "limits.countries" => format!("country not allowed: {have}"),
        "limits.prefixes" => format!("prefix not allowed: {have}"),
        "limits.countries.approved" => format!("the first call to {have} waits for approval"),
        "may_call_out" => "it may not call out".to_owned(),
        "password" if want == "none is set" => "no password is set".to_owned(),
        "password" => have.trim_start_matches("a ").to_owned(),
        "public_ip" => format!("{have} is no address of ours: those are {want}"),
        "stir.verify" => have.clone(),
        "transports" => format!("{have} is not allowed: {want} is"),
        "used_by" => "a way out matches, and is not for this caller".to_owned(),
        "user" => format!("user {have} is not known: nearest {want}"),
        field if field.starts_with("limits.") => format!("{have}, and {want}"),
        field => format!("{field}: {have}, wanted {want}"),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;
    use store::NearMissRow;

    #[test]
    fn near_misses_are_sentences() {
        for (field, have, want, expected) in [
            (
                "allowed_sources",
                "203.0.113.17",
                "203.0.113.0/28",
                "address 203.0.113.17 not in the list: nearest 203.0.113.0/28",
            ),
            (
                "password",
                "a wrong password, 3 tries, same device",
                "the password of Desk",
                "wrong password, 3 tries, same device",
            ),
            ("limits.countries", "Latvia", "Germany", "country not allowed: Latvia"),
            ("something.new", "1", "2", "something.new: 1, wanted 2"),
        ] {
            let [field, have, want] = [field, have, want].map(str::to_owned);
            let miss = NearMissRow { resource: "connection con_x".to_owned(), field, have, want };
            assert_eq!(in_words(&miss), expected);
        }
    }
}
