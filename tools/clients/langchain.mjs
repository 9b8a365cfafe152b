/**
 * Drives a running server with LangChain's two OpenAI classes; only the base URL is ours.
 *
 *     npm ci --prefix tools/clients
 *     node tools/clients/langchain.mjs [--url http://127.0.0.1:8010] [--model prose-4m] [--chat MODEL]
 *
 * `--model` goes on with texts, `--chat` is talked with and needs a chat template, or is an adapter; without it only texts
 * are asked for. LOWRANK_API_KEY is the key, if the server asks for one. Ends with 1 at the first thing that is not as it
 * should be.
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { AIMessage, HumanMessage, SystemMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAI } from '@langchain/openai';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: process.env['LOWRANK_URL'] ?? 'http://127.0.0.1:8010' },
    model: { type: 'string', default: 'prose-4m' },
    chat: { type: 'string' },
  },
});
const shared = {
  apiKey: process.env['LOWRANK_API_KEY'] ?? 'none',
  configuration: { baseURL: `${values.url}/v1` },
  maxRetries: 0,
  temperature: 0,
};
const tell = (what) => console.log(`ok: ${what}`);

async function texts() {
  const llm = new OpenAI({ ...shared, model: values.model, maxTokens: 8 });
  const one = await llm.invoke('The sea');
  assert.ok(one.length > 0);
  tell(`a text goes on: ${JSON.stringify(one)}`);
  const { generations, llmOutput } = await llm.generate(['The sea', 'The king', 'The sea']);
  assert.deepEqual(
    generations.map(([{ text }]) => text === one),
    [true, false, true],
  );
  assert.equal(llmOutput.tokenUsage.completionTokens, 24);
  tell('three texts go on in one request, each as alone');
  const pieces = [];
  for await (const piece of await llm.stream('The sea')) pieces.push(piece);
  assert.equal(pieces.join(''), one);
  tell(`the same comes in ${pieces.length} pieces`);
  const two = new OpenAI({ ...shared, model: values.model, maxTokens: 8, temperature: 1, n: 2, bestOf: 2 });
  assert.equal((await two.generate(['The sea'])).generations[0].length, 2);
  tell('a text goes on in two ways');
}

async function chats(model) {
  const chat = new ChatOpenAI({ ...shared, model, maxTokens: 12 });
  const messages = [new SystemMessage('Answer in one word.'), new HumanMessage('What is 3 plus 4?')];
  const first = await chat.invoke(messages);
  assert.ok(AIMessage.isInstance(first));
  assert.equal(typeof first.content, 'string');
  tell(`a first turn is answered: ${JSON.stringify(first.content)}`);
  const second = await chat.invoke([...messages, first, new HumanMessage('Are you sure?')]);
  assert.ok(second.usage_metadata.input_tokens > first.usage_metadata.input_tokens);
  tell(`a second turn takes the first answer back: ${JSON.stringify(second.content)}`);
  let streamed = '';
  for await (const { text } of await chat.stream(messages)) streamed += text;
  assert.equal(streamed, first.content);
  tell('the same comes in pieces');
  const several = await new ChatOpenAI({ ...shared, model, maxTokens: 4, n: 2 }).generate([messages]);
  assert.equal(several.generations[0].length, 2);
  tell('a turn is answered twice');
  const withTool = chat.bindTools([{ type: 'function', function: { name: 'add', parameters: {} } }]);
  await assert.rejects(withTool.invoke(messages), { status: 400, param: 'tools' });
  tell('tools are refused by their field');
}

await texts();
if (values.chat !== undefined) await chats(values.chat);
console.log('all is as it should be');
