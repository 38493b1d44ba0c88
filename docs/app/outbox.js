// What waits on the device until it is sent (outbox), what is kept of it then (cases: numbers with their receipts), and
// what the app needs without a connection (kept: the device's token, what can be reported).
import { API, CITY } from "./config.js";

const LATER = ["RATE_LIMITED", "OVERLOADED", "FILES_FULL", "DEADLINE", "INTERNAL", "MODULE_OFF", "BODY_TIMEOUT",
  "PLUGIN_TIMEOUT", "PLUGIN_FAILED", "PLUGIN_UNAVAILABLE", "UNAUTHENTICATED", "FILE_UNKNOWN"];
const LONGEST = 300_000;
const DOING = {
  report: "mutation($input: ReportsCreateInput!) { done: reportsCreate(input: $input) { number receipt } }",
  answer: "mutation($input: CaseAnswerInput!) { done: caseAnswer(input: $input) { number } }",
};

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("allmende", 1);
  request.onupgradeneeded = () => {
    for (const [store, keyPath] of [["outbox", "key"], ["cases", "number"], ["kept", "name"]])
      request.result.createObjectStore(store, { keyPath });
  };
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export async function device(store, does, ...what) {
  const transaction = (await opened).transaction(store, "readwrite", { durability: "strict" });
  const request = transaction.objectStore(store)[does](...what);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

// An error that the server has answered. Everything else (no connection, no JSON) is worth another try.
export class Fault extends Error {
  constructor({ message, extensions }, after) {
    super(message);
    Object.assign(this, { code: extensions?.code, after, later: LATER.includes(extensions?.code) });
  }
}

async function post(path, body, headers) {
  const response = await fetch(API + path, { method: "POST", body, headers, signal: AbortSignal.timeout(60_000) });
  const answer = await response.json();
  if (answer.errors) throw new Fault(answer.errors[0], Number(response.headers.get("Retry-After")));
  return answer;
}

export async function ask(query, variables, token) {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  return (await post("/graphql", JSON.stringify({ query, variables: { city: CITY, ...variables } }), headers)).data;
}

// Who the city takes this device for: made once, so that pushes reach whoever has filed the report.
export async function token() {
  const known = await device("kept", "get", "token");
  if (known) return known.value;
  const { made } = await ask("mutation($city: String!) { made: accountRegisterDevice(input: { city: $city }) { token } }");
  await device("kept", "put", { name: "token", value: made.token });
  return made.token;
}

export const drafts = async () => (await device("outbox", "getAll")).sort((one, other) => one.at - other.at);

// The key is made here, once for each draft; every try is sent with it, so that the server does it once.
export async function put(kind, input, photos = []) {
  const draft = { key: crypto.randomUUID(), at: Date.now(), kind, input, photos, tries: 0, next: 0, refused: "" };
  await device("outbox", "put", draft);
  await navigator.storage?.persist?.();
  flush();
}

async function send({ key, kind, input, photos }) {
  const files = [];
  for (const [n, photo] of photos.entries()) {
    const headers = { "Content-Type": photo.type, "Idempotency-Key": `${key}-${n}` };
    files.push((await post(`/${CITY}/files`, photo, headers)).id);
  }
  const given = { city: CITY, ...input, idempotencyKey: key, [kind === "report" ? "photos" : "files"]: files };
  const mine = given.city === CITY ? await token() : undefined; // a case that another city has now needs its receipt alone
  const { done } = await ask(DOING[kind], { input: given }, mine);
  if (kind === "report") await device("cases", "put", { ...done, city: CITY });
  await device("outbox", "delete", key); // last: whoever stops before it sends again, and gets the same answer
}

async function attempt(draft) {
  try {
    await send(draft);
  } catch (fault) {
    if (fault.code === "UNAUTHENTICATED") await device("kept", "delete", "token");
    draft.refused = fault instanceof Fault && !fault.later ? fault.message : "";
    draft.tries += 1;
    const pause = Math.min(LONGEST, 1000 * 2 ** draft.tries) * (0.5 + Math.random() / 2);
    draft.next = Date.now() + Math.max(pause, (fault.after || 0) * 1000);
    await device("outbox", "put", draft);
  }
  dispatchEvent(new Event("outbox"));
}

// Send what is due, in one tab at a time; then look again when the next one is.
let timer;
export function flush(now = Date.now()) {
  clearTimeout(timer);
  return navigator.locks.request("outbox", async () => {
    for (const draft of await drafts())
      if (!draft.refused && draft.next <= now && navigator.onLine) await attempt(draft);
    const next = (await drafts()).filter((draft) => !draft.refused).map((draft) => draft.next);
    clearTimeout(timer);
    if (next.length && navigator.onLine) timer = setTimeout(flush, Math.max(500, Math.min(...next) - Date.now()));
    dispatchEvent(new Event("outbox"));
  });
}
addEventListener("online", () => flush(Infinity));
