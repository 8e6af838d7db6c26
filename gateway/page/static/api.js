// Asking the gateway. The key, where one is needed, is in this tab's session storage and in one header.

const KEY = "barometer.key";
/** The service sends something every two seconds; silence for so long means that the connection is gone. */
const SILENCE_MS = 12_000;

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** What the service answered instead: its own words, and a status (0: it did not answer at all). */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function answered(path, options = {}) {
  const headers = { ...options.headers };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer.");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, problem.detail ?? `The service answered ${answer.status}.`);
}

export const get = async (path) => (await answered(path)).json();

export async function post(path, body, headers = {}) {
  const options = { method: "POST", headers };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  return (await answered(path, options)).json();
}

/** Give the events of a stream as `{event, data}` until it ends; throws a Problem when it is lost. */
export async function* events(path) {
  const silence = new AbortController();
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  wait();
  try {
    const answer = await answered(path, { signal: silence.signal });
    let text = "";
    for await (const part of chunks(answer.body.pipeThrough(new TextDecoderStream()))) {
      wait();
      const blocks = (text + part).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const found = parsed(block);
        if (found) yield found;
      }
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(0, "The connection was lost.");
  } finally {
    clearTimeout(timer);
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
  }
  return fields.data === undefined ? null : { event: fields.event, data: JSON.parse(fields.data) };
}
