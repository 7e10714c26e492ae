//! Every name is found, and nothing else.

use super::*;

#[test]
fn every_name_is_found_in_any_case() {
    for (name, text) in NAMES {
        assert_eq!(Name::from_bytes(text.as_bytes()), *name);
        assert_eq!(Name::from_bytes(text.to_ascii_lowercase().as_bytes()), *name);
        assert_eq!(Name::from_bytes(text.to_ascii_uppercase().as_bytes()), *name);
        assert_eq!(name.as_str(), *text);
    }
}

#[test]
fn names_not_in_the_list_are_other() {
    for name in ["", "X-Custom", "Froms", "Fro", "Via2", "j", "z", "C%6Fntact", "Reject-Contact"] {
        assert_eq!(Name::from_bytes(name.as_bytes()), Name::Other, "{name}");
    }
}

#[test]
fn compact_forms_name_the_same_fields() {
    for (letter, name) in
        [("v", Name::Via), ("F", Name::From), ("L", Name::ContentLength), ("k", Name::Supported)]
    {
        assert_eq!(Name::from_bytes(letter.as_bytes()), name);
    }
}
