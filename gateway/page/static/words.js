// Numbers, times and shares as people read them, in the viewer's language and zone.

const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const hour = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const count = (value) => whole.format(value);
export const figure = (value) => (value == null ? "–" : number.format(value));
/** Return a share in percent; near an end one digit more, so that a little is not nothing. */
export function share(value) {
  if (value == null) return "–";
  const isRound = value <= 0 || value >= 1 || (value >= 0.1 && value < 0.99);
  return `${(100 * value).toFixed(isRound ? 0 : 1)} %`;
}

export const at = (seconds) => clock.format(seconds * 1000);
export const hourOf = (seconds) => hour.format(seconds * 1000);
export const when = (time) => moment.format(typeof time === "number" ? time * 1000 : new Date(time));
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Return a duration in seconds with the unit that fits. */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1) return `${number.format(seconds * 1000)} ms`;
  if (seconds < 120) return `${number.format(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** Return minutes and seconds, as a clock that runs down has them. */
export function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** Return the interval of a share. */
export const interval = (bounds) => (bounds ? `${(100 * bounds[0]).toFixed(0)} to ${(100 * bounds[1]).toFixed(0)} %` : "");

/** Return a share with its interval, for a sentence. */
export const within = (value, bounds) => (value == null ? "–" : share(value) + (bounds ? ` (${interval(bounds)})` : ""));

/** Return what a window, an alert or a queue is about. */
export const subject = (name) => (name === "" || name === "*" ? "all models" : name.replace(":", ", key "));
