/**
 * Compares a model's token ids, logits and greedy answers here with those of the real transformers:
 *
 *     node dist/tools/check/compare-with-transformers.js --model FOLDER_OR_GGUF --python PYTHON [--tokens 24]
 *
 * Answers here come token by token from kept keys and values; transformers reads the whole of each at once. One prompt is longer
 * than the windows of attention that small models have. Ends with 1 where ids or greedy tokens differ, or logits by more than
 * 1e-3 of the largest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { BucketModel } from '#generation/bucket-model.js';
import { openModelFolder } from '#models/model-folder.js';
import { readTensors } from '../../test/golden/golden-case.js';
import { relativeError } from '../../test/tolerances.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    python: { type: 'string' },
    tokens: { type: 'string', default: '24' },
  },
});
const { python } = values;
if (!values.model || !python) throw new Error('--model and --python are needed');
const model = resolve(values.model);
const count = Number(values.tokens);
const allowed = 1e-3;

const story = 'The harbour was quiet, and the keeper of the light counted the boats as they came home. ';
const answered = [
  'The capital of France is',
  'def fibonacci(n):\n    """Return the n-th Fibonacci number."""\n',
  'Water boils at 100 degrees Celsius because',
  `${story.repeat(40)}When the last of them had come,`,
];
const texts = [
  ...answered,
  '',
  '  leading and  double   spaces, and trailing ones  ',
  'Ünïcödé, naïve café, 数据集, русский текст, עברית, ไทย, 👩‍👩‍👧 😀',
  "it's I'LL we've 3.14159 1,234,567 x=1;y+=2 <b>tag</b> https://example.org/?q=a&b=%20",
  'line\n\nbreaks\r\n\ttabs\u00a0and\u200bothers',
];

const base = await openModelFolder(model);
const tokenizer = await loadTokenizer(model);
const folder = mkdtempSync(join(tmpdir(), 'lowrank-transformers-'));
const answers = BucketModel.create({
  model: base,
  modules: [],
  runner: { kind: 'compiled', device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
});

function largestAt(logits: Float32Array): number {
  return logits.reduce((best, value, i) => (value > logits[best]! ? i : best), 0);
}

const ids = texts.map((text) => tokenizer.encode(text));
const added: number[][] = [];
const logits: Float32Array[][] = [];
for (const prompt of answered.keys()) {
  const sequence = answers.open(undefined);
  const tokens: number[] = [];
  const rows: Float32Array[] = [];
  for (let next = ids[prompt]!; tokens.length < count; next = [tokens.at(-1)!]) {
    rows.push(await sequence.extend(next));
    tokens.push(largestAt(rows.at(-1)!));
  }
  added.push(tokens);
  logits.push(rows);
}
await answers.close();
writeFileSync(join(folder, 'job.json'), JSON.stringify({ model, texts, added }));
const script = join(import.meta.dirname, '../../../tools/check/answer_in_transformers.py');
const { status } = spawnSync(python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0) throw new Error(`${python} ${script} ${folder} ended with ${status}`);
const theirs = await readTensors(join(folder, 'transformers.safetensors'));
rmSync(folder, { recursive: true });

let failures = 0;
for (const [i, text] of texts.entries()) {
  const same = (name: string, ours: readonly number[]) => {
    const { values } = theirs.get(`${i}.${name}`)!;
    const isSame = values.length === ours.length && ours.every((value, at) => value === values[at]);
    if (!isSame) failures += 1;
    return `${ours.length} ${name} ${isSame ? 'equal' : `DIFFER: here ${ours.join()}, there ${values.join()}`}`;
  };
  const lines = [same('ids', ids[i]!)];
  if (i < answered.length) {
    const { values, shape } = theirs.get(`${i}.logits`)!;
    const width = shape[1]!;
    const errors = logits[i]!.map((row, at) =>
      relativeError(row, values.subarray(at * width, (at + 1) * width)),
    );
    const worst = Math.max(...errors);
    if (!(worst <= allowed)) failures += 1;
    lines.push(same('greedy', added[i]!), `logits differ by ${worst.toExponential(1)} of the largest`);
  }
  console.log(`${JSON.stringify(text.slice(-40))}: ${lines.join('; ')}`);
}
console.log(`failures: ${failures}`);
process.exitCode = failures === 0 ? 0 : 1;
