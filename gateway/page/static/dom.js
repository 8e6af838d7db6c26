// Making and replacing elements. What is shown is always text: nothing that is sent becomes markup.

/** Return an element; attributes that are false or null are left out, children are elements or text. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false));
  return element;
}

/** Say that a button is at work, or is not. It is not disabled: whoever stands on it would lose the place. */
export const busy = (button, isBusy) => button.setAttribute("aria-disabled", String(isBusy));

export const isBusy = (button) => button.getAttribute("aria-disabled") === "true";

export const by = (id) => document.getElementById(id);

const shown = new WeakMap();

/**
 * Show children in a place, unless what they are made of is the same as last time.
 *
 * The page hears of the present every two seconds; who reads it or stands on a button must not notice. Whoever
 * has the focus keeps it, by `data-focus`; what was opened stays open, by `data-open`.
 */
export function show(place, madeOf, make) {
  const digest = JSON.stringify(madeOf);
  if (shown.get(place) === digest) return;
  shown.set(place, digest);
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const open = [...place.querySelectorAll("details[open][data-open]")].map((one) => one.dataset.open);
  place.replaceChildren(...[make()].flat().filter(Boolean));
  for (const one of place.querySelectorAll("details[data-open]")) one.open = open.includes(one.dataset.open);
  if (focused) place.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

/** Return a table in a frame that scrolls by itself: a phone's page never moves sideways. */
export function table(caption, heads, rows) {
  const cells = (row) => row.map((cell, column) => h(column ? "td" : "th", column ? {} : { scope: "row" }, cell ?? "–"));
  return h(
    "div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    h("table", {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, cells(row)))),
    ),
  );
}

export const empty = (words) => h("p", { class: "empty" }, words);
