// How much is asked, how fast it is answered, and how often it fails: tiles and charts, from what monitoring tells.

import { Chart } from "./charts.js";
import { by, h, show } from "./dom.js";
import { at, count, duration, figure, share, zone } from "./words.js";

const MINUTES = 120;
/** So many are shown at least: a service that has just begun has a past of nothing, and not of one moment. */
const LEAST = 10;
const DAYS = 7;
const NOTHING = "Nothing yet: send a text above, or wait for the first requests.";

let charts;

/** Make the charts; they are filled by `update`. */
export function install() {
  const minutes = { place: "minute", row: at };
  charts = {
    minutes: new Chart(by("minutes"), {
      series: [{ name: "answered", color: "good" }, { name: "negative", color: "warn" }, { name: "failed", color: "bad" }],
      y: figure, heads: { ...minutes, caption: "Requests per minute" },
    }),
    latency: new Chart(by("latency"), {
      series: [{ name: "p50", color: "good" }, { name: "p95", color: "accent" }, { name: "p99", color: "bad" }],
      y: duration, heads: { ...minutes, caption: "Time to the answer" },
    }),
    rates: new Chart(by("rates"), {
      series: [{ name: "success", color: "good" }, { name: "errors", color: "bad" }],
      y: share, most: 1.03, heads: { ...minutes, caption: "Success and errors" },
    }),
    hours: new Chart(by("hours"), {
      series: [{ name: "requests an hour", color: "accent", bars: true }],
      y: figure, x: (hour) => `${hour}:00`.padStart(5, "0"),
      heads: { place: "hour", row: (hour) => `${hour}:00`.padStart(5, "0"), caption: "Requests by hour of day" },
    }),
  };
}

/** Show a model's figures; `now` is the service's time. */
export function update(model, now) {
  const minutes = filled(model?.minutes ?? [], now);
  const column = (make) => minutes.map(make);
  const places = column((minute) => minute.at);
  const total = (name) => minutes.reduce((sum, minute) => sum + (minute[name] ?? 0), 0);
  charts.minutes.update(
    [places, column((one) => one.succeeded), column((one) => one.negative), column((one) => one.failed)],
    `Requests per minute in the last two hours: ${count(total("succeeded"))} answered, ${count(total("failed"))} failed.`, NOTHING,
  );
  const newest = minutes.findLast((minute) => minute.p50_s != null);
  charts.latency.update(
    [places, column((one) => one.p50_s), column((one) => one.p95_s), column((one) => one.p99_s)],
    newest ? `Time to the answer: half within ${duration(newest.p50_s)}, 99 of 100 within ${duration(newest.p99_s)}.` : "", NOTHING,
  );
  charts.rates.update(
    [places, column((one) => rate(one.succeeded, one)), column((one) => rate(one.failed, one))],
    `Of what ended in the last two hours, ${share(success(minutes))} succeeded.`, NOTHING,
  );
  const hours = byHour(model?.hours ?? []);
  const most = Math.max(0, ...hours[1]);
  charts.hours.update(
    hours, `Requests by hour of day in ${zone()}, as a mean of up to seven days: most at ${hours[1].indexOf(most)}:00, ${figure(most)} an hour.`, NOTHING,
  );
}

/** Show the figures that one wants first. */
export function tiles(model, present) {
  const minutes = filled(model?.minutes ?? [], present.at).slice(-61);
  const ended = minutes.slice(0, -1);
  const last = ended.at(-1);
  const newest = ended.findLast((minute) => minute.p50_s != null);
  const served = present.models.find((one) => one.name === model?.name);
  const waiting = served?.queues.reduce((sum, queue) => sum + queue.waiting, 0) ?? 0;
  const workers = served?.workers.reduce((sum, one) => sum + one.count, 0) ?? 0;
  const open = present.alerts.filter((alert) => alert.status === "firing").length;
  const found = [
    ["Last minute", last ? count(last.succeeded + last.failed + last.canceled) : "–", "requests"],
    ["Success", share(success(ended)), "in the last hour"],
    ["Errors", share(ended.length && success(ended) != null ? 1 - success(ended) : null), "in the last hour"],
    ["p50", duration(newest?.p50_s), "to the answer"],
    ["p95", duration(newest?.p95_s), "to the answer"],
    ["p99", duration(newest?.p99_s), "to the answer"],
    ["Waiting", count(waiting), "in the queue"],
    ["Workers", count(workers), workers ? "hold the model" : "none: start one", workers ? "" : "bad"],
    ["Alerts", count(open), "open", open ? "bad" : ""],
  ];
  show(by("tiles"), found, () => found.map(([name, value, unit, look]) =>
    h("div", { class: `tile ${look ?? ""}` }, h("dt", {}, name), h("dd", {}, h("b", {}, value), " ", h("span", {}, unit)))));
}

/** Put back the minutes in which nothing ended, from the first one known or some before now. */
function filled(minutes, now) {
  if (!minutes.length) return [];
  const known = new Map(minutes.map((minute) => [minute.at, minute]));
  const last = Math.floor(now / 60) * 60;
  const first = Math.max(Math.min(minutes[0].at, last - (LEAST - 1) * 60), last - (MINUTES - 1) * 60);
  const found = [];
  for (let at = first; at <= last; at += 60)
    found.push(known.get(at) ?? { at, succeeded: 0, failed: 0, canceled: 0, negative: 0, p50_s: null, p95_s: null, p99_s: null });
  return found;
}

const rate = (part, minute) => (minute.succeeded + minute.failed ? part / (minute.succeeded + minute.failed) : null);

/** Return which share of what ended succeeded; who cancels has no answer and no error. */
function success(minutes) {
  const [succeeded, failed] = ["succeeded", "failed"].map((name) => minutes.reduce((sum, minute) => sum + minute[name], 0));
  return succeeded + failed ? succeeded / (succeeded + failed) : null;
}

function byHour(hours) {
  if (!hours.length) return [[], []];
  const sums = Array(24).fill(0);
  for (const hour of hours) sums[new Date(hour.at * 1000).getHours()] += hour.ended;
  const days = Math.min(DAYS, Math.max(1, Math.ceil((hours.at(-1).at - hours[0].at + 3600) / 86400)));
  return [sums.map((_, hour) => hour), sums.map((sum) => sum / days)];
}
