import { hashFiles, modelFileNames, modelIdentity } from 'lowrank/hub/model-identity.js';
import { parseLoraConfig } from 'lowrank/lora/config.js';
import { parseTrainingOptions } from 'lowrank/training/options.js';
import { trainAdapter } from 'lowrank/training/run.js';

const baseModel = 'models/prose-4m';
const job = {
  baseModel,
  baseIdentity: modelIdentity(await hashFiles(baseModel, await modelFileNames(baseModel))),
  trainingFile: 'examples/quickstart/train.jsonl',
  lora: parseLoraConfig({ r: 8, target_modules: ['q_proj', 'v_proj'] }),
  options: parseTrainingOptions({ max_steps: 20, batch_size: 4, block_length: 128 }),
  outputFolder: process.argv[2] ?? '.lowrank/library',
};
const onEvent = (event) => event.type === 'step' && console.log(`step ${event.step}: loss ${event.loss}`);
const { summary } = await trainAdapter(job, { onEvent });
console.log(`${summary.adapter_folder}: ${summary.adapter_bytes} bytes`);
