// The window of negative answers against its threshold, and alerts: the open ones first.

import { Problem, post } from "./api.js";
import { busy, by, empty, h, isBusy, show } from "./dom.js";
import { count, countdown, duration, figure, subject, when } from "./words.js";

/** Of a window's answers, those that are listed one by one. */
const LISTED = 12;

/** Ids of alerts that were there before; null until the first look. */
let known = null;

/** Show the windows of what is counted; `now` is the service's time. */
export function windows(all, model, now) {
  const mine = (all ?? []).filter(({ subject: about }) => ["", "*", model].includes(about) || about.startsWith(`${model}:`));
  const current = mine.map((one) => ({ ...one, left: one.times.map((at) => at + one.window_s - now).filter((left) => left > 0) }));
  show(by("windows"), current, () => (current.length ? current.map(windowed) : empty("None lately. More than the threshold within the window raise an alert.")));
}

function windowed(one) {
  // What fell out since monitoring looked counts no more; beyond the times that it lists, its count is all we know.
  const held = one.count > one.times.length ? one.count : one.left.length;
  const room = one.limit - held;
  const line = h("div", { class: `gauge ${room < 0 ? "over" : room === 0 ? "full" : ""}`, "aria-hidden": "true" });
  for (let place = 0; place <= Math.min(one.limit, 30); place++) line.append(h("span", { class: place < held ? "on" : "" }));
  const words = room < 0 ? "Over the threshold: an alert is raised." : room === 0 ? "One more raises an alert." : `${room + 1} more raise an alert.`;
  const times = one.left.slice(0, LISTED);
  return h(
    "div", { class: "window" },
    h("p", {}, h("b", { class: "big" }, count(held)), ` in ${duration(one.window_s)}, ${count(one.limit)} allowed `, h("span", { class: "about" }, `(${subject(one.subject)})`)),
    line,
    h("p", {}, words),
    times.length ? h("p", { class: "hint" }, "They fall out in ", times.map((left, place) => [place ? ", " : "", h("span", { class: "time" }, countdown(left))]), one.left.length > LISTED ? " and later." : ".") : null,
  );
}

/** Show alerts, and tell of those that are new to people who cannot see them come. */
export function alerts(all) {
  const sorted = [...all].sort((one, other) => (one.status === "firing" ? 0 : 1) - (other.status === "firing" ? 0 : 1) || other.fired_at.localeCompare(one.fired_at));
  const fresh = known && all.filter((alert) => !known.has(alert.id) && alert.status === "firing");
  known = new Set(all.map((alert) => alert.id));
  if (fresh?.length) by("announce").textContent = fresh.map((alert) => `New alert: ${alert.summary}`).join(" ");
  const open = sorted.filter((alert) => alert.status === "firing");
  const past = sorted.filter((alert) => alert.status !== "firing").slice(0, 20);
  show(by("alerts"), sorted, () => [
    open.length ? h("ul", { class: "alerts" }, open.map(item)) : empty("None is open."),
    past.length ? h("details", { "data-open": "past" }, h("summary", {}, `${count(past.length)} resolved`), h("ul", { class: "alerts" }, past.map(item))) : null,
  ]);
}

function item(alert) {
  const isOpen = alert.status === "firing";
  const facts = [
    `since ${when(alert.fired_at)}`,
    alert.subject && subject(alert.subject),
    `${figure(alert.count)} against ${figure(alert.threshold)}`,
    alert.resolved_at && `resolved ${when(alert.resolved_at)}`,
    alert.silenced_until && `silenced until ${when(alert.silenced_until)}`,
    alert.acknowledged_at && `acknowledged by ${alert.acknowledged_by}`,
  ].filter(Boolean);
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { type: "button", class: "small", "data-focus": `ack ${alert.id}`, "aria-label": `Acknowledge: ${alert.summary}`, onclick: () => acknowledge(alert, button, problem) }, "Acknowledge");
  return h(
    "li", { class: isOpen ? `open ${alert.severity}` : "past" },
    h("p", {}, h("span", { class: "badge" }, isOpen ? alert.severity : "resolved"), " ", h("b", {}, alert.summary)),
    h("p", { class: "hint" }, `${alert.rule}: ${facts.join(" · ")}`),
    isOpen && !alert.acknowledged_at ? button : null,
    problem,
  );
}

async function acknowledge(alert, button, problem) {
  if (isBusy(button)) return;
  busy(button, true);
  try {
    await post(`v1/alerts/${encodeURIComponent(alert.id)}/ack`);
    button.textContent = "Acknowledged";
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    busy(button, false);
    problem.hidden = false;
    problem.textContent = error.message;
  }
}
