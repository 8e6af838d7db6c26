// The live stream: kept open, opened anew after a pause that grows, and told about in one line of the header.

import { Problem, events } from "./api.js";
import { by } from "./dom.js";

const LONGEST_S = 30;

/** Say how the connection is, in words and by a mark. */
export function state(name, words) {
  const place = by("state");
  if (place.dataset.state === name && place.textContent === words) return;
  place.dataset.state = name;
  place.textContent = words;
}

/** Wait, and say for how long; ends early when the network is back. */
async function pause(seconds, words) {
  const until = Date.now() + seconds * 1000;
  let isBack = false;
  const back = () => (isBack = true);
  window.addEventListener("online", back, { once: true });
  while (!isBack && Date.now() < until) {
    state("lost", `${words} Trying again in ${Math.ceil((until - Date.now()) / 1000)} s.`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  window.removeEventListener("online", back);
}

/**
 * Follow the service for as long as the page is open.
 *
 * `heard` is called with each event. Where a key is needed, or is not good for this, following ends and the
 * refusal is returned; it begins anew with another call.
 */
export async function follow(heard) {
  for (let tries = 0; ; tries++) {
    let words = "The service has ended the connection.";
    try {
      for await (const event of events("v1/overview/stream")) {
        tries = 0;
        heard(event);
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401 || error.status === 403) return error;
      words = error.message;
    }
    await pause(Math.min(LONGEST_S, 2 ** tries) * (0.75 + Math.random() / 2), words);
  }
}
