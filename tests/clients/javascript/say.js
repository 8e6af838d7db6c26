// One call of Replicate's released JavaScript client: `node say.js NAME BASE_URL ARGUMENT`, answer as JSON.
import Replicate, { validateWebhook } from "replicate";

const MODEL = "barometer/sentiment";
const [, , name, baseUrl, argument] = process.argv;
const asked = JSON.parse(argument);
const replicate = new Replicate({ auth: process.env.KEY ?? "r8_token", baseUrl });

const calls = {
  run: ({ ref = MODEL, text, wait }) => replicate.run(ref, { input: { text }, ...(wait && { wait }) }),
  create: ({ text, ...rest }) => replicate.predictions.create({ model: MODEL, input: { text }, ...rest }),
  byVersion: ({ text, version }) => replicate.predictions.create({ version, input: { text }, wait: 20 }),
  get: ({ id }) => replicate.predictions.get(id),
  cancel: ({ id }) => replicate.predictions.cancel(id),
  wait: async ({ id }) => replicate.wait(await replicate.predictions.get(id), { interval: 50 }),
  paginate: async () => {
    const pages = [];
    for await (const page of replicate.paginate(replicate.predictions.list)) {
      pages.push(page.map((prediction) => prediction.id));
    }
    return pages;
  },
  stream: async ({ text }) => {
    const events = [];
    for await (const { event, id, data } of replicate.stream(MODEL, { input: { text } })) {
      events.push({ event, id, data: JSON.parse(data) });
    }
    return events;
  },
  secret: () => replicate.webhooks.default.secret.get(),
  validate: ({ headers, body, secret }) => validateWebhook({ headers, body }, secret),
  model: () => replicate.models.get("barometer", "sentiment"),
  models: () => replicate.models.list(),
  versions: () => replicate.models.versions.list("barometer", "sentiment"),
  version: ({ id }) => replicate.models.versions.get("barometer", "sentiment", id),
};

try {
  console.log(JSON.stringify({ answer: await calls[name](asked) }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message, status: error.response?.status }));
}
