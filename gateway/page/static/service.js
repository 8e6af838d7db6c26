// The machinery: queues, workers, webhooks.

import { Problem, get } from "./api.js";
import { by, empty, h, show, table } from "./dom.js";
import { count, duration, when } from "./words.js";

/** Attempts in a log that are counted. */
const ATTEMPTS = 100;

/** Show queues and workers of all models. */
export function queue(present) {
  const rows = present.models.flatMap((model) => model.queues
    .filter((each) => each.waiting || each.lane === "default")
    .map((each) => [model.name, each.lane, count(each.waiting), each.waiting ? duration(each.oldest_s) : "–"]));
  const workers = present.models.map((model) => [model.name, model.workers]);
  show(by("queue"), [rows, workers, present.trainers], () => [
    table("Queues", ["model", "lane", "waiting", "oldest"], rows),
    h("ul", { class: "plain" }, workers.map(([name, held]) => h("li", {}, `${name}: `, held.length
      ? held.map((each, place) => `${place ? ", " : ""}${count(each.count)} with version ${each.version}`).join("")
      : h("b", { class: "problem" }, "no worker holds it; start one with 'python -m worker'")))),
    h("p", { class: "hint" }, present.trainers ? `${count(present.trainers)} trainer${present.trainers > 1 ? "s" : ""} at hand.` : "No trainer runs: promotions and trainings wait for 'python -m trainer work'."),
  ]);
}

/** Show what waits in the outbox. */
export function webhooks({ waiting, due, failing }) {
  show(by("webhooks"), [waiting, due, failing], () => h("p", {}, h("b", { class: "big" }, count(waiting)), ` to be delivered, ${count(due)} of them due now`, failing ? [", ", h("b", { class: "problem" }, `${count(failing)}${failing === 100 ? " or more" : ""} tried in vain so far`)] : "", "."));
}

/** Ask for one's own endpoints and what was delivered to them, and show it. */
export async function endpoints() {
  try {
    const own = (await get("v1/webhook-endpoints")).results;
    const all = [{ id: "default", url: "URLs that came with requests", enabled: true }, ...own.slice(0, 9)];
    const rows = await Promise.all(all.map(async (one) => {
      const attempts = (await get(`v1/webhook-endpoints/${one.id}/deliveries?limit=${ATTEMPTS}`)).results;
      const delivered = attempts.filter((attempt) => attempt.delivered).length;
      return [one.url, one.enabled ? "enabled" : `disabled ${when(one.disabled_at)}: ${one.disabled_reason ?? "by you"}`, count(delivered), count(attempts.length - delivered), one.enabled];
    }));
    const used = rows.filter((row, place) => place || row[2] !== "0" || row[3] !== "0");
    show(by("endpoints"), used, () => (used.length
      ? [table("Receivers", ["receiver", "state", "delivered", "failed"], used.map(([url, state, delivered, failed, isOn]) => [h("span", { class: "url" }, url), isOn ? state : h("span", { class: "badge bad" }, state), delivered, failed])),
        h("p", { class: "hint" }, `Yours, and of the newest ${ATTEMPTS} attempts each${own.length > 9 ? ", nine endpoints" : ""}.`)]
      : empty("No receiver yet: name one with a request, or make an endpoint with POST /v1/webhook-endpoints.")));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(by("endpoints"), error.message, () => empty(error.message));
  }
}

