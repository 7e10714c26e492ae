//! What is said in voicemail, in Dutch.

use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    language: "nl",
    greeting: "{} kan uw oproep niet aannemen. Laat een bericht achter na de pieptoon.",
    saved: "Uw bericht is opgeslagen. Tot ziens.",
    full: "Deze voicemail is vol. Tot ziens.",
    review: "Om uw bericht te beluisteren, toets 1. Om het opnieuw op te nemen, toets 2. Om het op te slaan, \
        toets 3.",
    enter_number: "Toets het nummer van de voicemail, en daarna een hekje.",
    enter_pin: "Toets uw pincode, en daarna een hekje.",
    wrong_pin: "Die pincode is onjuist.",
    refused: "U kunt deze voicemail niet openen. Tot ziens.",
    main: "Voor nieuwe berichten, toets 1. Voor oude berichten, toets 2. Voor opties, toets 0. Om te \
        stoppen, toets hekje.",
    after: "Om het nog eens te horen, toets 5. Volgend bericht, 6. Wissen, 7. Bewaren, 9. Hoofdmenu, \
        sterretje.",
    no_more: "Geen berichten meer.",
    deleted: "Gewist.",
    kept: "Bewaard.",
    options: "Om uw begroeting op te nemen, toets 1. Voor de gewone begroeting, toets 2. Om uw begroeting te \
        horen, toets 3. Om uw pincode te wijzigen, toets 5. Hoofdmenu, sterretje.",
    speak: "Spreek na de pieptoon, en toets aan het einde een hekje.",
    new_pin: "Toets de nieuwe pincode, drie cijfers of meer, en daarna een hekje.",
    done: "Klaar.",
    not_done: "Dat is niet gelukt.",
    goodbye: "Tot ziens.",
    from: "Bericht van {}.",
    withheld: "Bericht van een afgeschermd nummer.",
    plus: "plus",
    no_messages: "U hebt geen berichten.",
    new: ["U hebt één nieuw bericht.", "U hebt {new} nieuwe berichten."],
    old: [
        "U hebt geen nieuwe berichten, en één oud bericht.",
        "U hebt geen nieuwe berichten, en {old} oude berichten.",
    ],
    both: ["Nieuwe berichten: {new}. En één oud.", "Nieuwe berichten: {new}. Oude: {old}."],
    at: "{day} {month}, {time} uur.",
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
};
