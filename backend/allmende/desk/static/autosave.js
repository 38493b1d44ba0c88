// What is typed is kept: also what was typed before the scripts were there, and later where the line or the session breaks.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const hints = document.getElementById("hints"), form = document.getElementById("writing");
  const state = document.getElementById("keeping");
  if (!state || !window.htmx) return;
  const FIRST = 5_000, LAST = 60_000;  // milliseconds until the next attempt; twice as many after each failure
  let wait = FIRST, timer;

  const say = (name) => {
    if (state.dataset.is === name) return;
    state.dataset.is = name;
    state.textContent = state.dataset[name];
    state.className = name === "on" ? "soft small" : "error";
  };
  const keep = () => {
    clearTimeout(timer);
    htmx.trigger(hints, "again");
  };
  const renew = async () => {  // who has signed in again has forms with another token
    const page = await fetch(location.href).then((answer) => answer.text(), () => "");
    const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("#writing input[name=csrf]");
    if (fresh) for (const old of document.getElementsByName("csrf")) old.value = fresh.value;
  };
  const failed = (event) => {
    const refused = [401, 403].includes(event.detail.xhr.status);
    say(refused ? "refused" : "failed");
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (refused) await renew();
      keep();
    }, wait);
    wait = Math.min(2 * wait, LAST);
  };
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) hints.addEventListener(name, failed);
  hints.addEventListener("htmx:afterSwap", () => {
    clearTimeout(timer);
    wait = FIRST;
    say("on");
  });
  window.addEventListener("online", () => { if (state.dataset.is !== "on") keep(); });

  say("on");
  const changed = (one) => one.type === "checkbox" ? one.checked !== one.defaultChecked
    : one.type === "select-one" ? one.selectedIndex !== Math.max(0, [...one.options].findIndex((it) => it.defaultSelected))
    : one.type !== "file" && one.value !== one.defaultValue;
  if ([...form.elements].some((one) => one.name?.startsWith("f-") && changed(one))) keep();
});
