// Drives openai-node against a gateway: node drive.mjs BASE_URL KEY. Prints one JSON line for each case.
import OpenAI, { APIError } from "openai";

const [, , baseURL, apiKey] = process.argv;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 30000 });
const messages = [{ role: "user", content: "hello" }];

async function trial(name, run) {
  try {
    console.log(JSON.stringify({ name, ok: true, value: await run() }));
  } catch (error) {
    const known = error instanceof APIError;
    console.log(JSON.stringify({ name, ok: false, type: error.constructor.name, api: known, code: error.code ?? null,
      status: error.status ?? null, message: String(error.message) }));
  }
}

async function text(stream) {
  let whole = "";
  for await (const chunk of stream) whole += chunk.choices[0]?.delta?.content ?? "";
  return whole;
}

await trial("chat", async () => {
  const { data, response } = await client.chat.completions.create({ model: "chat", messages }).withResponse();
  return { text: data.choices[0].message.content, zone: response.headers.get("x-douane-zone") };
});
await trial("stream", async () => text(await client.chat.completions.create({ model: "chat", messages, stream: true })));
await trial("tools", async () => {
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }];
  const answer = await client.chat.completions.create({ model: "chat", messages: [{ role: "user", content: "tool" }], tools });
  return answer.choices[0].message.tool_calls[0].function.name;
});
await trial("schema", async () => {
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
  const response_format = { type: "json_schema", json_schema: { name: "s", strict: true, schema } };
  const answer = await client.chat.completions.create({ model: "chat", messages: [{ role: "user", content: "schema" }], response_format });
  return JSON.parse(answer.choices[0].message.content).a;
});
await trial("embeddings", async () => {
  const answer = await client.embeddings.create({ model: "chat", input: "hello", encoding_format: "float" });
  return answer.data[0].embedding;
});
await trial("models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  return names;
});
await trial("unknown key", async () => new OpenAI({ baseURL, apiKey: "dn-no", maxRetries: 2 }).models.list());
await trial("unknown route", async () => client.chat.completions.create({ model: "nothing", messages }));
await trial("caller's fallback", async () => client.chat.completions.create({ model: "chat", messages, fallbacks: ["far"] }));
await trial("retry", async () => {
  const { response } = await client.chat.completions.create({ model: "chat", messages: [{ role: "user", content: "retry" }] }).withResponse();
  return response.headers.get("x-douane-attempts");
});
await trial("cut stream", async () =>
  text(await client.chat.completions.create({ model: "chat", messages: [{ role: "user", content: "cut" }], stream: true })));
await trial("cancel", async () => {
  const stream = await client.chat.completions.create({ model: "chat", messages: [{ role: "user", content: "stall" }], stream: true });
  for await (const chunk of stream) {
    stream.controller.abort();
    return chunk.choices[0].delta.content;
  }
});
