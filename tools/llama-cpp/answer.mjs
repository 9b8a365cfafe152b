/**
 * Answers prompts with llama.cpp on the processor: a JSON job on the standard input, JSON on the standard output.
 *
 *     npm ci --omit=optional --ignore-scripts --prefix tools/llama-cpp
 *     echo '{"model": "model.gguf", "prompts": [[1, 2]], "tokens": 8}' | node tools/llama-cpp/answer.mjs
 *
 * `adapter` is a GGUF file too; `texts` are tokenized. Greedy, and without a stop. What llama.cpp refuses is `error`.
 */
import { text } from 'node:stream/consumers';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const job = JSON.parse(await text(process.stdin));
const told = [];

async function answers() {
  const llama = await getLlama({
    gpu: false,
    // More would wait for each other on a machine that does other things too.
    maxThreads: 1,
    build: 'never',
    logLevel: LlamaLogLevel.warn,
    logger: (_, message) => told.push(message),
  });
  const model = await llama.loadModel({ modelPath: job.model, useMmap: true });
  const lora = job.adapter ? { adapters: [{ filePath: job.adapter, scale: 1 }] } : undefined;
  const context = await model.createContext({
    contextSize: 512,
    threads: 1,
    lora,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const sequence = context.getSequence();
  const found = [];
  for (const prompt of job.prompts ?? []) {
    await sequence.clearHistory();
    const tokens = [];
    for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      tokens.push(token);
      if (tokens.length === job.tokens) break;
    }
    found.push(tokens);
  }
  return {
    answers: found,
    tokenized: (job.texts ?? []).map((one) => [...model.tokenize(one, job.special ?? true)]),
    template: model.fileInfo.metadata.tokenizer?.chat_template ?? null,
  };
}

let result;
try {
  result = await answers();
} catch (error) {
  result = { error: String(error?.message ?? error) };
}
process.stdout.write(JSON.stringify({ ...result, told: told.slice(-20) }), () => process.exit(0));
