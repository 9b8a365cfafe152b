/**
 * The process that answers prompts for the API that forked it: see libs/contracts/generator-messages.ts. Those that it
 * has at a time take turns, a token each. It ends when its parent does.
 */
import {
  generatorCommand,
  type GeneratorMessage,
  type GeneratorTask,
} from '#contracts/generator-messages.js';
import { factsOf, LowrankError } from '#base/errors.js';
import { answerTask } from './answer-task.js';
import { WarmModels } from './warm-models.js';

const [cacheFolder, memoryBytes] = process.argv.slice(2);
if (!process.send || cacheFolder === undefined || memoryBytes === undefined) {
  console.error(
    'the generator is started by the API, with a channel, a cache folder and a bound of its memory',
  );
  process.exit(2);
}
const models = new WarmModels(cacheFolder, Number(memoryBytes));

/** Those that were not answered yet, by id. */
const waiting = new Map<number, AbortController>();

function tell(message: GeneratorMessage): void {
  // A parent that is gone hears nothing; that ends this process by itself.
  process.send?.(message, () => undefined);
}

async function answer(task: GeneratorTask, signal: AbortSignal): Promise<void> {
  const { id } = task;
  try {
    tell(await answerTask(models, task, { signal, onText: (text) => tell({ type: 'text', id, text }) }));
  } catch (error) {
    tell({ type: 'failed', id, error: factsOf(error) });
  } finally {
    waiting.delete(id);
  }
}

process.on('message', (value) => {
  const command = generatorCommand.parse(value);
  if (command.type === 'cancel') {
    waiting.get(command.id)?.abort(new LowrankError('answer_cancelled', 'nobody waits for the answer'));
    return;
  }
  const abort = new AbortController();
  waiting.set(command.id, abort);
  void answer(command, abort.signal);
});
process.once('disconnect', () => process.exit());
