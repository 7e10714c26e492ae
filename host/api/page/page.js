// The plain page of set-up and status. It asks the API what there is and shows one of three states:
// a form (the set-up link was opened), a hint (nobody has claimed the installation), or nothing but the status.
"use strict";

const element = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("setup");

const countries =
  "AE AR AT AU BD BE BG BR CA CH CL CN CO CR CY CZ DE DK DO DZ EC EE EG ES FI FR GB GE GH GR GT HK HR HU ID IE IL IN IS " +
  "IT JM JO JP KE KR KW KZ LB LI LK LT LU LV MA MC MD ME MK MT MU MX MY NG NL NO NP NZ OM PA PE PH PK PL PR PT PY QA RO " +
  "RS SA SE SG SI SK SN SV TH TN TR TW TZ UA UG US UY UZ VE VN ZA ZM ZW";

async function ask(path, options) {
  const response = await fetch(path, options);
  const body = await response.json().catch(() => ({}));
  return { status: response.status, body };
}

async function begin() {
  const setup = await ask("api/v1/setup");
  if (setup.status === 200) {
    element(token ? "claim" : "waiting").hidden = false;
    element("next").hidden = true;
    if (token) prepare();
  }
  await Promise.all([health(), addresses()]);
  setInterval(health, 5000);
}

async function health() {
  const sign = element("health");
  try {
    const { body } = await ask("readyz");
    sign.className = body.ready ? "health good" : "health bad";
    sign.textContent = body.ready ? "Ready for calls" : body.draining ? "Shutting down" : "Not ready";
    element("parts-part").hidden = !body.parts.length;
    element("parts").replaceChildren(...body.parts.map(part));
  } catch {
    sign.className = "health bad";
    sign.textContent = "No answer from the server";
  }
}

function part({ name, ok, detail }) {
  const item = document.createElement("li");
  item.className = ok ? "" : "bad";
  const mark = document.createElement("b");
  mark.textContent = ok ? "✓" : "✗";
  const what = document.createElement("span");
  what.textContent = name;
  const how = document.createElement("span");
  how.textContent = detail;
  item.append(mark, what, how);
  return item;
}

async function addresses() {
  const { body } = await ask("api/v1/media-resources");
  const ports = (list) => list.map((p) => `${p.transport} ${p.first === p.last ? p.first : `${p.first}–${p.last}`}`);
  const rows = [];
  for (const [title, kind] of [["SIP", "sbcs"], ["Audio", "mediaservers"]]) {
    for (const server of body[kind] ?? []) {
      const ips = server.ips.length ? server.ips.join(", ") : "every address of this machine";
      rows.push([title, `${ips} · ${ports(server.ports).join(", ")}`]);
    }
  }
  element("addresses").replaceChildren(...rows.flatMap(([title, text]) => {
    const term = document.createElement("dt");
    term.textContent = title;
    const value = document.createElement("dd");
    value.textContent = text;
    return [term, value];
  }));
}

function prepare() {
  const names = new Intl.DisplayNames(["en"], { type: "region" });
  const list = countries.split(" ").map((code) => [code, names.of(code)]).sort((a, b) => a[1].localeCompare(b[1]));
  const select = element("country");
  select.append(new Option("Not yet", ""));
  for (const [code, name] of list) select.append(new Option(name, code));
  const guess = navigator.languages.map((l) => l.split("-").at(-1)).find((r) => r.length === 2 && r === r.toUpperCase());
  if (guess && countries.includes(guess)) select.value = guess;
  element("form").addEventListener("submit", claim);
  element("name").focus();
}

async function claim(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  faults({});
  const wanted = { token, name: form.name.value, password: form.password.value, country: form.country.value || null };
  try {
    const { status, body } = await ask("api/v1/setup", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(wanted),
    });
    if (status === 201) welcome(body);
    else refuse(body);
  } catch {
    element("form-fault").textContent = "No answer from the server. Try again.";
  } finally {
    button.disabled = false;
  }
}

function refuse(problem) {
  const found = {};
  for (const { pointer, message } of problem.errors ?? []) found[pointer.slice(1)] ??= message;
  faults(found);
  const shown = ["name", "password", "country"].some((field) => found[field]);
  if (!shown) element("form-fault").textContent = `${problem.title}. ${problem.detail}`;
}

function faults(found) {
  element("form-fault").textContent = "";
  for (const field of ["name", "password", "country"]) {
    element(`${field}-fault`).textContent = found[field] ?? "";
    element(field).setAttribute("aria-invalid", String(field in found));
  }
}

function welcome({ name, key }) {
  history.replaceState(null, "", location.pathname);
  element("claim").hidden = true;
  element("claimed").hidden = false;
  element("owner").textContent = name;
  element("key").textContent = key;
  const phone = JSON.stringify({ kind: "device", name: "Desk", user: "101", password: "change-me-please" });
  element("curl").textContent =
    `curl ${location.origin}/api/v1/connections \\\n  -H 'Authorization: Bearer ${key}' \\\n  -d '${phone}'`;
  element("copy").addEventListener("click", () => copy(key));
  element("key").focus();
}

// The clipboard exists on secure pages only; elsewhere the key is selected, ready for the keyboard.
async function copy(key) {
  try {
    await navigator.clipboard.writeText(key);
    element("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(element("key"));
    element("copy").textContent = "Selected";
  }
}

addEventListener("hashchange", () => location.reload());
begin();
