// Versions of the model with what the gate said, and moving the champion, which is asked twice.

import { Problem, get, post } from "./api.js";
import { by, empty, h, show, table } from "./dom.js";
import { share, when } from "./words.js";

const SHOWN = 30;
const AGAIN_MS = 1000;
const PROMOTE = "Promote";
const OPEN = ["queued", "started"];

/** Ask for a model's versions and show them; `mayMove` says whether whoever reads this may promote. */
export async function versions(model, mayMove) {
  try {
    const { results } = await get(`v1/models/barometer/${encodeURIComponent(model)}/versions`);
    const hasPrevious = results.some((version) => version.aliases.includes("previous"));
    show(by("versions"), [model, results, mayMove], () => (results.length
      ? table(`Versions of ${model}`, ["version", "serves as", "gate", "move", "accuracy", "held by", "made"],
        results.slice(0, SHOWN).map((version) => row(model, version, mayMove, hasPrevious)))
      : empty("Nothing yet: train one with 'python -m trainer train tfidf --data FILE'.")));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(by("versions"), error.message, () => empty(error.message));
  }
}

function row(model, version, mayMove, hasPrevious) {
  const { id, aliases, gate, metrics, created_at: made, served_by: held } = version;
  const isChampion = aliases.includes("champion");
  return [
    id,
    aliases.length ? aliases.map((alias) => h("span", { class: alias === "champion" ? "badge good" : "badge" }, alias)) : "–",
    gate ? h("details", { "data-open": `gate ${id}` }, h("summary", { class: gate.verdict === "passed" ? "" : "problem" }, gate.verdict), h("ul", { class: "reasons" }, gate.reasons.map((reason) => h("li", {}, reason)))) : "not judged",
    mayMove && !isChampion && gate?.verdict === "passed" ? mover(PROMOTE, model, version, `Version ${id} of ${model} will answer, and the champion becomes the previous version. Workers change over without a stop.`)
      : mayMove && isChampion && hasPrevious ? mover("Roll back", model, version, `Version ${id} of ${model} will answer no more, and the previous version serves again.`) : "–",
    share(metrics.accuracy),
    held ? `${held} worker${held > 1 ? "s" : ""}` : "–",
    when(made),
  ];
}

function mover(name, model, version, words) {
  return h("button", { type: "button", class: "small", "data-focus": `${name} ${version.id}`, "aria-label": `${name} version ${version.id}`,
    onclick: async () => (await confirmed(name, words)) && move(name, model, version.id) }, name);
}

/** Ask a person; return whether the answer was yes. */
function confirmed(name, words) {
  const dialog = by("ask-dialog");
  by("ask-title").textContent = `${name}?`;
  by("ask-words").textContent = words;
  by("ask-yes").textContent = name;
  by("ask-untried").hidden = name !== PROMOTE;
  by("ask-why").value = "";
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
    by("ask-no").focus();
  });
}

export function install() {
  by("ask-no").addEventListener("click", () => by("ask-dialog").close("no"));
  by("ask-yes").addEventListener("click", () => by("ask-dialog").close("yes"));
}

/** Ask the trainer, and follow what becomes of it. */
async function move(name, model, version) {
  const place = by("moved");
  place.hidden = false;
  place.textContent = `${name} version ${version}: asked.`;
  try {
    const [what, why] = name === PROMOTE ? ["promote", by("ask-why").value.trim()] : ["rollback", ""];
    let job = await post(`v1/models/barometer/${encodeURIComponent(model)}/${what}`, why ? { version, without_shadow: why } : { version });
    for (;;) {
      place.textContent = `${name} version ${version}: ${job.said}`;
      if (!OPEN.includes(job.status)) break;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      job = await get(`v1/trainings/${job.id}`);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    place.textContent = `${name} version ${version}: ${error.message}`;
  }
  await versions(model, true);
}
