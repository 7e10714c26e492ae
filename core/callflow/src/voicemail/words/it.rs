//! What is said in voicemail, in Italian.

use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    language: "it",
    greeting: "{} non può rispondere alla chiamata. Lasciate un messaggio dopo il segnale acustico.",
    saved: "Il messaggio è salvato. Arrivederci.",
    full: "Questa casella è piena. Arrivederci.",
    review: "Per ascoltare il messaggio, premere 1. Per registrarlo di nuovo, premere 2. Per salvarlo, \
        premere 3.",
    enter_number: "Inserire il numero della casella, poi cancelletto.",
    enter_pin: "Inserire il codice, poi cancelletto.",
    wrong_pin: "Il codice è sbagliato.",
    refused: "Non è possibile aprire questa casella. Arrivederci.",
    main: "Per i messaggi nuovi, premere 1. Per i messaggi vecchi, premere 2. Per le opzioni, premere 0. \
        Per uscire, premere cancelletto.",
    after: "Per riascoltarlo, premere 5. Messaggio successivo, 6. Cancellare, 7. Salvare, 9. Menu \
        principale, asterisco.",
    no_more: "Non ci sono altri messaggi.",
    deleted: "Cancellato.",
    kept: "Salvato.",
    options: "Per registrare il saluto, premere 1. Per il saluto consueto, premere 2. Per ascoltare il saluto, \
        premere 3. Per cambiare il codice, premere 5. Menu principale, asterisco.",
    speak: "Parlare dopo il segnale acustico, e premere cancelletto alla fine.",
    new_pin: "Inserire il nuovo codice, tre cifre o più, poi cancelletto.",
    done: "Fatto.",
    not_done: "Non ha funzionato.",
    goodbye: "Arrivederci.",
    from: "Messaggio da {}.",
    withheld: "Messaggio da un numero nascosto.",
    plus: "più",
    no_messages: "Non ci sono messaggi.",
    new: ["C'è un messaggio nuovo.", "Ci sono {new} messaggi nuovi."],
    old: [
        "Nessun messaggio nuovo, e un messaggio vecchio.",
        "Nessun messaggio nuovo, e {old} messaggi vecchi.",
    ],
    both: ["Messaggi nuovi: {new}. E uno vecchio.", "Messaggi nuovi: {new}. Vecchi: {old}."],
    at: "{day} {month}, ore {time}.",
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
};
