// Live quality, measured by feedback and estimated without it, and how far traffic has drifted.

import { Chart } from "./charts.js";
import { by, empty, h, show, table } from "./dom.js";
import { count, figure, hourOf, interval, share, when, within } from "./words.js";

const MEASURES = { psi: "PSI", ks: "Kolmogorov-Smirnov", auc: "ROC-AUC" };
const COLORS = ["accent", "good", "warn"];

let chart;
let charted = "";

/** Show what is known of a model's answers. */
export function update(model) {
  quality(model?.quality ?? []);
  accuracy(model?.accuracy ?? []);
  drift(model?.drift ?? [], model?.data ?? [], model?.labels ?? {});
}

function quality(versions) {
  const one = versions[0];
  show(by("quality"), one ?? null, () => {
    if (!one) return empty("Nothing yet: say what the true labels are, with POST /v1/predictions/ID/feedback.");
    const estimate = one.estimated_accuracy == null ? "" : `Estimated without labels (CBPE): ${within(one.estimated_accuracy, one.estimated_interval)}, if the scores are calibrated.`;
    const words = one.accuracy == null ? "Too few labels yet to measure it." : `Accuracy ${within(one.accuracy, one.accuracy_interval)} by ${count(one.judged)} labels.`;
    return [
      h("p", {}, h("b", {}, `Version ${one.version}. `), words),
      estimate ? h("p", { class: "hint" }, estimate) : null,
      one.classes.length ? table(`Quality of version ${one.version} by class`, ["class", "precision", "recall", "F1", "labels"],
        one.classes.map((each) => [h("bdi", {}, each.label), measured(each, "precision"), measured(each, "recall"), measured(each, "f1"), count(each.support)])) : null,
    ];
  });
}

const measured = (each, name) => [share(each[name]), h("small", {}, interval(each[`${name}_interval`]))];

function accuracy(points) {
  const versions = [...new Set(points.map((point) => point.version))].slice(-COLORS.length);
  if (charted !== versions.join()) {
    charted = versions.join();
    chart = new Chart(by("accuracy"), {
      series: versions.map((version, index) => ({ name: `version ${version}`, color: COLORS[index], points: true })),
      y: share, least: 0.1, most: 1.01, heads: { place: "time", row: when, tick: hourOf, caption: "Accuracy over time, by feedback" },
    });
  }
  if (!versions.length) return by("accuracy").replaceChildren();
  const places = [...new Set(points.map((point) => point.at))].sort((one, other) => one - other);
  const values = versions.map((version) => {
    const known = new Map(points.filter((point) => point.version === version).map((point) => [point.at, point.value]));
    return places.map((place) => known.get(place) ?? null);
  });
  chart.update([places, ...values], `Accuracy over time by feedback; the newest is ${share(points.at(-1).value)}.`, "");
}

function drift(versions, data, labels) {
  const [one, texts] = [versions[0], data[0]];
  show(by("drift"), [one ?? null, texts ?? null, labels], () => [
    one ? compared(one) : empty("Nothing yet: the first answers of a version are what later ones are compared with."),
    texts ? described(texts) : null,
    answers(labels),
  ]);
}

function compared(one) {
  const rows = one.comparisons.map((each) => [
    each.name, h("span", { class: each.is_drifting ? "badge bad" : "badge" }, each.is_drifting ? "drifting" : "steady"),
    figure(each.effect) + (each.limit == null ? "" : ` of ${figure(each.limit)}`), MEASURES[each.measure] ?? each.measure,
    each.p_value == null ? "–" : each.p_value < 0.001 ? "< 0.001" : figure(each.p_value),
  ]);
  const words = `Version ${one.version}: ${count(one.current)} answers against ${one.reference == null ? "its first ones" : `its first ${count(one.reference)}`}, ${when(one.at)}.`;
  return h("div", {}, h("p", {}, words), table("Drift", ["of", "verdict", "effect", "measured as", "p"], rows));
}

function described(texts) {
  const languages = Object.entries(texts.languages ?? {}).sort((one, other) => other[1] - one[1]).slice(0, 4);
  const facts = [
    texts.median_size != null && `half of them up to ${count(texts.median_size)} characters`,
    `${share(texts.truncated)} longer than the model reads`,
    texts.empty != null && `${share(texts.empty)} empty`,
    texts.repeated != null && `${share(texts.repeated)} repeated`,
    languages.length && languages.map(([code, part]) => `${code} ${share(part)}`).join(", "),
  ].filter(Boolean);
  return h("p", { class: "hint" }, `The newest ${count(texts.rows)} texts: ${facts.join("; ")}.`);
}

function answers(labels) {
  const total = Object.values(labels).reduce((sum, each) => sum + each, 0);
  if (!total) return null;
  const rows = Object.entries(labels).sort((one, other) => other[1] - one[1]);
  return h("div", {}, h("h3", {}, "Answers of the last 24 hours"), h("ul", { class: "scores" }, rows.map(([label, number]) => {
    const line = h("span", { class: "bar", "aria-hidden": "true" });
    line.style.setProperty("--share", number / total);
    return h("li", {}, h("span", { class: "name", dir: "auto" }, label), line, h("span", { class: "value" }, count(number)));
  })));
}
