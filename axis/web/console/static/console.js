// What the pages gain from a script: they update by themselves, codes have a copy button, "/" goes to the search.
// Everything else works without it.
"use strict";

const said = document.getElementById("said").dataset; // what this script says, in the page's language

const EVERY_MS = 4000;
const AT_MOST_MS = 60000;

// ── Copy ────────────────────────────────────────────────────────────────────
function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const code of root.querySelectorAll("code[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = said.copying;
    button.setAttribute("aria-label", `${said.copying} ${code.textContent}`);
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      await navigator.clipboard.writeText(code.dataset.copy || code.textContent);
      button.textContent = said.copied;
      setTimeout(() => { button.textContent = said.copying; }, 1500);
    });
    code.after(button);
  }
}

// ── Live updates ────────────────────────────────────────────────────────────
const known = new Map(); // region id → its HTML as the server last sent it
let tag = "";
let paused = false;
let waitMs = EVERY_MS;

function itemsOf(region) {
  return new Map([...region.querySelectorAll("[data-item][id]")].map((item) => [item.id, item.innerHTML]));
}

function replaceRegion(old, fresh) {
  const open = new Map([...old.querySelectorAll("details[id]")].map((details) => [details.id, details.open]));
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const before = itemsOf(new DOMParser().parseFromString(known.get(old.id), "text/html"));
  known.set(old.id, fresh.innerHTML);
  const node = document.adoptNode(fresh);
  for (const [id, html] of itemsOf(node)) {
    if (before.get(id) !== html) node.querySelector(`#${CSS.escape(id)}`).classList.add("fresh");
  }
  for (const details of node.querySelectorAll("details[id]")) {
    if (open.has(details.id)) details.open = open.get(details.id);
  }
  old.replaceWith(node);
  addCopyButtons(node);
  if (!focused) return;
  const link = focused.getAttribute("href");
  const holder = focused.closest("[id]");
  const again = (link && node.querySelector(`a[href="${CSS.escape(link)}"]`))
    || (holder && node.querySelector(`#${CSS.escape(holder.id)} > summary`));
  if (again) again.focus({ preventScroll: true });
}

// Whoever has scrolled down reads on where he was: what is replaced above the line must not push it away.
function readLine() {
  if (scrollY === 0) return null;
  const lines = [...document.querySelectorAll("main [data-item][id], main [data-live]:not(:has([data-item]))")];
  const line = lines.find((one) => one.getBoundingClientRect().bottom > 0);
  return line ? { id: line.id, top: line.getBoundingClientRect().top } : null;
}

function readOn(line) {
  const again = line && document.getElementById(line.id);
  if (again) scrollBy({ top: again.getBoundingClientRect().top - line.top, behavior: "instant" });
}

async function look() {
  const headers = { Accept: "text/html", "X-Live": "1" };
  if (tag) headers["If-None-Match"] = tag;
  const answer = await fetch(location.href, { headers, cache: "no-store", credentials: "same-origin" });
  if (answer.redirected) { // the session has ended
    location.reload();
    return;
  }
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(String(answer.status));
  tag = answer.headers.get("ETag") || "";
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const line = readLine();
  let changed = false;
  for (const region of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(region.id);
    if (!fresh || fresh.innerHTML === known.get(region.id)) continue;
    replaceRegion(region, fresh);
    changed = true;
  }
  if (changed) {
    readOn(line);
    const now = new Date().toLocaleTimeString(document.documentElement.lang, { timeZone: "Asia/Ho_Chi_Minh" });
    document.getElementById("live-note").textContent = said.updated.replace("{time}", now);
  }
}

let looking = false;
let stale = false; // something has changed while nobody could look

async function lookAgain() {
  // What is selected would be lost with its region; a hidden page looks when it is seen again.
  if (paused || document.hidden || String(getSelection()) || looking) {
    stale = true;
    return;
  }
  looking = true;
  stale = false;
  const begun = performance.now();
  try {
    await look();
    waitMs = Math.max(EVERY_MS, 20 * (performance.now() - begun)); // a page that is slow to make is asked for less
  } catch {
    waitMs = Math.min(waitMs * 2, AT_MOST_MS);
  }
  looking = false;
}

// The node tells when it is worth looking; where it cannot, the page looks by itself every few seconds.
let events = null;
let told = false;

function listen() {
  if (events || document.hidden || !window.EventSource) return;
  const shown = location.pathname.match(/^\/documents\/([0-9A-Z]{26})/);
  events = new EventSource(shown ? `/live/${shown[1]}` : "/live");
  events.addEventListener("ready", () => { told = true; });
  events.addEventListener("changed", lookAgain);
  events.addEventListener("ended", () => location.reload());
  events.addEventListener("error", () => { told = false; });
}

function hush() { // a hidden page holds no connection: browsers have few for one host
  if (events) events.close();
  events = null;
  told = false;
}

document.addEventListener("visibilitychange", () => {
  if (!document.querySelector("[data-live]")) return;
  if (document.hidden) {
    hush();
  } else {
    listen();
    lookAgain();
  }
});

let lastMs = performance.now();

async function watch() {
  const now = performance.now();
  if (stale || now - lastMs >= (told ? AT_MOST_MS : waitMs)) {
    lastMs = now;
    await lookAgain();
  }
  setTimeout(watch, 1000);
}

// The head's row of pages is longer than a telephone is wide: the one that is open is in sight.
function showPlace() {
  const here = document.querySelector(".places a[aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 24;
}

function startLive() {
  const regions = document.querySelectorAll("[data-live]");
  if (!regions.length) return;
  for (const region of regions) known.set(region.id, region.innerHTML);
  const note = document.createElement("p");
  note.id = "live-note";
  note.className = "unseen";
  note.setAttribute("role", "status");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet live";
  button.textContent = said.alive;
  button.title = said.pause;
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? said.paused : said.alive;
  });
  document.body.append(note);
  document.getElementById("account").prepend(button);
  addEventListener("pagehide", hush);
  addEventListener("pageshow", listen);
  listen();
  watch();
}

// ── Keyboard ────────────────────────────────────────────────────────────────
let before = ""; // the key before this one, when it was "g"

function move(step) {
  const links = [...document.querySelectorAll(".rows .row a, .rows .row h2 a")].filter((link) => link.offsetParent);
  const firsts = links.filter((link, place) => links.findIndex((other) => other.closest(".row") === link.closest(".row")) === place);
  if (!firsts.length) return;
  const row = document.activeElement.closest(".row");
  const place = firsts.findIndex((link) => link.closest(".row") === row);
  const next = place < 0 ? (step > 0 ? 0 : firsts.length - 1) : Math.min(Math.max(place + step, 0), firsts.length - 1);
  firsts[next].focus();
  firsts[next].scrollIntoView({ block: "nearest" });
}

function go(path) {
  const link = document.querySelector(`.places a[href="${path}"]`);
  if (link) link.click();
}

const KEYS = {
  "/": () => {
    const search = document.getElementById("q");
    if (search) { search.focus(); search.select(); }
  },
  "?": () => {
    const keys = document.getElementById("keys");
    if (keys && !keys.open) keys.showModal();
  },
  j: () => move(1),
  k: () => move(-1),
  gh: () => go("/"),
  gi: () => go("/inbox"),
  go: () => go("/outbox"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Shift") return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || document.querySelector("dialog[open]")) return;
  const action = KEYS[before + event.key] || (before ? null : KEYS[event.key]);
  before = event.key === "g" && !before ? "g" : "";
  if (!action) return;
  event.preventDefault();
  action();
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

showPlace();
startLive();
addCopyButtons(document);
