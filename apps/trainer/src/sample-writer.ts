/** Sample answers by the generator. */
import { join } from 'node:path';
import type { ChatMessage } from '#data/template-messages.js';
import { createGenerator } from '#generation/generator.js';
import { isEagerDevice } from '#runtime/device.js';
import type { SampleContext, SampleWriter } from '#training/samples.js';

/** A writer on the device of the run. TensorFlow.js is loaded only to compile, or for the eager device. */
export async function openSampleWriter(context: SampleContext): Promise<SampleWriter> {
  const { base, modules, layout, device, backend, threads, tokenizer, template } = context;
  const generator = createGenerator({
    model: base,
    tokenizer,
    template,
    adapter: { modules, parameters: new Float32Array(layout.size) },
    runner: isEagerDevice(device)
      ? { kind: 'eager', backend: backend! }
      : {
          kind: 'compiled',
          device,
          threads,
          spin: false,
          cacheFolder: join(context.cacheFolder, 'graphs'),
        },
  });
  return {
    async write(prompts, parameters, signal) {
      generator.setAdapter(parameters);
      const samples = [];
      for (const [request, prompt] of prompts.entries()) {
        const messages = prompt as string | readonly ChatMessage[];
        const { text, finishReason } = await generator.complete(messages, {
          maxTokens: context.maxTokens,
          temperature: context.temperature,
          seed: context.seed,
          request,
          signal,
        });
        const shown =
          typeof messages === 'string' ? messages : template.render(messages, { addGenerationPrompt: true });
        samples.push({ prompt: shown, answer: text, finish_reason: finishReason });
      }
      return samples;
    },
    close: () => generator.close(),
  };
}
