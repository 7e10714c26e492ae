//! What is said in voicemail, in French.

use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    language: "fr",
    greeting: "{} ne peut pas prendre votre appel. Veuillez laisser un message après le bip.",
    saved: "Votre message est enregistré. Au revoir.",
    full: "Cette messagerie est pleine. Au revoir.",
    review: "Pour écouter votre message, tapez 1. Pour le recommencer, tapez 2. Pour l'enregistrer, tapez 3.",
    enter_number: "Entrez le numéro de la messagerie, puis dièse.",
    enter_pin: "Entrez votre code, puis dièse.",
    wrong_pin: "Ce code est faux.",
    refused: "Vous ne pouvez pas ouvrir cette messagerie. Au revoir.",
    main: "Pour les nouveaux messages, tapez 1. Pour les anciens messages, tapez 2. Pour les options, tapez \
        0. Pour quitter, tapez dièse.",
    after: "Pour réécouter, tapez 5. Message suivant, 6. Supprimer, 7. Conserver, 9. Menu principal, étoile.",
    no_more: "Plus de messages.",
    deleted: "Supprimé.",
    kept: "Conservé.",
    options: "Pour enregistrer votre annonce, tapez 1. Pour l'annonce habituelle, tapez 2. Pour écouter votre \
        annonce, tapez 3. Pour changer votre code, tapez 5. Menu principal, étoile.",
    speak: "Parlez après le bip, puis tapez dièse.",
    new_pin: "Entrez le nouveau code, trois chiffres ou plus, puis dièse.",
    done: "C'est fait.",
    not_done: "Cela n'a pas marché.",
    goodbye: "Au revoir.",
    from: "Message de {}.",
    withheld: "Message d'un numéro masqué.",
    plus: "plus",
    no_messages: "Vous n'avez pas de messages.",
    new: ["Vous avez un nouveau message.", "Vous avez {new} nouveaux messages."],
    old: [
        "Vous n'avez pas de nouveau message, et un ancien message.",
        "Vous n'avez pas de nouveau message, et {old} anciens messages.",
    ],
    both: ["Nouveaux messages : {new}. Et un ancien.", "Nouveaux messages : {new}. Anciens : {old}."],
    at: "le {day} {month} à {time}.",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
};
