/**
 * How fast a model answers: seconds to the first token of a prompt, then tokens a second, at first and with graphs from the cache.
 *
 *     node dist/tools/check/generation-speed.js --model FOLDER [--prompt 60] [--tokens 64] [--threads 2]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { createGenerator } from '#generation/generator.js';
import { openModelFolder } from '#models/model-folder.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    prompt: { type: 'string', default: '60' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
  },
});
if (!values.model) throw new Error('--model is needed');
const folder = resolve(values.model);
const model = await openModelFolder(folder);
const tokenizer = await loadTokenizer(folder);
const template = await loadChatTemplate(folder, tokenizer);
const cacheFolder = mkdtempSync(join(tmpdir(), 'generation-speed-'));

/** A text of as many tokens as were asked for. */
function promptOf(length: number): string {
  const text = 'The sea was calm, and the boats lay still before the town. '.repeat(length);
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  return tokenizer.decode(ids.slice(0, length - tokenizer.prefix.length));
}

const prompt = promptOf(Number(values.prompt));
const maxTokens = Number(values.tokens);
try {
  for (const start of ['first start', 'second start']) {
    const threads = Number(values.threads);
    const runner = { kind: 'compiled', device: 'cpu', threads, spin: true, cacheFolder } as const;
    const generator = createGenerator({ model, tokenizer, template, runner });
    for (const answer of ['first answer', 'second answer']) {
      const times = [performance.now()];
      const onToken = () => void times.push(performance.now());
      const { promptTokens, tokens } = await generator.complete(prompt, { maxTokens, stopIds: [], onToken });
      const first = (times[1]! - times[0]!) / 1000;
      const rest = (times.at(-1)! - times[1]!) / 1000;
      console.log(
        `${start}, ${answer}: ${promptTokens} tokens of prompt, the first token after ${first.toFixed(2)} s, ` +
          `then ${((tokens.length - 1) / rest).toFixed(1)} tokens/s; all ${tokens.length} in ${(first + rest).toFixed(2)} s; ` +
          `memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
      );
    }
    await generator.close();
  }
} finally {
  rmSync(cacheFolder, { recursive: true });
}
