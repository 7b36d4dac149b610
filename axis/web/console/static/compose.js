// What the page of a draft gains from a script: it saves by itself, buttons change only their part of the page, files
// show how far they have come. Everything else works without it.
"use strict";

const form = document.getElementById("compose");
const QUIET_MS = 1500; // after the last key
const KEPT = `draft:${form.action}`;
const PARTS = ["state", "receivers", "files", "send", "checks"];
let timer = 0;
let busy = Promise.resolve();
let changed = false;
let ended = false;
let cut = false; // an upload that did not arrive; the files are still chosen

function say(text, link) {
  const lines = document.getElementById("lines");
  lines.replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.className = "told bad";
  line.append(text);
  if (link) {
    const a = document.createElement("a");
    a.href = `/login?next=${encodeURIComponent(location.pathname)}`;
    a.textContent = ` ${form.dataset.login}`;
    line.append(a);
  }
  lines.append(line);
}

// What was typed and may not be saved stays in this browser's tab until it is.
function keep() {
  const texts = {};
  for (const field of form.querySelectorAll("#document [name], #sender")) texts[field.name] = field.value;
  sessionStorage.setItem(KEPT, JSON.stringify(texts));
}

function restore() {
  const kept = sessionStorage.getItem(KEPT);
  if (!kept) return;
  sessionStorage.removeItem(KEPT);
  for (const [name, value] of Object.entries(JSON.parse(kept))) {
    const field = form.elements.namedItem(name);
    if (field && "value" in field && field.value !== value && !field.readOnly) {
      field.value = value;
      changed = true;
    }
  }
  if (changed) soon();
}

// Parts of the page become what the server says, but for the one in which somebody is writing.
function show(html, parts) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const id of parts) {
    const old = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (!old || !fresh) continue;
    const focus = document.activeElement;
    const name = old.contains(focus) ? [focus.name, focus.value] : null;
    const node = document.adoptNode(fresh);
    for (const details of node.querySelectorAll("details")) details.open ||= old.querySelector("details")?.open;
    old.replaceWith(node);
    if (name && name[0]) {
      const again = [...node.querySelectorAll(`[name="${CSS.escape(name[0])}"]`)];
      (again.find((one) => one.value === name[1]) || again[0] || node.querySelector("input, button"))?.focus({ preventScroll: true });
    }
  }
  const wrong = page.querySelectorAll("#document .wrong");
  for (const line of form.querySelectorAll("#document .wrong")) line.remove();
  for (const field of form.querySelectorAll("#document [aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const line of wrong) {
    const field = document.getElementById(line.id.replace(/-problem$/, ""));
    if (!field) continue;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", line.id);
    field.after(document.adoptNode(line));
  }
}

function send(data, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    if (onProgress) request.upload.addEventListener("progress", onProgress);
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", reject);
    request.addEventListener("abort", reject);
    request.send(data);
  });
}

async function post(button, parts, onProgress) {
  clearTimeout(timer);
  changed = false;
  const data = new FormData(form);
  if (!onProgress) data.delete("files");
  if (button) data.append(button.name, button.value);
  document.getElementById("saved").textContent = form.dataset.saving;
  let answer;
  try {
    answer = await send(data, onProgress);
  } catch {
    changed = true;
    cut = cut || Boolean(onProgress);
    keep();
    say(form.dataset.lost);
    timer = setTimeout(again, 10000);
    return;
  }
  const path = new URL(answer.responseURL).pathname;
  if (path === "/login" || answer.status === 403) {
    ended = true;
    keep();
    say(form.dataset.ended, true);
    return;
  }
  if (path !== location.pathname) {
    location.assign(answer.responseURL);
    return;
  }
  say("");
  sessionStorage.removeItem(KEPT);
  const typing = changed; // while it was under way
  show(answer.responseText, answer.status === 409 ? ["state"] : parts);
  if (answer.status === 409) ended = true; // the next save is for a person to decide
  else if (typing || cut) soon();
}

function run(button, parts = ["state", "checks", "send"], onProgress = null) {
  busy = busy.then(() => post(button, parts, onProgress));
  return busy;
}

function soon() {
  clearTimeout(timer);
  if (!ended) timer = setTimeout(again, QUIET_MS);
}

// The node keeps a file that comes twice once.
function again() {
  if (cut) upload();
  else run(null);
}

form.addEventListener("input", (event) => {
  if (["q", "pick", "code", "list_name", "files"].includes(event.target.name)) return;
  changed = true;
  if (ended) keep();
  soon();
});

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || button.formAction.endsWith("/discard")) return;
  if (button.name === "send" || ended) return; // the whole page answers
  event.preventDefault();
  if (button.name === "upload" || document.getElementById("upload").files.length) upload();
  else run(button, PARTS);
});

function upload() {
  const input = document.getElementById("upload");
  cut = false;
  const large = [...input.files].filter((file) => file.size > Number(form.dataset.most)).map((file) => file.name);
  if (large.length) {
    say(`${form.dataset.large} ${large.join(", ")}`);
    input.value = "";
    return;
  }
  if (!input.files.length) return;
  const bar = document.getElementById("progress");
  bar.hidden = false;
  run({ name: "upload", value: "1" }, PARTS, (event) => {
    if (event.lengthComputable) bar.value = Math.round((event.loaded / event.total) * 100);
  });
}

form.addEventListener("change", (event) => {
  if (event.target.id === "upload") upload();
});
for (const kind of ["dragover", "drop"]) {
  form.addEventListener(kind, (event) => {
    if (!event.target.closest("#files") || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (kind !== "drop") return;
    document.getElementById("upload").files = event.dataTransfer.files;
    upload();
  });
}

restore();
