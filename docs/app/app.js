// An example of an app for citizens: files reports without a connection, follows and answers them with the receipt.
import { API } from "./config.js";
import { ask, device, drafts, flush, put, token } from "./outbox.js";
import { language, t } from "./texts.js";

const FORM = `query($city: String!, $language: String!) { city(slug: $city, language: $language) { reports {
  categories { id name icon } fields { id categoryId label kind required choices { id name } } } } }`;
const CASE = `query($city: String!, $language: String!, $number: String!, $receipt: String!) {
  city(slug: $city, language: $language) { case(number: $number, receipt: $receipt) {
    title statusName open waiting handedTo pictures { path } events { at text statusName asks } } } }`;
const PUSH = "query($city: String!) { city(slug: $city) { push { applicationServerKey } } }";
const SUBSCRIBE = `mutation($city: String!, $address: String!, $p256dh: String!, $auth: String!, $language: String!) {
  notifySubscribe(input: { city: $city, topic: "cases.mine", channel: "webpush", address: $address, p256dh: $p256dh,
    auth: $auth, language: $language }) { id } }`;

const $ = (id) => document.getElementById(id);
const form = $("report");
const h = (tag, properties, ...inside) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside.filter(Boolean));
  return made;
};
const say = (text) => ($("state").textContent = text);
const connection = () => say(t(navigator.onLine ? "online" : "offline"));
let known = { categories: [], fields: [] }; // what can be reported
let photos = []; // of a draft that is changed

// Asked when there is a connection, and kept for when there is none.
async function load() {
  known = (await device("kept", "get", `form-${language}`))?.value ?? known;
  try {
    known = (await ask(FORM, { language })).city.reports;
    await device("kept", "put", { name: `form-${language}`, value: known });
  } catch { say(t("offline")); }
  const chosen = form.category.value;
  form.category.replaceChildren(new Option(t("choose"), ""), ...known.categories.map((one) => new Option(`${one.icon} ${one.name}`, one.id)));
  form.category.value = chosen;
  fields();
}

// What this category asks besides.
function fields(given = {}) {
  const asked = known.fields.filter((one) => one.categoryId === form.category.value);
  $("fields").hidden = !asked.length;
  $("fields").replaceChildren(...asked.map((one) => {
    const input = one.kind === "choice"
      ? h("select", {}, new Option(t("choose"), ""), ...one.choices.map((choice) => new Option(choice.name, choice.id)))
      : h("input", { type: { number: "number", boolean: "checkbox" }[one.kind] ?? "text", step: "any" });
    Object.assign(input, { name: `field-${one.id}`, required: one.required && one.kind !== "boolean" });
    if (one.kind === "boolean") input.checked = given[one.id] === "true";
    else input.value = given[one.id] ?? "";
    return h("label", {}, h("span", {}, one.label), input);
  }));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answers = [...$("fields").querySelectorAll("[name]")]
    .map((input) => ({ field: input.name.slice(6), value: input.type === "checkbox" ? String(input.checked) : input.value }))
    .filter((answer) => answer.value);
  const { category, text, address, lat, lon } = form;
  const input = { category: category.value, text: text.value, address: address.value, answers, lat: Number(lat.value), lon: Number(lon.value) };
  const draft = { input, photos: [...photos, ...form.photos.files] };
  photos = [];
  form.reset(); // before it waits for anything: the next report may be begun at once, and is not to be wiped away
  fields();
  try {
    await put("report", draft.input, draft.photos);
    say(t(navigator.onLine ? "saved" : "offline"));
  } catch (fault) { // the device keeps nothing more
    edit(draft);
    say(`${t("failed")}: ${fault.message}`);
  }
});

function edit({ input, photos: kept }) {
  for (const name of ["category", "text", "address", "lat", "lon"]) form[name].value = input[name];
  fields(Object.fromEntries(input.answers.map(({ field, value }) => [field, value])));
  photos = kept;
  form.text.focus();
}

// A draft that was refused may be changed: it is a new one then, with a new key.
async function showOutbox() {
  const waiting = await drafts();
  $("outbox").replaceChildren(...waiting.map((draft) => {
    const away = (then) => () => device("outbox", "delete", draft.key).then(then).then(showOutbox);
    return h("li", {}, h("p", {}, draft.input.text), h("p", {}, draft.refused || t(draft.tries ? "again" : "waits")),
      draft.refused && draft.kind === "report" && h("button", { onclick: away(() => edit(draft)) }, t("edit")),
      draft.refused && h("button", { onclick: away() }, t("drop")));
  }));
}

let turn = 0;
async function showCases() {
  const mine = ++turn;
  const cases = await device("cases", "getAll");
  await Promise.all(cases.map(async (one) => {
    try {
      const { case: seen } = (await ask(CASE, { city: one.city, number: one.number, receipt: one.receipt, language })).city;
      if (mine !== turn) return; // a later look has begun, and what it sees is newer
      Object.assign(one, { seen, city: seen.handedTo ?? one.city }); // another city may go on with it
      await device("cases", "put", one);
    } catch { /* what was seen last is shown */ }
  }));
  if (mine !== turn || $("cases").contains(document.activeElement)) return; // somebody writes an answer
  $("cases").replaceChildren(...cases.map(showCase));
}

function showCase({ number, receipt, city, seen }) {
  const when = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" });
  const asked = seen?.waiting === "citizen" && seen.events.findLast((event) => event.asks);
  const reply = h("textarea", { name: "text", rows: 3, required: true });
  const answer = h("form", {}, h("p", {}, t("asked")), h("label", {}, h("span", {}, t("reply")), reply), h("button", {}, t("answer")));
  answer.onsubmit = async (event) => {
    event.preventDefault();
    answer.remove();
    await put("answer", { city, number, receipt, text: reply.value });
  };
  return h("li", { id: `cases/${number}` }, h("h3", {}, seen?.title ?? number),
    h("p", {}, `${number} · ${seen?.statusName ?? "…"}${seen?.open === false ? ` · ${t("closed")}` : ""}`), h("p", {}, `${t("receipt")}: ${receipt}`),
    ...(seen?.pictures ?? []).map(({ path }) => h("img", { src: API + path, alt: t("photo") })),
    h("ol", {}, ...(seen?.events ?? []).map((event) => h("li", {}, h("p", {},
      [when.format(new Date(event.at)), event.statusName, event.text].filter(Boolean).join(" · "))))),
    asked && answer);
}

$("here").onclick = () => navigator.geolocation.getCurrentPosition(
  ({ coords }) => { form.lat.value = coords.latitude.toFixed(6); form.lon.value = coords.longitude.toFixed(6); },
  () => say(t("nowhere")), { enableHighAccuracy: true, timeout: 20_000 });

$("push").onclick = async () => {
  try {
    const { city: { push } } = await ask(PUSH);
    const worker = await navigator.serviceWorker.ready;
    const options = { userVisibleOnly: true, applicationServerKey: push.applicationServerKey };
    const { endpoint, keys } = (await worker.pushManager.subscribe(options)).toJSON();
    await ask(SUBSCRIBE, { address: endpoint, ...keys, language }, await token());
    say(t("pushed"));
  } catch (fault) { say(`${t("failed")}: ${fault.message}`); }
};

document.documentElement.lang = language;
document.title = t("title");
for (const one of document.querySelectorAll("[data-text]")) one.textContent = t(one.dataset.text);
form.category.onchange = () => fields();
addEventListener("outbox", () => { showOutbox(); showCases(); });
for (const name of ["online", "offline"]) addEventListener(name, connection);
addEventListener("online", load);
document.addEventListener("visibilitychange", () => document.hidden || showCases());
navigator.serviceWorker.addEventListener("message", showCases);
navigator.serviceWorker.register("worker.js");
connection();
load().then(showOutbox).then(showCases).then(() => $(location.hash.slice(1))?.scrollIntoView()).then(() => flush());
