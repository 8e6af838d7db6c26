// The page: what is heard from the service is kept here, and given to the parts that show it.

import * as alerts from "./alerts.js";
import { Problem, get, key } from "./api.js";
import { by, h } from "./dom.js";
import { follow, state } from "./live.js";
import * as quality from "./quality.js";
import * as service from "./service.js";
import * as traffic from "./traffic.js";
import * as trying from "./trying.js";
import * as versions from "./versions.js";

/** What no stream tells is asked for so often, while somebody looks. */
const ASK_MS = 15_000;

const told = { present: null, history: null, heardAt: 0 };
let mayMove = false;
let held = "";

const model = () => by("model").value;
/** The service's time, in seconds: this machine's clock may be another. */
const now = () => told.present.at + (performance.now() - told.heardAt) / 1000;

function heard({ event, data }) {
  if (event === "away") {
    state("away", "Redis is away. What you see is how it was before.");
    return;
  }
  if (event === "history") {
    told.history = data;
    charts();
    return;
  }
  if (event !== "present") return;
  const isFirst = told.present === null;
  Object.assign(told, { present: data, heardAt: performance.now() });
  choose(data.models.map((one) => one.name));
  mayMove = true;
  by("figures").hidden = false;
  const isPast = !data.monitoring.is_present;
  state(isPast ? "past" : "live", isPast ? "Live, but monitoring is away" : "Live");
  notice(isPast ? (data.monitoring.at ? "Monitoring is away: charts, quality and drift are as it told them last." : "Monitoring has told nothing yet: charts come with it ('python -m monitoring').") : "");
  show();
  const workers = JSON.stringify(data.models.map((one) => [one.name, one.workers]));
  if (held !== workers) {
    held = workers;
    versions.versions(model(), mayMove);
  }
  if (isFirst) service.endpoints();
}

function mine() {
  const found = told.history?.models?.[model()];
  return { ...found, name: model() };
}

/** Show what may change with each second. */
function show() {
  if (!told.present) return;
  traffic.tiles(mine(), told.present);
  alerts.windows(told.history?.windows, model(), now());
  alerts.alerts(told.present.alerts);
  service.queue(told.present);
  service.webhooks(told.present.webhooks);
}

/** Show what changes when monitoring tells something new. */
function charts() {
  // Up to then the figures are whole; while the database is away it stands still.
  traffic.update(mine(), told.history?.history_at ?? told.history?.at ?? 0);
  quality.update(mine());
  show();
}

function choose(names) {
  const select = by("model");
  if ([...select.options].map((option) => option.value).join() === names.join()) return;
  select.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
  select.disabled = false;
}

function notice(words) {
  by("notice").hidden = !words;
  by("notice").textContent = words;
}

async function ask() {
  if (document.hidden || by("figures").hidden || !told.present) return;
  await Promise.all([service.endpoints(), versions.versions(model(), mayMove)]);
}

/** Follow the service; where a key is needed or is not good enough, say so. */
async function run() {
  state("connecting", "Connecting");
  by("figures").hidden = false;
  const refusal = await follow(heard);
  if (refusal.status === 403) await limited();
  else askForKey(key.get() ? refusal.message : "");
}

/** A key without the scope `admin`: texts can be tried, figures of the whole service are not for it. */
async function limited() {
  mayMove = false;
  by("figures").hidden = true;
  by("change-key").hidden = false;
  state("limited", "Connected");
  notice("Figures of the whole service need a key with the scope admin; with this one you can try texts.");
  try {
    choose((await get("v1/models")).results.map((one) => one.name));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The default model answers where none is named.
    choose([""]);
    by("model").options[0].textContent = "default";
  }
}

function askForKey(problem) {
  state("locked", "A key is needed");
  by("figures").hidden = true;
  by("change-key").hidden = false;
  by("key-problem").hidden = !problem;
  by("key-problem").textContent = problem;
  if (!by("key-dialog").open) by("key-dialog").showModal();
  by("key").focus();
}

by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(by("key").value.trim());
  by("key").value = "";
  by("key-dialog").close();
  run();
});
by("change-key").addEventListener("click", () => askForKey(""));
by("model").addEventListener("change", () => {
  charts();
  versions.versions(model(), mayMove);
});

trying.install(() => model() || undefined);
versions.install();
traffic.install();
charts();
setInterval(show, 1000);
setInterval(ask, ASK_MS);
document.addEventListener("visibilitychange", ask);
run();
