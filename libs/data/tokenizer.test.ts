import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsupportedError } from '#base/errors.js';
import { loadTokenizer } from '#data/load-tokenizer.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/tokenizers', import.meta.url));

interface TextCase {
  readonly text: string;
  readonly ids: number[];
  readonly ids_without_special: number[];
  readonly decoded: string;
}

/** A tokenizer.json as plain data, to be changed by a test. */
type Json = Record<string, unknown> & {
  added_tokens: Record<string, unknown>[];
  model: Record<string, unknown> & { vocab: Record<string, number> };
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function readJson(fixture: string): Promise<Json> {
  return JSON.parse(await readFile(join(fixtures, fixture, 'tokenizer.json'), 'utf8')) as Json;
}

/** Loads a fixture's tokenizer with changes to its tokenizer.json. */
async function loadChanged(fixture: string, change: (json: Json) => void) {
  const json = await readJson(fixture);
  change(json);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
  return loadTokenizer(folder);
}

describe.each(readdirSync(fixtures))('golden %s', (name) => {
  const { texts } = JSON.parse(readFileSync(join(fixtures, name, 'case.json'), 'utf8')) as {
    texts: TextCase[];
  };

  it.each(texts)('encodes and decodes $text as the reference does', async (golden) => {
    const tokenizer = await loadTokenizer(join(fixtures, name));
    expect(tokenizer.encode(golden.text)).toEqual(golden.ids);
    expect(tokenizer.encode(golden.text, { addSpecialTokens: false })).toEqual(golden.ids_without_special);
    expect(tokenizer.decode(golden.ids, { skipSpecialTokens: true })).toBe(golden.decoded);
  });
});

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

function splitBy(behavior: string, invert = false) {
  const split = { type: 'Split', pattern: { Regex: '\\s|[,.]+' }, behavior, invert };
  return { type: 'Sequence', pretokenizers: [split, { ...BYTE_LEVEL, use_regex: false }] };
}

function metaspace(scheme: string, split: boolean) {
  return { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split };
}

function digits(individual: boolean) {
  return { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: individual }, BYTE_LEVEL] };
}

function addToken(json: Json, content: string, flags: Record<string, boolean>): void {
  const id = Math.max(...Object.values(json.model.vocab)) + 1;
  json.added_tokens.push({ id, content, special: false, normalized: false, ...flags });
}

/**
 * [what, fixture, change, text, ids]. The ids are those of the Rust library (tokenizers 0.23.3):
 * Tokenizer.from_str(changed json).encode(text, add_special_tokens=False).ids
 */
const REFERENCE: [string, string, (json: Json) => void, string, number[]][] = [
  [
    'numeric characters of every kind one by one',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = digits(true)),
    'a ½ Ⅳ 12',
    [77, 233, 139, 134, 233, 171, 240, 109, 233, 29, 30],
  ],
  [
    'numeric characters in runs',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = digits(false)),
    'a ½Ⅳ 12 3',
    [77, 233, 139, 134, 171, 240, 109, 233, 29, 30, 233, 31],
  ],
  [
    "Unicode's white space, which is not JavaScript's",
    'byte-level-gpt2',
    () => undefined,
    'a\u0085\u0085b\ufeff\ufeffc \ufeffd',
    [77, 139, 240, 139, 240, 78, 184, 132, 136, 184, 132, 136, 79, 233, 184, 132, 136, 80],
  ],
  [
    'a space in front of every section',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = { ...BYTE_LEVEL, add_prefix_space: true }),
    'the<|im_end|>the',
    [275, 4, 275],
  ],
  [
    'delimiters removed',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = splitBy('Removed')),
    'one, two.. the end',
    [592, 352, 91, 510, 559],
  ],
  [
    'delimiters merged with the word before',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = splitBy('MergedWithPrevious')),
    'one, two.. the end',
    [592, 24, 233, 352, 91, 26, 26, 233, 510, 233, 559],
  ],
  [
    'delimiters merged with the word after',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = splitBy('MergedWithNext')),
    'one, two.. the end',
    [592, 24, 269, 99, 91, 26, 26, 275, 233, 559],
  ],
  [
    'delimiters in runs',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = splitBy('Contiguous')),
    'one, two.. the end',
    [592, 24, 233, 352, 91, 26, 26, 233, 510, 233, 559],
  ],
  [
    'only the delimiters, with an inverted pattern',
    'byte-level-gpt2',
    (json) => (json.pre_tokenizer = splitBy('Removed', true)),
    'one, two.. the end',
    [24, 233, 26, 26, 233, 233],
  ],
  [
    'lower case letter by letter, without a final sigma',
    'byte-level-gpt2',
    (json) => (json.normalizer = { type: 'Lowercase' }),
    'ΟΔΟΣ The',
    [151, 136, 151, 125, 151, 136, 152, 238, 275],
  ],
  [
    'Metaspace that splits at each mark',
    'metaspace-turns',
    (json) => Object.assign(json, { normalizer: null, pre_tokenizer: metaspace('always', true) }),
    'the  of <s>the',
    [462, 358, 358, 378, 358, 1, 462],
  ],
  [
    'Metaspace that marks the first section only',
    'metaspace-turns',
    (json) => Object.assign(json, { normalizer: null, pre_tokenizer: metaspace('first', false) }),
    'the  of <s>the',
    [380, 358, 470, 1, 366, 324],
  ],
  [
    'unknown characters fused',
    'metaspace-turns',
    (json) => (json.model.byte_fallback = false),
    'a一丁b一c',
    [371, 0, 321, 0, 322],
  ],
  [
    'unknown characters one by one',
    'metaspace-turns',
    (json) => Object.assign(json.model, { byte_fallback: false, fuse_unk: false }),
    'a一丁b一c',
    [371, 0, 0, 321, 0, 322],
  ],
  [
    'an added token that must stand as a word',
    'byte-level-gpt2',
    (json) => addToken(json, '<x>', { single_word: true }),
    '<x> a<x> <x>b (<x>)',
    [700, 271, 40, 100, 42, 233, 40, 100, 42, 78, 396, 700, 21],
  ],
  [
    'an added token that takes the white space around it',
    'byte-level-gpt2',
    (json) => addToken(json, '<x>', { lstrip: true, rstrip: true }),
    'a \n<x>  b<x>',
    [77, 700, 78, 700],
  ],
  [
    'an added token that is looked for in normalized text',
    'metaspace-turns',
    (json) => addToken(json, 'the one', { normalized: true }),
    'the one of the one',
    [900, 358, 378, 900],
  ],
];

describe('encode', () => {
  it.each(REFERENCE)('gives the ids of the reference for %s', async (_, fixture, change, text, ids) => {
    const tokenizer = await loadChanged(fixture, change);
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
  });

  it('gives the same ids for a text whether or not spans are asked for', async () => {
    for (const name of readdirSync(fixtures)) {
      const tokenizer = await loadTokenizer(join(fixtures, name));
      const text = 'Ünïcode 数据<|im_end|>  the program’s\n\n\tcode 😀 123';
      const { ids } = tokenizer.encodeSpans(text, [{ start: 3, end: 20 }]);
      expect(ids).toEqual(tokenizer.encode(text, { addSpecialTokens: false }));
    }
  });

  it('does not truncate or pad, whatever tokenizer.json was saved with', async () => {
    const tokenizer = await loadChanged('wordpiece-bert', (json) => {
      json.truncation = { max_length: 4, strategy: 'LongestFirst', stride: 0, direction: 'Right' };
      json.padding = { strategy: { Fixed: 128 }, pad_id: 0, pad_token: '[PAD]', direction: 'Right' };
    });
    const original = await loadTokenizer(join(fixtures, 'wordpiece-bert'));
    const text = 'you may copy and distribute verbatim copies';
    expect(tokenizer.encode(text)).toEqual(original.encode(text));
    expect(tokenizer.encode('you')).toHaveLength(3);
  });

  it('encodes a long text that is a single word to the model and back', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'metaspace-turns'));
    const ids = tokenizer.encode('the program '.repeat(20_000));
    expect(ids.length).toBeGreaterThan(40_000);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('the program '.repeat(20_000));
  });
});

describe('encodePrompt', () => {
  it('begins a text once, whether or not the text brings the token that begins it', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'metaspace-byte-fallback'));
    const bos = tokenizer.special.bos!.id;
    expect(tokenizer.encodePrompt('<s>What').filter((id) => id === bos)).toEqual([bos]);
    expect(tokenizer.encodePrompt('What')[0]).toBe(bos);
    expect(tokenizer.encodePrompt('')).toEqual([bos]);
  });
});

describe('encodeSpans', () => {
  it('marks a token that reaches over the edge of a span', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    const { ids, isInSpan } = tokenizer.encodeSpans('Hello the world', [{ start: 7, end: 8 }]);
    const marked = ids.filter((_, index) => isInSpan[index] === 1);
    expect(tokenizer.decode(marked)).toBe(' the');
  });

  it('marks every byte of a character', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    const { ids, isInSpan } = tokenizer.encodeSpans('a数b', [{ start: 1, end: 2 }]);
    expect(tokenizer.decode(ids.filter((_, index) => isInSpan[index] === 1))).toBe('数');
    expect([...isInSpan]).toEqual([0, 1, 1, 1, 0]);
  });

  it('finds a span again in text that the normalizer made longer or shorter', async () => {
    const tokenizer = await loadChanged('byte-level-gpt2', (json) => (json.normalizer = { type: 'NFKC' }));
    const text = 'ﬁﬁ e\u0301 the end';
    const start = text.indexOf('end');
    const { ids, isInSpan } = tokenizer.encodeSpans(text, [{ start, end: text.length }]);
    expect(tokenizer.decode(ids.filter((_, index) => isInSpan[index] === 1))).toBe('end');
  });

  it('counts a prefix that the tokenizer puts in front as part of the first character', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'metaspace-turns'));
    const { isInSpan } = tokenizer.encodeSpans('Why?<end_of_turn>', [{ start: 0, end: 4 }]);
    expect(isInSpan.at(0)).toBe(1);
    expect(isInSpan.at(-1)).toBe(0);
  });
});

describe('decode', () => {
  it('makes an empty text of no ids', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    expect(tokenizer.decode([])).toBe('');
  });

  it('keeps spaces before punctuation', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    const text = "is it , or not ? it 's .";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('keeps a byte order mark and writes one replacement for each byte that is not text', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'metaspace-turns'));
    expect(tokenizer.decode([252, 200, 204, 320])).toBe('\ufeffa');
    expect(tokenizer.decode([243, 162, 321, 78])).toBe('\ufffd\ufffdbA');
  });

  it('leaves out ids that are not in the vocabulary', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    expect(tokenizer.decode([77, 100_000, 78])).toBe('ab');
  });

  it('leaves out special tokens only if asked', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    expect(tokenizer.decode([77, 4])).toBe('a<|im_end|>');
    expect(tokenizer.decode([77, 4], { skipSpecialTokens: true })).toBe('a');
  });
});

describe('loadTokenizer', () => {
  it('knows the special tokens, the size of the vocabulary and every stop id', async () => {
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(await readJson('byte-level-gpt2')));
    const config = { bos_token: '<s>', eos_token: { content: '</s>' }, pad_token: '</s>' };
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [4, 2, 7] }));
    const tokenizer = await loadTokenizer(folder);
    await rm(join(folder, 'tokenizer_config.json'));
    await rm(join(folder, 'generation_config.json'));
    expect(tokenizer.special).toEqual({
      bos: { text: '<s>', id: 1 },
      eos: { text: '</s>', id: 2 },
      pad: { text: '</s>', id: 2 },
      unk: undefined,
    });
    expect(tokenizer.stopIds).toEqual([2, 4, 7]);
    expect(tokenizer.vocabularySize).toBe(700);
    expect(tokenizer.isSpecial(4)).toBe(true);
    expect(tokenizer.isSpecial(77)).toBe(false);
  });

  it('finds in text a special token that only tokenizer_config.json calls special', async () => {
    await writeFile(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({
        eos_token: 'the',
        added_tokens_decoder: { '700': { content: '<x>', special: true } },
      }),
    );
    const tokenizer = await loadChanged('byte-level-gpt2', () => undefined);
    await rm(join(folder, 'tokenizer_config.json'));
    expect(tokenizer.encode('a<x>')).toEqual([77, 700]);
    expect(tokenizer.decode(tokenizer.encode('athe'), { skipSpecialTokens: true })).toBe('a');
  });

  it('has another digest when a file that matters changes, and the same one otherwise', async () => {
    const first = (await loadChanged('byte-level-gpt2', () => undefined)).digest;
    expect((await loadChanged('byte-level-gpt2', () => undefined)).digest).toBe(first);
    const changed = await loadChanged('byte-level-gpt2', (json) => addToken(json, '<x>', {}));
    expect(changed.digest).not.toBe(first);
  });

  it('takes an id of -1 for a token that the model does not have, and knows a Git LFS pointer', async () => {
    const source = join(fixtures, 'byte-level-gpt2');
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      await copyFile(join(source, name), join(folder, name));
    }
    const { stopIds } = await loadTokenizer(folder);
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": [-1]}');
    await writeFile(join(folder, 'config.json'), '{"eos_token_id": -1}');
    expect((await loadTokenizer(folder)).stopIds).toEqual(stopIds);
    await writeFile(join(folder, 'tokenizer.json'), 'version https://git-lfs.github.com/spec/v1\nsize 1\n');
    const message = expect.stringContaining('git lfs pull') as unknown;
    await expect(loadTokenizer(folder)).rejects.toMatchObject({ code: 'tokenizer_invalid', message });
  });

  it('says how to get a tokenizer.json that is missing', async () => {
    await expect(loadTokenizer(join(fixtures, '..', 'layers'))).rejects.toMatchObject({
      code: 'tokenizer_missing',
      message: expect.stringContaining('save_pretrained') as string,
    });
  });

  it.each([
    ['a model', (json: Json) => (json.model.type = 'WordLevel'), 'WordLevel'],
    ['a normalizer', (json: Json) => (json.normalizer = { type: 'Precompiled' }), 'Precompiled'],
    ['a pre-tokenizer', (json: Json) => (json.pre_tokenizer = { type: 'UnicodeScripts' }), 'UnicodeScripts'],
    ['a decoder', (json: Json) => (json.decoder = { type: 'CTC' }), 'CTC'],
    ['a post-processor', (json: Json) => (json.post_processor = { type: 'Other' }), 'Other'],
    ['random encoding', (json: Json) => (json.model.dropout = 0.1), 'dropout'],
  ])('names %s that it does not do', async (_, change, name) => {
    const loading = loadChanged('byte-level-gpt2', change);
    await expect(loading).rejects.toBeInstanceOf(UnsupportedError);
    await expect(loading).rejects.toThrow(name);
  });

  it.each([
    ['a merge of an unknown token', (json: Json) => (json.model.merges = ['zzz y'])],
    ['no vocabulary', (json: Json) => (json.model.vocab = null as never)],
    ['an id that is no integer', (json: Json) => (json.model.vocab.a = 1.5)],
    ['an id beyond any embedding', (json: Json) => (json.model.vocab.a = 1e12)],
    ['a sequence without stages', (json: Json) => (json.normalizer = { type: 'Sequence' })],
    ['an added token without text', (json: Json) => json.added_tokens.push({ id: 3 })],
  ])('refuses a damaged file: %s', async (_, change) => {
    await expect(loadChanged('byte-level-gpt2', change)).rejects.toMatchObject({ code: 'tokenizer_invalid' });
  });

  it('refuses a file that is not JSON', async () => {
    await writeFile(join(folder, 'tokenizer.json'), '{"model":');
    await expect(loadTokenizer(folder)).rejects.toMatchObject({ code: 'tokenizer_invalid' });
  });
});
