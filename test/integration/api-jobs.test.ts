import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { jobObject } from '#contracts/http/jobs.js';
import { planObject } from '#contracts/http/plans.js';
import { Claims } from '#jobs/claims.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { writeProgress } from '#jobs/progress.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { type ApiServer, fileForm, type AnswerBody, startApi, sums } from './api-server.js';
import { chosenValues } from './chosen-values.js';

const jobs = '/v1/fine_tuning/jobs';
let api: ApiServer;
let job: { model: string; training_file: string };
let claims: Claims;
beforeAll(async () => {
  api = await startApi();
  job = await api.smallJob();
  claims = new Claims(api.platform);
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

async function create(body: object = {}): Promise<AnswerBody> {
  const { status, body: made, text } = await api.call('POST', jobs, { ...job, ...body });
  expect(status, text).toBe(200);
  return made;
}

async function refusal(
  body: unknown,
  path = jobs,
): Promise<{ status: number; param: string | null; message: string; fields: string[] }> {
  const { status, body: answer } = await api.call('POST', path, body);
  const { param, message, problems } = answer.error;
  return { status, param, message, fields: (problems ?? []).map(({ field }) => field) };
}

describe('a new job', () => {
  test('has a reason for every option, and what the first worker decides is kept', async () => {
    const { id, resolved } = jobObject.parse(await create({ training: { max_steps: 100 } }));
    const options = new Set(resolved.reasons.map(({ option }) => option));
    for (const option of Object.keys(resolved.training)) expect(options).toContain(option);
    for (const option of Object.keys(resolved.lora!)) expect(options).toContain(`lora.${option}`);
    const reason = (from: typeof resolved, option: string) =>
      from.reasons.find((entry) => entry.option === option);
    expect(reason(resolved, 'learning_rate')).toMatchObject({ source: 'rule' });
    expect(reason(resolved, 'batch_size')).toMatchObject({ source: 'machine', value: null });
    const { attempt } = (await claims.claimJob(id, 'worker-t', 'cpu'))!;
    const decide = (batch: number, step: number) =>
      writeProgress(
        api.platform,
        { jobId: id, attempt },
        {
          decided: {
            device: 'cpu',
            chosen: { ...chosenValues, batch_size: batch },
            choices: [{ option: 'batch_size', value: batch, reason: `fits ${batch}` }],
          },
          metrics: [{ step, kind: 'step', values: { loss: 1 } }],
        },
      );
    await decide(4, 1);
    await decide(2, 2);
    const { resolved: decided, choices } = jobObject.parse((await api.call('GET', `${jobs}/${id}`)).body);
    expect(decided).toMatchObject({ device: 'cpu', training: { batch_size: 4, recompute: 0 } });
    expect(reason(decided, 'batch_size')).toMatchObject({ value: 4, reason: 'fits 4', source: 'machine' });
    expect(reason(decided, 'device')).toMatchObject({ value: 'cpu', source: 'machine' });
    expect(choices!.map(({ option }) => option)).toEqual(
      expect.arrayContaining(['learning_rate', 'block_length', 'batch_size']),
    );
    await api.call('POST', `${jobs}/${id}/cancel`);
  });

  test('of an older version is explained when it is read', async () => {
    const { id } = await create({ training: { max_steps: 5 } });
    await api.platform.database.query('UPDATE job SET requested = NULL, resolved = NULL WHERE id = $1', [id]);
    const { requested, resolved } = jobObject.parse((await api.call('GET', `${jobs}/${id}`)).body);
    expect(requested).toMatchObject({ training: { max_steps: 5 }, device: 'auto', seed: 42 });
    expect(resolved).toMatchObject({ training: { max_steps: 5, weight_decay: 0 }, seed: 42 });
    expect(resolved.reasons.find(({ option }) => option === 'max_steps')).toMatchObject({
      source: 'request',
    });
    await api.call('POST', `${jobs}/${id}/cancel`);
  });

  test('has the shape of OpenAI and ours, and waits', async () => {
    const made = await create({
      suffix: 'sums',
      metadata: { team: 'a' },
      lora: { r: 4, lora_alpha: 8, target_modules: ['q_proj'] },
      training: { max_steps: 5, learning_rate: 0.01 },
      seed: 7,
      integrations: null,
    });
    expect(jobObject.parse(made)).toMatchObject({
      object: 'fine_tuning.job',
      model: 'tiny',
      status: 'queued',
      training_file: job.training_file,
      validation_file: null,
      fine_tuned_model: null,
      finished_at: null,
      error: null,
      seed: 7,
      organization_id: 'default',
      result_files: [],
      metadata: { team: 'a' },
      hyperparameters: { batch_size: 'auto', n_epochs: 'auto' },
      lora: { r: 4, lora_alpha: 8, target_modules: ['q_proj'] },
      training: { max_steps: 5, learning_rate: 0.01 },
      requested: {
        training: { max_steps: 5, learning_rate: 0.01 },
        lora: { r: 4, lora_alpha: 8, target_modules: ['q_proj'] },
        device: 'auto',
        seed: 7,
        learning_rate_multiplier: null,
      },
      resolved: {
        training: { max_steps: 5, learning_rate: 0.01, weight_decay: 0, block_length: 128, batch_size: null },
        lora: { r: 4, lora_alpha: 8, lora_dropout: 0, target_modules: ['q_proj'] },
        device: null,
        seed: 7,
      },
      progress: { step: 0, total_steps: null, seconds_left: null },
    });
    const read = await api.call('GET', `${jobs}/${made.id}`);
    expect(read.body).toEqual(made);
  });

  test("takes OpenAI's hyperparameters in both places", async () => {
    const inMethod = await create({
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2, batch_size: 'auto' } } },
    });
    expect(inMethod).toMatchObject({
      hyperparameters: { n_epochs: 2, batch_size: 'auto' },
      training: { n_epochs: 2 },
    });
    const old = await create({ hyperparameters: { batch_size: 3, learning_rate_multiplier: 0.5 } });
    // The tiny model is 32 wide: 2e-4 * sqrt(4096 / 32) is 2e-3 in one digit.
    expect(old).toMatchObject({
      hyperparameters: { batch_size: 3, learning_rate_multiplier: 0.5 },
      training: { batch_size: 3, learning_rate: 0.001 },
    });
  });

  test('knows its place among those that wait', async () => {
    const first = await create();
    const second = await create();
    const position = async ({ id }: AnswerBody) => (await api.call('GET', `${jobs}/${id}`)).body.position;
    const before = await position(first);
    expect(await position(second)).toBe(before + 1);
    await api.call('POST', `${jobs}/${first.id}/cancel`);
    expect(await position(second)).toBe(before);
  });

  test('goes on with a fine-tuned model', async () => {
    const made = await create({ training: { max_steps: 1 } });
    const id = made.id;
    const claim = (await claims.claimJob(id, 'worker-t', 'cpu'))!;
    await claims.finish(
      { jobId: id, attempt: claim.attempt },
      {
        end: 'succeeded',
        trainedTokens: 10,
        adapter: { config: { r: 8, peft_type: 'LORA' }, files: [], sha256: '0' },
      },
    );
    const done = (await api.call('GET', `${jobs}/${id}`)).body;
    expect(done).toMatchObject({ status: 'succeeded', trained_tokens: 10 });
    expect(done['fine_tuned_model']).toMatch(/^ft:tiny:default::[A-Za-z0-9]{24}$/);
    const further = await create({ model: done['fine_tuned_model'] });
    expect(further).toMatchObject({ model: 'tiny', init_adapter: done.adapter });
    const both = await refusal({ ...job, model: done['fine_tuned_model'], init_adapter: done.adapter });
    expect(both).toMatchObject({ status: 400, param: 'init_adapter' });
  });
});

describe('what a job measured', () => {
  const step = (step: number, loss: number, accuracy: number) =>
    ({ step, kind: 'step', values: { loss, accuracy } }) as const;
  const claim = async (body: object = {}) => {
    const { id } = await create(body);
    const { attempt } = (await claims.claimJob(id, 'worker-t', 'cpu'))!;
    return { jobId: id, attempt };
  };
  const cancelled = async (claimed: { jobId: string; attempt: number }) => {
    await api.call('POST', `${jobs}/${claimed.jobId}/cancel`);
    await claims.finish(claimed, { end: 'cancelled' });
    return jobObject.parse((await api.call('GET', `${jobs}/${claimed.jobId}`)).body);
  };

  test('is a file when it has ended, cancelled too', async () => {
    const claimed = await claim();
    await writeProgress(api.platform, claimed, {
      metrics: [
        { step: 0, kind: 'evaluation', values: { loss: 2.5, accuracy: 0.125 } },
        step(1, 2, 0.25),
        { step: 2, kind: 'evaluation', values: { loss: 1.75, accuracy: 0.5 } },
        step(2, 1.5, 0.5),
      ],
    });
    const { status, result_files } = await cancelled(claimed);
    expect(status).toBe('cancelled');
    const path = `/v1/files/${result_files[0]}`;
    const { body } = await api.call('GET', path);
    expect(body).toMatchObject({
      filename: 'step_metrics.csv',
      purpose: 'fine-tune-results',
      status: 'processed',
    });
    const { text, headers } = await api.call('GET', `${path}/content`);
    expect(text).toBe(
      'step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n' +
        '0,,,2.5,0.125\n1,2,0.25,,\n2,1.5,0.5,1.75,0.5\n',
    );
    expect(body['bytes']).toBe(text.length);
    expect(headers.get('etag')).toBe(`"${String(body['sha256'])}"`);
    const listed = await api.call('GET', '/v1/files?purpose=fine-tune-results');
    expect(listed.body.data.map(({ id }) => id)).toContain(result_files[0]);
    const refused = await refusal({ ...job, training_file: result_files[0] });
    expect(refused).toMatchObject({ status: 400, param: 'training_file' });
    expect((await api.call('DELETE', path)).status).toBe(200);
    expect((await api.call('GET', `${path}/content`)).status).toBe(404);
  });

  test('is no file where there was no step', async () => {
    expect((await cancelled(await claim())).result_files).toEqual([]);
  });
});

describe('a bad job is refused, and the field is named', () => {
  const cases: readonly [what: string, body: () => unknown, param: string][] = [
    ['nothing', () => ({}), 'model'],
    ['a list', () => [], '(all)'],
    ['an unknown model', () => ({ ...job, model: 'gpt-4o-mini' }), 'model'],
    ['an unknown training file', () => ({ ...job, training_file: 'file-none' }), 'training_file'],
    ['an unknown validation file', () => ({ ...job, validation_file: 'file-none' }), 'validation_file'],
    ['an unknown adapter', () => ({ ...job, init_adapter: 'adapter-none' }), 'init_adapter'],
    ['an unknown field', () => ({ ...job, colour: 'red' }), 'colour'],
    ['a suffix that is too long', () => ({ ...job, suffix: 'a'.repeat(65) }), 'suffix'],
    ['a suffix with a colon', () => ({ ...job, suffix: 'a:b' }), 'suffix'],
    [
      '17 entries of metadata',
      () => ({ ...job, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ''])) }),
      'metadata',
    ],
    ['metadata of numbers', () => ({ ...job, metadata: { a: 1 } }), 'metadata.a'],
    ['another method', () => ({ ...job, method: { type: 'reinforcement' } }), 'method.type'],
    [
      'a beta of nothing',
      () => ({ ...job, method: { type: 'dpo', dpo: { hyperparameters: { beta: 0 } } } }),
      'method.dpo.hyperparameters.beta',
    ],
    [
      'two methods',
      () => ({ ...job, method: { type: 'supervised' }, training: { method: { type: 'dpo' } } }),
      'method',
    ],
    ['rows of another method', () => ({ ...job, method: { type: 'dpo' } }), 'training_file'],
    [
      'a tracker whose server nobody named',
      () => ({ ...job, integrations: [{ type: 'mlflow', mlflow: {} }] }),
      'integrations',
    ],
    [
      'a tracker without its project',
      () => ({ ...job, integrations: [{ type: 'wandb', wandb: {} }] }),
      'integrations.0.wandb.project',
    ],
    [
      'one tracker twice',
      () => ({
        ...job,
        integrations: ['a', 'b'].map((project) => ({ type: 'wandb', wandb: { project } })),
      }),
      'integrations',
    ],
    ['no epochs at all', () => ({ ...job, hyperparameters: { n_epochs: 0 } }), 'hyperparameters.n_epochs'],
    [
      'two different epochs',
      () => ({ ...job, hyperparameters: { n_epochs: 2 }, training: { n_epochs: 3 } }),
      'hyperparameters.n_epochs',
    ],
    [
      'epochs and steps',
      () => ({ ...job, hyperparameters: { n_epochs: 2 }, training: { max_steps: 3 } }),
      'hyperparameters.n_epochs',
    ],
    [
      'a multiplier and a learning rate',
      () => ({ ...job, hyperparameters: { learning_rate_multiplier: 2 }, training: { learning_rate: 0.1 } }),
      'hyperparameters.learning_rate_multiplier',
    ],
    ['two seeds', () => ({ ...job, seed: 1, training: { seed: 2 } }), 'seed'],
    ['two devices', () => ({ ...job, device: 'cpu', training: { device: 'eager' } }), 'device'],
    ['an unknown device', () => ({ ...job, device: 'tpu' }), 'device'],
    ['a rank of 0', () => ({ ...job, lora: { r: 0 } }), 'lora.r'],
    ['an option of PEFT that is not done', () => ({ ...job, lora: { use_qalora: true } }), 'lora.use_qalora'],
    [
      'modules that are not there',
      () => ({ ...job, lora: { target_modules: ['query'] } }),
      'lora.target_modules',
    ],
    ['an unknown training option', () => ({ ...job, training: { epochs: 3 } }), 'training.epochs'],
    [
      'blocks beyond the context',
      () => ({ ...job, training: { block_length: 4096 } }),
      'training.block_length',
    ],
    [
      'recomputing on the eager device',
      () => ({ ...job, device: 'eager', training: { recompute: true } }),
      'training.recompute',
    ],
    ['a NUL character', () => ({ ...job, metadata: { a: 'b\0' } }), 'metadata.a'],
    ['half a character', () => ({ ...job, metadata: { a: '\ud800' } }), 'metadata.a'],
  ];

  test.each(cases)('%s', async (_, body, param) => {
    for (const path of [jobs, '/v1/fine_tuning/plan']) {
      const { status, param: named, message } = await refusal(body(), path);
      expect({ status, named }, message).toEqual({ status: 400, named: param });
      expect(message.length).toBeGreaterThan(10);
    }
  });

  test('every problem at once', async () => {
    const { fields } = await refusal({
      model: 'tiny',
      lora: { r: 0, rank: 2 },
      training: { learning_rate: -1 },
      seed: 'x',
    });
    expect(fields.toSorted()).toEqual([
      'lora.r',
      'lora.rank',
      'seed',
      'training.learning_rate',
      'training_file',
    ]);
  });

  test('no JSON, no body, too large a body', async () => {
    const send = (body: string, type = 'application/json') =>
      fetch(`${api.url}${jobs}`, { method: 'POST', body, headers: { 'content-type': type } });
    expect((await send('{')).status).toBe(400);
    expect((await send('{}', 'text/plain')).status).toBe(400);
    expect((await send(JSON.stringify({ model: 'a'.repeat(2_000_000) }))).status).toBe(413);
    expect((await send('['.repeat(400_000))).status).toBe(400);
    expect((await send(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).status).toBe(400);
  });
});

test('a plan tells modules, parameters, bytes, tokens and steps, and makes nothing', async () => {
  const validation = (await api.call('POST', '/v1/files', fileForm(sums(5), 'v.jsonl'))).body.id;
  const before = await api.call('GET', `${jobs}?limit=100`);
  const { status, body } = await api.call('POST', '/v1/fine_tuning/plan', {
    ...job,
    validation_file: validation,
    lora: { r: 4, target_modules: ['q_proj', 'v_proj'] },
  });
  expect(status).toBe(200);
  const plan = planObject.parse(body);
  expect(plan.modules).toHaveLength(4);
  expect(plan.weight_bytes['as-stored']).toBe(4 * plan.model_parameters);
  expect(plan.weight_bytes.int8).not.toBe(plan.weight_bytes['as-stored']);
  expect(plan.weight_bytes.int4).toBeLessThan(plan.weight_bytes.int8);
  expect(plan.modules[0]).toEqual({
    path: 'model.layers.0.self_attn.q_proj',
    shape: [32, 32],
    r: 4,
    scale: 2,
    parameters: 256,
  });
  expect(plan.trainable_parameters).toBe(2 * (256 + 4 * (32 + 16)));
  expect(plan.data!.training).toMatchObject({ examples: 40, estimated: false, dropped_examples: 0 });
  expect(plan.data!.validation).toMatchObject({ examples: 5 });
  expect(plan.total_steps).toBeGreaterThan(0);
  expect(plan.choices!.map(({ option }) => option)).toContain('learning_rate');
  expect(await api.call('GET', `${jobs}?limit=100`)).toMatchObject({ body: before.body });
});

describe('the list of jobs', () => {
  test('comes in pages, filtered by metadata and state', async () => {
    const mark = { mark: 'listed' };
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await create({ metadata: { ...mark, i: String(i) } })).id);
    const seen: string[] = [];
    for (let after = ''; ;) {
      const { body } = await api.call('GET', `${jobs}?limit=2&metadata[mark]=listed${after}`);
      const data = body.data;
      seen.push(...data.map(({ id }) => id));
      for (const { position } of data) expect(position).toBeGreaterThan(0);
      if (!body.has_more) break;
      after = `&after=${data.at(-1)!.id}`;
    }
    expect(seen).toEqual(ids.toReversed());
    const one = await api.call('GET', `${jobs}?metadata[mark]=listed&metadata[i]=3`);
    expect(one.body.data.map(({ id }) => id)).toEqual([ids[3]]);
    await api.call('POST', `${jobs}/${ids[0]}/cancel`);
    const cancelled = await api.call('GET', `${jobs}?metadata[mark]=listed&status=cancelled`);
    expect(cancelled.body.data.map(({ id }) => id)).toEqual([ids[0]]);
    const without = await api.call('GET', `${jobs}?metadata=null&limit=100`);
    for (const { metadata } of without.body.data) expect(metadata).toBeNull();
  });

  test.each(['limit=101', 'after=ftjob-none', 'status=done', 'colour=red', 'metadata=x'])(
    'is refused for ?%s',
    async (query) => {
      expect((await api.call('GET', `${jobs}?${query}`)).status).toBe(400);
    },
  );
});

describe('a job', () => {
  test('is paused, resumed and cancelled; what is over stays so, and clients are told not to retry', async () => {
    const id = (await create()).id;
    const act = (what: string) => api.call('POST', `${jobs}/${id}/${what}`);
    expect((await act('pause')).body).toMatchObject({ status: 'paused', position: null });
    expect((await act('resume')).body).toMatchObject({ status: 'queued' });
    expect((await act('cancel')).body).toMatchObject({ status: 'cancelled' });
    expect((await act('cancel')).body).toMatchObject({ status: 'cancelled' });
    const late = await act('pause');
    expect(late.status).toBe(400);
    expect(late.headers.get('x-should-retry')).toBe('false');
    expect(late.body.error).toMatchObject({ code: 'job_finished' });
  });

  test('that runs says how far it is and when it will end, and that it is being cancelled', async () => {
    const id = (await create()).id;
    const { attempt } = (await claims.claimJob(id, 'worker-t', 'cpu'))!;
    const values = { loss: 1 };
    const claim = { jobId: id, attempt };
    await writeProgress(api.platform, claim, {
      facts: {
        totalSteps: 100,
        tokensPerSecond: 50,
      },
      decided: {
        device: 'cpu',
        chosen: chosenValues,
        choices: [{ option: 'batch_size', value: 4, reason: 'r' }],
      },
      metrics: [{ step: 1, kind: 'step', values }],
    });
    await writeProgress(api.platform, claim, {
      metrics: [
        { step: 11, kind: 'step', values: { loss: 0.5 } },
        { step: 11, kind: 'evaluation', values: { loss: 2 } },
      ],
    });
    await api.platform.database.query(
      `UPDATE metric SET created_at = created_at - interval '20 seconds' WHERE job_id = $1 AND step = 1`,
      [id],
    );
    const { body } = await api.call('GET', `${jobs}/${id}`);
    expect(body).toMatchObject({
      status: 'running',
      position: null,
      progress: { step: 11, total_steps: 100, tokens_per_second: 50, loss: 0.5 },
      hyperparameters: { batch_size: 4 },
      cancel_requested: false,
    });
    // 10 steps in 20 seconds, 89 to come.
    expect(body.progress.seconds_left).toBeCloseTo(178, -1);
    expect(body.estimated_finish).toBeGreaterThan(Date.now() / 1000 + 150);
    expect((await api.call('POST', `${jobs}/${id}/cancel`)).body).toMatchObject({
      status: 'running',
      cancel_requested: true,
    });
  });

  test('that is over is deleted with what it measured, and its adapter and data stay', async () => {
    const { id } = await create();
    const remove = () => api.call('DELETE', `${jobs}/${id}`);
    const waiting = await remove();
    expect(waiting).toMatchObject({ status: 409, body: { error: { code: 'job_not_finished' } } });
    expect(waiting.body.error.message).toContain('cancel it');
    const claim = { jobId: id, attempt: (await claims.claimJob(id, 'worker-t', 'cpu'))!.attempt };
    await writeProgress(api.platform, claim, {
      metrics: [{ step: 1, kind: 'step', values: { loss: 1 } }],
    });
    const [own, shared] = [`jobs/${id}/attempts/1/own`, `jobs/${id}/attempts/1/shared`];
    const files = [own, shared].map((key) => ({ path: key, key, bytes: 1, sha256: '0' }));
    for (const key of [own, shared]) await api.platform.objects.put(key, Buffer.from('x'));
    const checkpoint = { id: 'ftckpt_deleted', jobId: id, step: 1, attempt: 1, files, metrics: {} };
    await api.platform.database.manager.insert(Checkpoint, checkpoint);
    await claims.finish(claim, {
      end: 'succeeded',
      trainedTokens: 1,
      adapter: { config: {}, files: files.slice(1), sha256: '0' },
    });
    const done = jobObject.parse((await api.call('GET', `${jobs}/${id}`)).body);
    const reading = {
      id: 'composition-reading',
      projectId: 'default',
      kind: 'composition',
      inputIds: [checkpoint.id],
    };
    await api.platform.database.query(
      `INSERT INTO task (id, project_id, kind, state, input, input_ids) VALUES ($1, $2, $3, 'queued', '{}', $4)`,
      [reading.id, reading.projectId, reading.kind, JSON.stringify(reading.inputIds)],
    );
    const used = await remove();
    expect(used).toMatchObject({ status: 409, body: { error: { code: 'job_in_use' } } });
    expect(used.body.error.message).toContain(reading.id);
    await api.platform.database.query('DELETE FROM task WHERE id = $1', [reading.id]);

    expect((await remove()).body).toEqual({ id, object: 'fine_tuning.job', deleted: true });
    expect((await remove()).status).toBe(404);
    for (const path of ['', '/events', '/metrics', '/checkpoints', '/stream'])
      expect((await api.call('GET', `${jobs}/${id}${path}`)).status, path).toBe(404);
    const listed = (await api.call('GET', `${jobs}?limit=100`)).body as unknown as { data: { id: string }[] };
    expect(listed.data.map((one) => one.id)).not.toContain(id);
    for (const table of ['metric', 'job_event', 'checkpoint', 'attempt'])
      expect(
        await api.platform.database.query(`SELECT 1 FROM ${table} WHERE job_id = $1`, [id]),
        table,
      ).toEqual([]);
    expect((await api.call('GET', `/v1/files/${done.result_files[0]}`)).status).toBe(404);
    expect((await api.call('GET', `/v1/adapters/${done.adapter}`)).status).toBe(200);
    expect((await api.call('GET', `/v1/files/${job.training_file}`)).status).toBe(200);
    const left: string[] = [];
    for await (const { key } of api.platform.objects.list(`jobs/${id}/`)) left.push(key);
    expect(left).toEqual([shared]);
  });

  test('that is not there is 404 for everything', async () => {
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/cancel'],
      ['POST', '/pause'],
      ['POST', '/resume'],
      ['GET', '/events'],
      ['GET', '/metrics'],
      ['GET', '/checkpoints'],
      ['GET', '/stream'],
    ] as const) {
      const { status, body } = await api.call(method, `${jobs}/ftjob-none${path}`);
      expect(status, path).toBe(404);
      expect(body.error).toMatchObject({ type: 'not_found_error' });
    }
  });
});

describe('an Idempotency-Key', () => {
  test('makes one job of many requests, sent at once or later', async () => {
    const send = (key: number) =>
      api.call('POST', jobs, { ...job, metadata: { once: 'yes' } }, { 'idempotency-key': `once-${key}` });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => send(i % 10)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const ids = answers.map(({ body }) => body.id);
    expect(new Set(ids).size).toBe(10);
    answers.forEach(({ body }, i) => expect(body).toEqual(answers[i % 10]!.body));
    const listed = await api.call('GET', `${jobs}?limit=100&metadata[once]=yes`);
    expect(listed.body.data.length).toBe(10);
    expect((await send(3)).body).toEqual(answers[3]!.body);
  });

  test('costs few statements, and the answer is what is read afterwards', async () => {
    const send = (key: string) => api.call('POST', jobs, job, { 'idempotency-key': key });
    await send('costs-1');
    const relay = api.app.get(OutboxRelay);
    await relay.stop();
    const query = vi.spyOn(Client.prototype, 'query');
    const { body } = await send('costs-2');
    const statements = query.mock.calls.length;
    query.mockRestore();
    relay.start();
    // Who asks, the answer kept, what is named, how things stand, and all that is written; and a look of somebody's timer.
    expect(statements).toBeLessThanOrEqual(5 + 4);
    expect((await api.call('GET', `${jobs}/${body.id}`)).body).toEqual(body);
  });

  test('with another body is refused for good', async () => {
    const headers = { 'idempotency-key': 'twice' };
    expect((await api.call('POST', jobs, job, headers)).status).toBe(200);
    const other = await api.call('POST', jobs, { ...job, seed: 5 }, headers);
    expect(other.status).toBe(422);
    expect(other.headers.get('x-should-retry')).toBe('false');
    expect(other.body.error).toMatchObject({ code: 'idempotency_mismatch' });
  });

  test('of a refused request may be used again', async () => {
    const headers = { 'idempotency-key': 'again' };
    expect((await api.call('POST', jobs, { ...job, model: 'none' }, headers)).status).toBe(400);
    expect((await api.call('POST', jobs, job, headers)).status).toBe(200);
  });

  test('that is too long is refused', async () => {
    const { status, body } = await api.call('POST', jobs, job, { 'idempotency-key': 'a'.repeat(256) });
    expect({ status, param: body.error['param'] }).toEqual({ status: 400, param: 'Idempotency-Key' });
  });
});
