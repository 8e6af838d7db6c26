// Charts by uPlot, each with its figures as a table beside it. Where uPlot is not installed there are tables only.

import { h, table } from "./dom.js";

const HEIGHT = 190;
/** Lines are told apart by their dashes too, not by colour alone. */
const DASHES = [[], [8, 4], [2, 4]];

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Return the places of values without a neighbour: no line leads to them. */
const alone = (values) => [...values.keys()].filter((place) => values[place] != null && values[place - 1] == null && values[place + 1] == null);

/**
 * A chart in a place of the page.
 *
 * `series` is a list of `{name, color, bars, points}`; `y` writes a value, `x` a place (null: a time). The axis of
 * values begins at `least` below the lowest (null: at 0) and ends at `most` (null: above the highest).
 */
export class Chart {
  constructor(place, { series, y, x = null, least = null, most = null, heads }) {
    Object.assign(this, { series, y, x, least, most, heads });
    this.canvas = h("div", { class: "canvas", role: "img" });
    this.words = h("p", { class: "empty" });
    this.table = h("div");
    this.details = h("details", {}, h("summary", {}, "Figures as a table"), this.table);
    this.details.addEventListener("toggle", () => this.#tabulate());
    const missing = h("p", { class: "hint" }, "Charts are not installed: here are the figures.");
    place.replaceChildren(this.words, window.uPlot ? this.canvas : missing, window.uPlot ? this.#legend() : "", this.details);
    this.details.open = !window.uPlot;
    if (!window.uPlot) return;
    new ResizeObserver(() => this.plot?.setSize(this.#size())).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Show columns: places, then values of each series; `summary` says in words what they show. */
  update(data, summary, emptiness) {
    this.data = data;
    const isEmpty = data[0].length === 0;
    this.words.hidden = !isEmpty;
    this.words.textContent = emptiness;
    for (const part of [this.canvas, this.legend, this.details]) if (part) part.hidden = isEmpty;
    this.canvas.setAttribute("aria-label", summary);
    if (isEmpty) return;
    if (this.plot) this.plot.setData(data);
    else if (window.uPlot) this.#draw();
    this.#tabulate();
  }

  #size() {
    return { width: Math.max(200, this.canvas.clientWidth), height: HEIGHT };
  }

  #legend() {
    if (this.series.length === 1) return "";
    const mark = (index) => {
      const line = h("span", { class: `key dash${index}`, "aria-hidden": "true" });
      line.style.setProperty("--mark", `var(--${this.series[index].color})`);
      return line;
    };
    this.legend = h("ul", { class: "keys" }, this.series.map((one, index) => h("li", {}, mark(index), one.name)));
    return this.legend;
  }

  /** Return from where to where a chart shows: half a bar more, or some time around a single moment. */
  #across(low, high) {
    if (this.x) return [low - 0.6, high + 0.6];
    return low === high ? [low - 1800, high + 1800] : [low, high];
  }

  #draw() {
    this.plot?.destroy();
    if (!this.data?.[0].length) return;
    const axis = { stroke: color("muted"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 } };
    const options = {
      ...this.#size(),
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: !this.x, range: (_, low, high) => this.#across(low, high) },
        y: { range: (_, low, high) => [this.least == null ? 0 : Math.max(0, low - this.least), this.most ?? Math.max(high * 1.08, Number.MIN_VALUE)] } },
      axes: [
        { ...axis, size: 34, values: (_, places) => places.map(this.x ?? this.heads.tick ?? this.heads.row), incrs: this.x ? [1, 2, 3, 6, 12] : undefined, space: 70 },
        { ...axis, size: 58, values: (_, values) => values.map(this.y) },
      ],
      series: [{}, ...this.series.map((one, index) => ({
        label: one.name, stroke: color(one.color), width: 2, dash: DASHES[index], spanGaps: false,
        points: { show: true, size: 7, fill: color("card"), filter: one.points ? undefined : (plot, number) => alone(plot.data[number]) },
        ...(one.bars ? { paths: window.uPlot.paths.bars({ size: [0.7, 60] }), fill: color(one.color), width: 0 } : {}),
      }))],
    };
    this.plot = new window.uPlot(options, this.data, this.canvas);
  }

  #tabulate() {
    if (!this.details.open || !this.data) return;
    const rows = this.data[0].map((place, row) => [this.heads.row(place), ...this.data.slice(1).map((column) => this.y(column[row]))]);
    this.table.replaceChildren(table(this.heads.caption, [this.heads.place, ...this.series.map((one) => one.name)], rows.reverse()));
  }
}
