// Try a text: ask, wait for the answer, and show which words made it.

import { Problem, get, post } from "./api.js";
import { busy, by, h, isBusy, table } from "./dom.js";
import { duration, figure, share } from "./words.js";

/** How deep a part is tinted: five steps, by its weight beside the heaviest. */
const STEPS = 5;

/** Ask what a form says. */
export function install(model) {
  const form = by("try");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(model(), by("text").value, by("explain").checked);
  });
  by("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

async function ask(model, text, explain) {
  const place = by("answer");
  const button = by("try").querySelector("button");
  if (isBusy(button)) return;
  busy(button, true);
  place.setAttribute("aria-busy", "true");
  const begun = performance.now();
  try {
    const prediction = await ended(await post("v1/predictions", { model, input: { text, explain } }, { Prefer: "wait=30" }));
    place.replaceChildren(...answer(prediction, text, (performance.now() - begun) / 1000));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    place.replaceChildren(h("p", { class: "problem", role: "alert" }, error.message));
  } finally {
    busy(button, false);
    place.removeAttribute("aria-busy");
  }
}

/** Read a prediction until it has ended: one that waits long behind others is worth a second question. */
async function ended(prediction) {
  for (let tries = 0; tries < 3 && !prediction.completed_at; tries++) {
    const answer = await get(`v1/predictions/${prediction.id}`);
    prediction = answer.completed_at ? answer : await new Promise((resolve) => setTimeout(resolve, 2000, answer));
  }
  return prediction;
}

function answer(prediction, text, seconds) {
  if (!prediction.completed_at) {
    const hint = "It waits still: is a worker running? The answer will be at ";
    return [h("p", { class: "problem", role: "alert" }, hint, h("code", {}, `/v1/predictions/${prediction.id}`))];
  }
  if (prediction.status !== "succeeded") {
    const words = prediction.error ?? "It was canceled.";
    return [h("p", { class: "problem", role: "alert" }, `No answer: ${words}`)];
  }
  const { label, score, scores, explanation } = prediction.output;
  const { inference_time: model, queue_time: queue } = prediction.metrics ?? {};
  const parts = [queue == null ? null : `${duration(queue)} in the queue`, model == null ? null : `${duration(model)} in the model`];
  const within = parts.filter(Boolean).join(", ");
  return [
    h("output", { class: "verdict", for: "text" }, h("strong", { class: "label", dir: "auto" }, label), ` with ${share(score)}`),
    h("ul", { class: "scores", "aria-label": "Scores" }, scores.map((one) => bar(one.label, one.score))),
    prediction.is_truncated ? h("p", { class: "hint" }, "The text is longer than the model reads: this is about its beginning.") : null,
    ...(explanation ? explained(label, text, explanation) : []),
    h("p", { class: "hint" }, `Version ${prediction.version}, ${duration(seconds)} from here and back${within && `: ${within}`}.`),
  ].filter(Boolean);
}

function bar(label, value) {
  const line = h("span", { class: "bar", "aria-hidden": "true" });
  line.style.setProperty("--share", value);
  return h("li", {}, h("span", { class: "name", dir: "auto" }, label), line, h("span", { class: "value" }, share(value)));
}

/** Show a text with its parts tinted; offsets count characters, not the halves of them that JavaScript counts. */
function explained(label, text, parts) {
  const characters = [...text];
  const cut = (start, end) => characters.slice(start, end).join("");
  const heaviest = Math.max(...parts.map((part) => Math.abs(part.weight)), Number.MIN_VALUE);
  const pieces = [];
  let place = 0;
  for (const part of [...parts].sort((one, other) => one.start - other.start)) {
    const step = Math.round((STEPS * Math.abs(part.weight)) / heaviest);
    if (part.start < place || step === 0) continue;
    const side = part.weight > 0 ? "for" : "against";
    pieces.push(cut(place, part.start), h("mark", { class: `${side} step${step}` }, cut(part.start, part.end)));
    place = part.end;
  }
  pieces.push(cut(place));
  const strongest = [...parts].sort((one, other) => Math.abs(other.weight) - Math.abs(one.weight)).slice(0, 30);
  return [
    h("p", { class: "explained", dir: "auto" }, pieces),
    h("p", { class: "legend" },
      h("span", {}, h("mark", { class: "for step4" }, "underlined"), " speaks for ", h("b", { dir: "auto" }, label)),
      h("span", {}, h("mark", { class: "against step4" }, "dotted"), " speaks against it"),
      h("span", {}, "deeper means more"),
    ),
    h("details", {}, h("summary", {}, "Words and their weights"),
      table("Words and their weights", ["word", "speaks", "weight"],
        strongest.map((part) => [h("bdi", {}, cut(part.start, part.end)), part.weight > 0 ? "for" : "against", figure(part.weight)]))),
  ];
}
