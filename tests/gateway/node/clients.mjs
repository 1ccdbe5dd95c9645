// Clients for Node with nothing changed but the base URL: what each makes of the agent's session.
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { embed, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

async function session(url, store) {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
  const anthropic = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });
  const provider = createOpenAI({ baseURL: `${url}/v1`, apiKey: "any" });
  const parameters = { type: "object", properties: { command: { type: "string" } } };
  const found = {};

  const response = await openai.responses
    .stream({
      model: "auto",
      input: "prove it",
      tools: [{ type: "function", name: "Bash", parameters, strict: false }],
    })
    .finalResponse();
  found.openai = response.output.map((item) => item.type);
  found.call = JSON.parse(response.output[1].arguments);
  const vectors = await openai.embeddings.create({ model: "parrot", input: "prove it" });
  found.embedding = vectors.data[0].embedding;
  try {
    await openai.responses.create({ model: "autos", input: "prove it" });
  } catch (error) {
    found.error = error.constructor.name;
  }

  const message = await anthropic.messages
    .stream({
      model: "auto",
      max_tokens: 99,
      messages: [{ role: "user", content: "prove it" }],
      tools: [{ name: "Bash", input_schema: parameters }],
    })
    .finalMessage();
  found.anthropic = message.content.map((block) => block.type);

  const Bash = tool({
    description: "Runs a command.",
    inputSchema: z.looseObject({ command: z.string() }),
    execute: async ({ command }) => `did ${command}`,
  });
  const stream = streamText({
    model: provider("auto"), // its default: the Responses API
    prompt: "prove it",
    tools: { Bash },
    stopWhen: stepCountIs(25),
    providerOptions: { openai: { store } }, // where answers are kept, it names their items
  });
  found.text = "";
  for await (const text of stream.textStream) found.text += text;
  const steps = await stream.steps;
  found.steps = steps.map((step) => step.toolCalls.map((call) => call.input));
  found.vector = (await embed({ model: provider.embedding("parrot"), value: "x" })).embedding;

  console.log(JSON.stringify(found));
}

const [translated, passedOn] = process.argv.slice(2);
await session(translated, true);
await session(passedOn, false);
