/** A job, its stream and its plan as a server answers them. */
import type { ServerResponse } from 'node:http';
import type { JobObject } from '#contracts/http/jobs.js';
import { type SeenRequest, sendJson, type StubAnswer } from '../../../test/stub-server.js';

const hyperparameters = { batch_size: 'auto', learning_rate_multiplier: 'auto', n_epochs: 'auto' } as const;
export const job: JobObject = {
  id: 'ftjob-1',
  object: 'fine_tuning.job',
  created_at: 1_700_000_000,
  finished_at: null,
  model: 'tiny',
  fine_tuned_model: null,
  organization_id: 'default',
  result_files: [],
  status: 'running',
  trained_tokens: null,
  training_file: 'file-1',
  validation_file: null,
  hyperparameters,
  seed: 42,
  error: null,
  estimated_finish: null,
  method: { type: 'supervised', supervised: { hyperparameters } },
  integrations: [],
  metadata: null,
  suffix: null,
  lora: null,
  training: {},
  requested: { training: {}, lora: null, device: 'auto', seed: null, learning_rate_multiplier: null },
  resolved: { training: {}, lora: {}, device: null, seed: 42, reasons: [] },
  device: 'auto',
  init_adapter: null,
  adapter: null,
  progress: { step: 3, total_steps: 10, tokens_per_second: 100, loss: 2.5, seconds_left: 70 },
  position: null,
  waiting: null,
  attempt: 1,
  started_at: 1_700_000_001,
  cancel_requested: false,
  pause_requested: false,
  plan: null,
  choices: null,
};
export const page = (data: readonly unknown[]) => ({
  object: 'list',
  data,
  has_more: false,
  first_id: null,
  last_id: null,
});

/** What the stream of a job tells before its end. */
export const messages = [
  ['job', '', { ...job, status: 'queued', position: 2 }],
  ['event', '1-0', event(1, 'info', 'Started')],
  ['job', '', job],
  ['metric', '1-1', metric(1, 'step', 1, { loss: 2, tokens_per_second: 50 })],
  ['metric', '1-2', metric(2, 'evaluation', 1, { loss: 1.5, perplexity: 4.48, accuracy: 0.5, best: true })],
  ['progress', '', { status: 'running', position: null, ...job.progress, step: 4 }],
  ['event', '2-2', event(2, 'warn', 'Careful')],
  ['metric', '2-3', metric(3, 'step', 10, { loss: 1, tokens_per_second: 60 })],
] as const;

function event(seq: number, level: string, message: string) {
  const whole = { object: 'fine_tuning.job.event', created_at: 0, type: 'message', data: null, code: 'x' };
  return { ...whole, id: `e${seq}`, seq, level, message };
}

function metric(seq: number, kind: string, step: number, values: object) {
  return { id: `m${seq}`, object: 'fine_tuning.job.metric', created_at: 0, seq, step, kind, values };
}

export const finished = {
  ...job,
  status: 'succeeded',
  adapter: 'adapter-1',
  fine_tuned_model: 'ft:tiny:default::1',
};

const fileObject = {
  id: 'file-2',
  object: 'file',
  bytes: 3,
  created_at: 0,
  expires_at: null,
  filename: 'a.jsonl',
  purpose: 'fine-tune',
  status: 'processed',
  sha256: '',
  report: null,
};

export const plan = {
  object: 'fine_tuning.plan',
  model: 'tiny',
  base_identity: 'sha256:0',
  model_parameters: 1000,
  weight_bytes: { 'as-stored': 4000, int8: 2100, int4: 800 },
  modules: [],
  whole_weights: [],
  trainable_parameters: 12,
  adapter_bytes: 48,
  lora: {},
  training: {},
  resolved: { training: {}, lora: {}, device: null, seed: 1, reasons: [] },
  device: 'auto',
  seed: 1,
  data: {
    training: {
      examples: 2,
      tokens: 9,
      trained_tokens: 4,
      blocks: 1,
      block_length: 16,
      truncated_examples: 0,
      dropped_examples: 0,
      estimated: false,
      example: [
        { text: 'What?\n', trained: false },
        { text: 'It is 1.', trained: true },
      ],
      shown_examples: [],
      lengths: { min: 4, median: 4, p90: 5, max: 5, width: 1, counts: [0, 0, 0, 1, 1] },
    },
    validation: null,
  },
  choices: null,
  total_steps: 10,
  steps_per_epoch: 5,
  time: null,
  warnings: [{ code: 'w', message: 'beware' }],
};

/** Answers to everything about the one job, which ends as `last` says. */
export function answerAbout(last: object): StubAnswer {
  return (request, response) => {
    if (request.path.endsWith('/stream')) sendStream(request, response, last);
    else if (request.path === '/v1/files') sendJson(response, fileObject);
    else if (request.path.endsWith('/plan')) sendJson(response, plan);
    else sendJson(response, request.method === 'POST' ? job : last);
  };
}

function sendStream(request: SeenRequest, response: ServerResponse, last: object): void {
  if (request.headers['last-event-id'] === '2-3') {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [name, id, data] of [...messages, ['job', '', last] as const]) {
    response.write(`event: ${name}\n${id && `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
  }
  response.end();
}
