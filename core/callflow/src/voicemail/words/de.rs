//! What is said in voicemail, in German.

use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    language: "de",
    greeting: "{} kann Ihren Anruf nicht annehmen. Bitte sprechen Sie nach dem Signalton.",
    saved: "Ihre Nachricht ist gespeichert. Auf Wiederhören.",
    full: "Dieses Postfach ist voll. Auf Wiederhören.",
    review: "Um Ihre Nachricht anzuhören, drücken Sie 1. Um sie neu aufzunehmen, 2. Um sie zu speichern, 3.",
    enter_number: "Geben Sie die Nummer des Postfachs ein, dann die Rautetaste.",
    enter_pin: "Geben Sie Ihre Geheimzahl ein, dann die Rautetaste.",
    wrong_pin: "Diese Geheimzahl ist falsch.",
    refused: "Sie können dieses Postfach nicht öffnen. Auf Wiederhören.",
    main: "Für neue Nachrichten drücken Sie 1. Für alte Nachrichten 2. Für Einstellungen 0. Zum Beenden die \
        Rautetaste.",
    after: "Noch einmal hören, 5. Nächste Nachricht, 6. Löschen, 7. Speichern, 9. Hauptmenü, Stern.",
    no_more: "Keine weiteren Nachrichten.",
    deleted: "Gelöscht.",
    kept: "Gespeichert.",
    options: "Um Ihre Begrüßung aufzunehmen, drücken Sie 1. Für die übliche Begrüßung 2. Um Ihre Begrüßung zu \
        hören 3. Um die Geheimzahl zu ändern 5. Hauptmenü, Stern.",
    speak: "Sprechen Sie nach dem Signalton, und drücken Sie am Ende die Rautetaste.",
    new_pin: "Geben Sie die neue Geheimzahl ein, mindestens drei Ziffern, dann die Rautetaste.",
    done: "Erledigt.",
    not_done: "Das hat nicht geklappt.",
    goodbye: "Auf Wiederhören.",
    from: "Nachricht von {}.",
    withheld: "Nachricht von einer unterdrückten Nummer.",
    plus: "plus",
    no_messages: "Sie haben keine Nachrichten.",
    new: ["Sie haben eine neue Nachricht.", "Sie haben {new} neue Nachrichten."],
    old: [
        "Sie haben keine neuen Nachrichten und eine alte Nachricht.",
        "Sie haben keine neuen Nachrichten und {old} alte Nachrichten.",
    ],
    both: ["Neue Nachrichten: {new}. Dazu eine alte.", "Neue Nachrichten: {new}. Alte: {old}."],
    at: "{day}. {month}, {time} Uhr.",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
};
