// The official Node SDK.
import OpenAI from "openai";

const [url, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Say something about the sea." }];
const common = { model, messages, seed: 7, max_tokens: 12 };
const whole = await client.chat.completions.create(common);
let streamed = "", usage = null;
const stream = await client.chat.completions.create({
  ...common, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
const parameters = {
  type: "object", properties: { on: { type: "boolean" } }, required: ["on"], additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "light", parameters } }];
const called = await client.chat.completions.create({
  model, messages, tools, tool_choice: { type: "function", function: { name: "light" } }, max_tokens: 60,
});
const { function: call } = called.choices[0].message.tool_calls[0];
let refused = null;
try {
  await client.chat.completions.create({ ...common, top_logprobs: 30 });
} catch (error) {
  refused = [error.status, error.code, error.param];
}
const models = [];
for await (const one of client.models.list()) models.push(one.id);
console.log(JSON.stringify({
  same: whole.choices[0].message.content === streamed && streamed !== "",
  usage: usage.completion_tokens === whole.usage.completion_tokens,
  called: [call.name, Object.keys(JSON.parse(call.arguments))],
  refused, models,
}));
