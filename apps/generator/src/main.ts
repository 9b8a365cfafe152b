/**
 * The process that answers prompts for the API that forked it: see libs/contracts/generator-calls.ts. Those that it has
 * at a time take turns, a token each. It ends when its parent does.
 */
import { generatorMethods } from '#contracts/generator-calls.js';
import { serveCalls } from '#contracts/serve-calls.js';
import { answerTask, classifyTask } from './answer-task.js';
import { WarmModels } from './warm-models.js';

const [cacheFolder, memoryBytes] = process.argv.slice(2);
if (!process.send || cacheFolder === undefined || memoryBytes === undefined) {
  console.error(
    'the generator is started by the API, with a channel, a cache folder and a bound of its memory',
  );
  process.exit(2);
}
const models = new WarmModels(cacheFolder, Number(memoryBytes));

serveCalls(generatorMethods, {
  answer: (task, { signal, update }) => answerTask(models, task, { signal, onUpdate: update }),
  classify: (task, { signal }) => classifyTask(models, task, signal),
});
