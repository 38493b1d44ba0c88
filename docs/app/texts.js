const TEXTS = {
  de: {
    title: "Mängel melden", new: "Neue Meldung", category: "Was ist es?", text: "Was ist kaputt?", address: "Wo? (Straße, Haus)",
    lat: "Breite", lon: "Länge", here: "Meinen Standort nehmen", photos: "Fotos", send: "Absenden", place: "Ort",
    waiting: "Noch nicht gesendet", mine: "Meine Meldungen", push: "Bei Neuem benachrichtigen", pushed: "Benachrichtigungen sind an.",
    offline: "Ohne Verbindung: Meldungen warten auf diesem Gerät.", online: "Verbunden.", saved: "Gespeichert, wird gesendet.",
    waits: "wartet auf eine Verbindung", again: "wird wieder versucht", edit: "Ändern", drop: "Verwerfen", choose: "bitte wählen",
    receipt: "Quittung", asked: "Das Rathaus fragt:", reply: "Ihre Antwort", answer: "Antworten", none: "Hier ist noch nichts.",
    nowhere: "Der Standort ist nicht zu ermitteln.", failed: "Das geht gerade nicht", closed: "abgeschlossen", photo: "Foto",
  },
  en: {
    title: "Report a problem", new: "New report", category: "What is it?", text: "What is broken?", address: "Where? (street, house)",
    lat: "Latitude", lon: "Longitude", here: "Take my position", photos: "Photos", send: "Send", place: "Place",
    waiting: "Not sent yet", mine: "My reports", push: "Notify me of news", pushed: "Notifications are on.",
    offline: "No connection: reports wait on this device.", online: "Connected.", saved: "Saved, will be sent.",
    waits: "waits for a connection", again: "will be tried again", edit: "Change", drop: "Discard", choose: "please choose",
    receipt: "Receipt", asked: "The town hall asks:", reply: "Your answer", answer: "Answer", none: "Nothing here yet.",
    nowhere: "The position cannot be found.", failed: "This does not work now", closed: "closed", photo: "Photo",
  },
};
export const language = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in TEXTS) ?? "de";
export const t = (name) => TEXTS[language][name];
