import { appendFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BlockStore } from '#data/block-store.js';
import { ChatTemplate, loadChatTemplate } from '#data/chat-template.js';
import { DataError } from '#data/data-error.js';
import { encodeRow } from '#data/examples.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Block } from '#data/packing.js';
import { prepareDataset, type PrepareOptions } from '#data/prepare.js';
import type { Tokenizer } from '#data/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/tokenizers', import.meta.url));

let tokenizer: Tokenizer;
let template: ChatTemplate;
beforeAll(async () => {
  tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
  template = await loadChatTemplate(join(fixtures, 'byte-level-gpt2'), tokenizer);
});

let folder: string;
let cacheFolder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prepare-'));
  cacheFolder = join(folder, 'cache');
});
afterEach(() => rm(folder, { recursive: true }));

function chatLine(question: string, answer: string): string {
  return `${JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  })}\n`;
}

async function prepare(content: string, changes: Partial<PrepareOptions> = {}): Promise<BlockStore> {
  const file = join(folder, 'train.jsonl');
  await writeFile(file, content);
  return prepareDataset({
    file,
    tokenizer,
    template,
    blockLength: 64,
    packing: true,
    cacheFolder,
    ...changes,
  });
}

function readAll(store: BlockStore): Block[] {
  return Array.from({ length: store.blockCount }, (_, index) => store.readBlock(index));
}

const CHATS = Array.from({ length: 40 }, (_, i) =>
  chatLine(`What is ${i}?`, `It is ${'so '.repeat(i % 7)}.`),
).join('');

describe('prepareDataset', () => {
  it('writes blocks that hold every example', async () => {
    const store = await prepare(CHATS);
    const { report } = store;
    const blocks = readAll(store);
    store.close();
    expect(report).toMatchObject({
      kind: 'chat',
      examples: 40,
      truncatedExamples: 0,
      unknownFields: {},
      warnings: [],
    });
    expect(report.blocks).toBe(store.blockCount);
    expect(blocks.reduce((sum, { segments }) => sum + segments.filter((s) => s > 0).length, 0)).toBe(
      report.tokens,
    );
    const text = blocks.map(({ tokens }) => tokenizer.decode([...tokens])).join('');
    for (let i = 0; i < 40; i++) expect(text).toContain(`What is ${i}?<|im_end|>`);
  });

  it('reads from disk what packing made, bit by bit', async () => {
    const store = await prepare(chatLine('Why?', 'So.') + chatLine('What?', 'This.'));
    const [block] = readAll(store);
    store.close();
    const examples = [
      ['Why?', 'So.'],
      ['What?', 'This.'],
    ].map(([question, answer]) =>
      encodeRow(
        {
          kind: 'chat',
          messages: [
            { role: 'user', content: question! },
            { role: 'assistant', content: answer! },
          ],
        },
        tokenizer,
        template,
      ),
    );
    const ids = examples.flatMap((example) => example.ids);
    const padding = Array.from({ length: 64 - ids.length }, () => 0);
    expect([...block!.tokens]).toEqual([...ids, ...padding]);
    expect([...block!.segments]).toEqual([
      ...examples.flatMap((example, index) => example.ids.map(() => index + 1)),
      ...padding,
    ]);
    expect([...block!.trained]).toEqual([...examples.flatMap((example) => [...example.trained]), ...padding]);
  });

  it('uses what was prepared before, and prepares anew when anything differs', async () => {
    const first = await prepare(CHATS);
    first.close();
    const before = await stat(first.path);
    const again = await prepare(CHATS);
    again.close();
    expect(again.path).toBe(first.path);
    expect((await stat(again.path)).ino).toBe(before.ino);

    const other = await loadTokenizer(join(fixtures, 'byte-level-qwen'));
    const plain = await loadChatTemplate(join(fixtures, 'unigram'), tokenizer);
    const stores = [
      await prepare(`${CHATS}\n`),
      await prepare(CHATS, { blockLength: 65 }),
      await prepare(CHATS, { packing: false }),
      await prepare(CHATS, { tokenizer: other }),
      await prepare(CHATS, { template: plain }),
    ];
    for (const store of stores) store.close();
    expect(new Set([first, ...stores].map(({ digest }) => digest)).size).toBe(6);
    expect(await readdir(cacheFolder)).toHaveLength(6);
  });

  it('makes the same file again from the same input', async () => {
    const first = await prepare(CHATS);
    first.close();
    const bytes = await readFile(first.path);
    await rm(first.path);
    const second = await prepare(CHATS);
    second.close();
    expect((await readFile(second.path)).equals(bytes)).toBe(true);
  });

  it.each([
    ['a flipped bit in a block', (bytes: Buffer) => (bytes[10]! ^= 1)],
    ['a flipped bit in the footer', (bytes: Buffer) => (bytes[bytes.length - 30]! ^= 1)],
    ['a missing end', (bytes: Buffer) => bytes.fill(0, bytes.length - 16)],
  ])('notices %s and prepares anew', async (_, damage) => {
    const first = await prepare(CHATS);
    first.close();
    const good = await readFile(first.path);
    const bad = Buffer.from(good);
    damage(bad);
    await writeFile(first.path, bad);
    await expect(BlockStore.open(first.path)).rejects.toMatchObject({ code: 'prepared_data_corrupt' });
    const second = await prepare(CHATS);
    second.close();
    expect((await readFile(second.path)).equals(good)).toBe(true);
  });

  it('notices a file that was cut short', async () => {
    const first = await prepare(CHATS);
    first.close();
    const bytes = await readFile(first.path);
    for (const length of [0, 5, 100, bytes.length - 1]) {
      await writeFile(first.path, bytes.subarray(0, length));
      await expect(BlockStore.open(first.path)).rejects.toMatchObject({ code: 'prepared_data_corrupt' });
    }
  });

  it('notices bytes that are damaged while it is open', async () => {
    const store = await prepare(CHATS);
    const bytes = await readFile(store.path);
    bytes[4]! ^= 1;
    await writeFile(store.path, bytes);
    expect(() => store.readBlock(0)).toThrow('Block 0');
    expect(() => store.readBlock(1)).not.toThrow();
    expect(() => store.readBlock(store.blockCount)).toThrow(RangeError);
    store.close();
  });

  it('names every bad row with its line, those that the chat template refuses too', async () => {
    const turns = await loadTokenizer(join(fixtures, 'metaspace-turns'));
    const strict = await loadChatTemplate(join(fixtures, 'metaspace-turns'), turns);
    const system = JSON.stringify({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'assistant', content: 'Yes.' },
      ],
    });
    const failure = prepare(`${chatLine('a', 'b')}${system}\n{"messages": []}\n`, {
      tokenizer: turns,
      template: strict,
      name: 'mine.jsonl',
    });
    await expect(failure).rejects.toBeInstanceOf(DataError);
    await expect(failure).rejects.toMatchObject({
      problems: [
        { file: 'mine.jsonl', line: 2, code: 'chat_template_refused' },
        { file: 'mine.jsonl', line: 3, code: 'empty' },
      ],
    });
    await expect(failure).rejects.toThrow('System role not supported');
    expect(await readdir(cacheFolder)).toEqual([]);
  });

  it('names a row without any token to learn', async () => {
    const silent = new ChatTemplate({ default: '{{ messages[0].content }}' }, {}, { now: new Date(0) });
    const failure = prepare(chatLine('a', 'b'), { template: silent });
    await expect(failure).rejects.toMatchObject({ problems: [{ line: 1, code: 'nothing_to_learn' }] });
  });

  it('counts what the template does not show', async () => {
    const call = { type: 'function', function: { name: 'f', arguments: '{"a": 1}' } };
    const calling = {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', content: '1', tool_call_id: 'x' },
        { role: 'assistant', content: 'b', reasoning: 'because' },
      ],
      tools: [{ type: 'function', function: { name: 'f' } }],
    };
    const content = chatLine('a', 'b') + `${JSON.stringify(calling)}\n`.repeat(2);
    const store = await prepare(content);
    store.close();
    expect(store.report.warnings.map(({ code }) => code)).toEqual([
      'hidden_tools',
      'hidden_tool_calls',
      'hidden_reasoning',
      'empty_turn',
    ]);
    for (const { message } of store.report.warnings) expect(message).toContain('2 of 3 rows');
  });

  it('says why nothing is left of a row that only calls tools', async () => {
    const call = { type: 'function', function: { name: 'f', arguments: '{}' } };
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', tool_calls: [call] },
    ];
    const failure = prepare(`${JSON.stringify({ messages })}\n`);
    await expect(failure).rejects.toMatchObject({ problems: [{ line: 1, code: 'nothing_to_learn' }] });
    await expect(failure).rejects.toThrow('does not show tool calls');
  });

  it('reports what was cut, dropped, split or not read', async () => {
    const long = 'the program '.repeat(40);
    const chats = await prepare(chatLine('a', long) + chatLine(long, 'b') + chatLine('c', 'd'));
    chats.close();
    expect(chats.report).toMatchObject({ truncatedExamples: 1, droppedExamples: 1, examples: 3 });
    expect(chats.report.warnings.map(({ code }) => code)).toEqual(['truncated_examples', 'dropped_examples']);
    const texts = await prepare(`${JSON.stringify({ text: long, id: 1 })}\n`);
    texts.close();
    expect(texts.report).toMatchObject({ splitExamples: 1, droppedTokens: 0, unknownFields: { id: 1 } });
    expect(texts.report.warnings.map(({ code }) => code)).toEqual(['split_examples', 'unknown_field']);
  });

  it('warns of a stand-in template and of a model that cannot be taught to stop', async () => {
    const bert = await loadTokenizer(join(fixtures, 'wordpiece-bert'));
    const plain = await loadChatTemplate(join(fixtures, 'wordpiece-bert'), bert);
    const store = await prepare(chatLine('a', 'b'), { tokenizer: bert, template: plain });
    store.close();
    expect(store.report.warnings.map(({ code }) => code)).toEqual(['no_eos_token', 'default_template']);
  });

  it('says so if nothing to learn fits into any block', async () => {
    const failure = prepare(chatLine('the program '.repeat(40), 'b'));
    await expect(failure).rejects.toMatchObject({ code: 'no_blocks' });
    expect(await readdir(cacheFolder)).toEqual([]);
  });

  it('leaves nothing behind when it is aborted, and tells how far it is', async () => {
    const seen: number[] = [];
    const controller = new AbortController();
    const failure = prepare(CHATS.repeat(200), {
      signal: controller.signal,
      onProgress: (done, total) => {
        seen.push(done / total);
        if (done > total / 3) controller.abort(new Error('enough'));
      },
    });
    await expect(failure).rejects.toThrow('enough');
    expect(seen.at(-1)).toBeLessThan(1);
    expect(await readdir(cacheFolder)).toEqual([]);
  });

  it('refuses a file that changes while it is read', async () => {
    const failure = prepare(CHATS.repeat(200), {
      onProgress: () => appendFileSync(join(folder, 'train.jsonl'), chatLine('a', 'b')),
    });
    await expect(failure).rejects.toMatchObject({ code: 'file_changed' });
  });

  it('sweeps partial files that a crash has left, but not those of others at work', async () => {
    (await prepare(chatLine('a', 'b'))).close();
    const [old, young] = [join(cacheFolder, 'x.tmp'), join(cacheFolder, 'y.tmp')];
    await writeFile(old, 'x');
    await writeFile(young, 'y');
    const lastWeek = new Date(Date.now() - 7 * 24 * 60 * 60 * 1000);
    await utimes(old, lastWeek, lastWeek);
    (await prepare(chatLine('c', 'd'))).close();
    const names = await readdir(cacheFolder);
    expect(names).toContain('y.tmp');
    expect(names).not.toContain('x.tmp');
  });
});
