/**
 * Teaches the ResNet of make_digits_resnet.py to read digits that are turned by a quarter: LoRA on its convolutions, as a
 * job over HTTP, with the accuracy before and after.
 *
 *     node dist/tools/images/train-digits.js FOLDER URL         FOLDER of make_digits_resnet.py, URL of a service
 */
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LowrankClient } from '#client/client.js';

const [folder, url] = process.argv.slice(2);
if (folder === undefined || url === undefined)
  throw new Error('give the folder and the address of a service');
const client = new LowrankClient({ url });

const upload = async (name: string) =>
  (await client.files.upload(await openAsBlob(join(folder, name)), name)).id;

/** Share of the rows of a file whose likeliest class is theirs. */
async function accuracyOf(model: string, name: string): Promise<number> {
  const lines = (await readFile(join(folder!, name), 'utf8')).trimEnd().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { image: string; label: string });
  let right = 0;
  for (let from = 0; from < rows.length; from += 100) {
    const some = rows.slice(from, from + 100);
    const input = some.map(({ image }) => ({ image }));
    const { results } = await client.classifications.create({ model, input });
    right += results.filter(({ label }, i) => label === some[i]!.label).length;
  }
  return right / rows.length;
}

await client.models.add({ name: 'digits', folder: resolve(folder, 'model') });
console.log(`base, upright digits: ${(await accuracyOf('digits', 'upright.jsonl')).toFixed(3)}`);
console.log(`base, turned digits: ${(await accuracyOf('digits', 'validation.jsonl')).toFixed(3)}`);
const started = performance.now();
const { id } = await client.jobs.create({
  model: 'digits',
  training_file: await upload('train.jsonl'),
  validation_file: await upload('validation.jsonl'),
  method: { type: 'classification', classification: { hyperparameters: {} } },
  lora: { r: 8, lora_alpha: 16, target_modules: String.raw`.*\.encoder\..*\.convolution` },
  training: { learning_rate: 0.005, n_epochs: 10, batch_size: 16 },
});
let job = await client.jobs.get(id);
while (!['succeeded', 'failed', 'cancelled'].includes(job.status)) {
  await delay(500);
  job = await client.jobs.get(id);
}
if (job.status !== 'succeeded')
  throw new Error(`the job ended as ${job.status}: ${JSON.stringify(job.error)}`);
const { name, bytes } = await client.adapters.get(job.adapter!);
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(`job: ${seconds} s, adapter of ${bytes} bytes`);
console.log(`adapter, turned digits: ${(await accuracyOf(name, 'validation.jsonl')).toFixed(3)}`);
