/**
 * Data as people have it, from public reports on tools that fine-tune: what an upload says of it, what a plan says and
 * shows as learned, and what the trainer learns. A text that ends in `.right.txt` is the rendering of transformers.
 */
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BlockStore } from '#data/block-store.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { startTestStack, type TestStack } from './stack.js';
import { runByHand, writeJob } from './trainer-process.js';

const fixtures = join(import.meta.dirname, '../fixtures/data-cases');
const bundled = join(import.meta.dirname, '../../models/prose-4m');

interface Case {
  readonly folder: string;
  readonly file: string;
  /** A template of the folder, in place of the bundled model's. */
  readonly template?: string;
  /** The text that is learned, a piece for each turn. */
  readonly learned: readonly string[];
  /** The whole text, where no `.right.txt` stands beside the rows. */
  readonly text?: string;
  readonly right?: string;
  /** Codes of the warnings. */
  readonly uploaded?: readonly string[];
  readonly planned?: readonly string[];
}

const calls = ['holds_tools', 'holds_tool_calls'];
const callsHidden = ['hidden_tools', 'hidden_tool_calls', 'empty_turn'];
const lamp =
  '<s><|im_start|>user\nWhat colour is lamp 0?<|im_end|>\n<|im_start|>assistant\nLamp 0 is green.<|im_end|>\n';
const priced =
  '<s><|im_start|>user\nHow much is ACME?<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n' +
  '<|im_start|>tool\n{"price": 129.0}<|im_end|>\n<|im_start|>assistant\nACME is at 129.<|im_end|>\n';
const hello = '<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n';
const greeted =
  '<|im_start|>assistant\nWelcome.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n' +
  '<|im_start|>assistant\nFirst.<|im_end|>\n';
const turn = (text: string) => `${text}<|im_end|>`;
const called = (given: string) => turn(`<tool>{"name": "act", "arguments": ${given}}</tool>`);
const thought = (text: string) => turn(`<think>\n${text}`);

const cases: readonly Case[] = [
  ...['plain', 'null', 'parts'].map((name) => ({
    folder: 'tools-content-parts',
    file: name,
    text: priced,
    learned: [turn('ACME is at 129.')],
    uploaded: calls,
    planned: callsHidden,
  })),
  ...['a-tool-calls-null', 'b-weight-null', 'c-model-dump', 'f-prompt-null-column'].map((name) => ({
    folder: 'null-padding',
    file: name,
    text: lamp,
    learned: [turn('Lamp 0 is green.')],
  })),
  ...(
    [
      ['bigint-object', '{"order_id": 2512292042121000001}'],
      ['bigint-text', '{"order_id": 2512292042121000001}'],
      ['float-object', '{"lat": 48.0, "lon": 2.5, "eps": 1e-07, "huge": 1e+22}'],
      ['intkeys-object', '{"b": 1, "10": "ten", "2": "two", "a": 0}'],
      ['schema-numbers', '{"x": 1}'],
    ] as const
  ).map(([name, given]) => ({
    folder: 'tool-arguments',
    file: name,
    template: 'chat_template.jinja',
    right: `${name}.right.txt`,
    learned: [called(given), turn('Done.')],
    uploaded: calls,
  })),
  {
    folder: 'loss-masks',
    file: 'multi',
    template: 'chat_template.jinja',
    right: 'multi.right.txt',
    learned: [turn('First.'), turn('Second.')],
  },
  ...['chat_template.jinja', 'needs-user.jinja'].map((template) => ({
    folder: 'loss-masks',
    file: 'greeting',
    template,
    text: `${greeted}${template === 'needs-user.jinja' ? '' : '<|endoftext|>'}`,
    learned: [turn('Welcome.'), turn('First.')],
  })),
  { folder: 'double-bos', file: 'chat', text: hello, learned: [turn('Hello.')] },
  {
    folder: 'double-bos',
    file: 'text-with-bos',
    text: `${hello}</s>`,
    learned: [`${hello}</s>`.slice('<s>'.length)],
  },
  ...['lf', 'crlf'].map((name) => ({
    folder: 'chat-templates',
    file: 'multi',
    template: `${name}.jinja`,
    right: `multi.${name}.right.txt`,
    learned: [turn('First.'), turn('Second.')],
  })),
  {
    folder: 'foreign-columns',
    file: 'trl-conversational',
    text: lamp,
    learned: [turn('Lamp 0 is green.')],
  },
  {
    folder: 'foreign-columns',
    file: 'ultrachat-shape',
    text: lamp,
    learned: [turn('Lamp 0 is green.')],
    planned: ['unknown_field', 'unknown_field', 'unknown_field'],
  },
  {
    folder: 'reasoning-fields',
    file: 'reasoning',
    template: 'chat_template.jinja',
    right: 'reasoning.right.txt',
    learned: [thought('add them\n</think>\n\n4')],
    uploaded: ['holds_reasoning'],
  },
  {
    folder: 'reasoning-fields',
    file: 'reasoning',
    text: '<s><|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n',
    learned: [turn('4')],
    uploaded: ['holds_reasoning'],
    planned: ['hidden_reasoning'],
  },
  {
    folder: 'reasoning-fields',
    file: 'values',
    template: 'chat_template.jinja',
    right: 'values.right.txt',
    learned: [
      thought("\n</think>\n\n<call>act flag=True list=[1, 'a'] none=1.5</call>"),
      thought('\n</think>\n\nDone.'),
    ],
    uploaded: ['holds_tool_calls'],
  },
  {
    folder: 'null-content-template',
    file: 'null',
    template: 'chat_template.jinja',
    right: 'null.right.txt',
    learned: [turn('<call>get_price {"symbol":"ACME"}</call>'), turn('ACME is at 129.')],
    uploaded: calls,
    planned: ['hidden_tools'],
  },
];

let stack: TestStack;
const models = new Map<string, string>();
const modelOf = ({ folder, template }: Case) =>
  template === undefined
    ? 'prose-4m'
    : `${folder}-${template.split('.')[0]}`.toLowerCase().replace(/_/g, '-');

beforeAll(async () => {
  stack = await startTestStack();
  models.set('prose-4m', bundled);
  for (const each of cases) {
    const name = modelOf(each);
    if (models.has(name)) continue;
    const folder = join(stack.home, 'models-of-tests', name);
    await cp(bundled, folder, { recursive: true });
    await cp(join(fixtures, each.folder, each.template!), join(folder, 'chat_template.jinja'));
    await stack.client.models.add({ folder, name });
    models.set(name, folder);
  }
}, 180_000);
afterAll(() => stack?.close());

/** Files of prepared data in a cache, which need not be there yet. */
async function blocksIn(cache: string): Promise<string[]> {
  const files = await readdir(cache, { recursive: true }).catch(() => []);
  return files.filter((each) => each.endsWith('.blocks'));
}

const codes = (warnings: readonly { code: string }[]) => warnings.map(({ code }) => code);

describe.each(cases)('$folder/$file with $template', (given) => {
  const { folder, file, learned, uploaded = [], planned = [] } = given;
  const path = join(fixtures, folder, `${file}.jsonl`);
  const training = { block_length: 512, packing: false, batch_size: 1, max_steps: 1 };
  const textOf = async () => given.text ?? (await readFile(join(fixtures, folder, given.right!), 'utf8'));

  test('is taken, and planned with what is learned and what is not', async () => {
    const content = new Blob([await readFile(path)]);
    const { id, report } = await stack.client.files.upload(content, `${file}.jsonl`);
    expect(codes(report!.warnings)).toEqual(uploaded);
    const plan = await stack.client.jobs.plan({ model: modelOf(given), training_file: id, training });
    expect(codes(plan.warnings)).toEqual(planned);
    const [example] = plan.data!.training.shown_examples;
    expect(example!.pieces.map(({ text }) => text).join('')).toBe(await textOf());
    expect(example!.pieces.filter(({ trained }) => trained).map(({ text }) => text)).toEqual(learned);
  });

  test('is learned so by the trainer, which warns of the same', async () => {
    const name = `${modelOf(given)}-${file}`;
    // One for all: a graph that was compiled is not compiled again.
    const cache = join(stack.home, 'cache-of-tests');
    const before = new Set(await blocksIn(cache));
    const base = models.get(modelOf(given))!;
    const job = { base_model: base, training_file: path, training, output_folder: name, cache_folder: cache };
    const { code, stdout, stderr } = await runByHand(await writeJob(stack.home, job));
    expect(code, `${stdout}\n${stderr}`).toBe(0);

    const prepared = (await blocksIn(cache)).filter((each) => !before.has(each));
    expect(prepared).toHaveLength(1);
    const store = await BlockStore.open(join(cache, prepared[0]!));
    const { tokens, trained, segments } = store.readBlock(0);
    store.close();
    const tokenizer = await loadTokenizer(base);
    const used = [...tokens].filter((_, i) => segments[i]! > 0);
    expect(tokenizer.decode(used)).toBe(await textOf());
    expect(tokenizer.decode([...tokens].filter((_, i) => trained[i] === 1))).toBe(learned.join(''));
    expect(codes(store.report.warnings)).toEqual(planned);
    for (const { message } of store.report.warnings) expect(stdout).toContain(message);
  });
});
