//! What is said in voicemail, in Spanish.

use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    language: "es",
    greeting: "{} no puede atender su llamada. Por favor, deje un mensaje después de la señal.",
    saved: "Su mensaje está guardado. Adiós.",
    full: "Este buzón está lleno. Adiós.",
    review: "Para escuchar su mensaje, pulse 1. Para grabarlo de nuevo, pulse 2. Para guardarlo, pulse 3.",
    enter_number: "Marque el número del buzón y después almohadilla.",
    enter_pin: "Marque su clave y después almohadilla.",
    wrong_pin: "Esa clave no es correcta.",
    refused: "No puede abrir este buzón. Adiós.",
    main: "Para los mensajes nuevos, pulse 1. Para los mensajes antiguos, pulse 2. Para las opciones, pulse \
        0. Para salir, pulse almohadilla.",
    after: "Para escucharlo otra vez, pulse 5. Mensaje siguiente, 6. Borrar, 7. Guardar, 9. Menú principal, \
        asterisco.",
    no_more: "No hay más mensajes.",
    deleted: "Borrado.",
    kept: "Guardado.",
    options: "Para grabar su saludo, pulse 1. Para el saludo habitual, pulse 2. Para escuchar su saludo, pulse \
        3. Para cambiar su clave, pulse 5. Menú principal, asterisco.",
    speak: "Hable después de la señal y pulse almohadilla al terminar.",
    new_pin: "Marque la clave nueva, tres cifras o más, y después almohadilla.",
    done: "Hecho.",
    not_done: "No ha funcionado.",
    goodbye: "Adiós.",
    from: "Mensaje de {}.",
    withheld: "Mensaje de un número oculto.",
    plus: "más",
    no_messages: "No tiene mensajes.",
    new: ["Tiene un mensaje nuevo.", "Tiene {new} mensajes nuevos."],
    old: [
        "No tiene mensajes nuevos, y un mensaje antiguo.",
        "No tiene mensajes nuevos, y {old} mensajes antiguos.",
    ],
    both: ["Mensajes nuevos: {new}. Y uno antiguo.", "Mensajes nuevos: {new}. Antiguos: {old}."],
    at: "{day} de {month}, a las {time}.",
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
};
