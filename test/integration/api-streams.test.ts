import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkpointObject, jobStreamMessage } from '#contracts/http/streams.js';
import { Claims } from '#jobs/claims.js';
import { writeProgress } from '#jobs/progress.js';
import { type ApiServer, type AnswerBody, startApi } from './api-server.js';

let api: ApiServer;
let job: { model: string; training_file: string };
let claims: Claims;
let id: string;
let attempt: number;
beforeAll(async () => {
  api = await startApi();
  job = await api.smallJob();
  claims = new Claims(api.platform);
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

beforeEach(async () => {
  id = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body.id;
  ({ attempt } = (await claims.claimJob(id, 'worker-t', 'cpu'))!);
});

const path = (what: string) => `/v1/fine_tuning/jobs/${id}/${what}`;

async function step(from: number, to = from): Promise<void> {
  const metrics = Array.from({ length: to - from + 1 }, (_, i) => ({
    step: from + i,
    kind: 'step' as const,
    values: { loss: 1 / (from + i) },
  }));
  expect(await writeProgress(api.platform, { jobId: id, attempt }, { metrics })).not.toBe('lost');
}

async function finish(): Promise<void> {
  await claims.finish(
    { jobId: id, attempt },
    { end: 'failed', error: { code: 'loss_not_finite', message: 'it broke' } },
  );
}

interface Sse {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: AnswerBody;
}

/** Follows a stream by hand: yields its events; `cut` breaks the connection. */
function follow(what: string, lastId?: string) {
  const events: Sse[] = [];
  let onChange = () => undefined as void;
  let status = 0;
  const over = new AbortController();
  const sent = request(
    `${api.url}${path(what)}`,
    { headers: lastId === undefined ? {} : { 'last-event-id': lastId } },
    (response) => {
      status = response.statusCode!;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        const blocks = text.split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) if (!block.startsWith(':')) events.push(parseBlock(block));
        onChange();
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        over.abort();
        onChange();
      });
    },
  );
  sent.on('error', () => undefined);
  sent.end();
  const until = async (isDone: () => boolean) => {
    while (!isDone() && !over.signal.aborted) await new Promise<void>((resolve) => (onChange = resolve));
  };
  return {
    events,
    status: () => status,
    /** Waits for a number of events, or the end. */
    count: (count: number) => until(() => events.length >= count),
    end: () => until(() => false),
    cut: () => sent.destroy(),
  };
}

function parseBlock(block: string): Sse {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  return { event: fields['event'], id: fields.id, data: JSON.parse(fields['data'] ?? '{}') as AnswerBody };
}

const seqs = (data: readonly AnswerBody[]) => data.map(({ seq }) => seq);

describe('pages', () => {
  test('of events are newest first, or oldest first, without gaps', async () => {
    const { body } = await api.call('GET', path('events'));
    expect(seqs(body.data)).toEqual([3, 2, 1]);
    expect(body).toMatchObject({ object: 'list', has_more: false });
    const first = await api.call('GET', path('events?limit=2'));
    expect(first.body).toMatchObject({ has_more: true });
    const rest = await api.call('GET', path(`events?limit=2&after=${first.body.last_id}`));
    expect(seqs(rest.body.data)).toEqual([1]);
    expect(seqs((await api.call('GET', path('events?order=asc'))).body.data)).toEqual([1, 2, 3]);
    expect(rest.body.data[0]).toMatchObject({
      object: 'fine_tuning.job.event',
      level: 'info',
      type: 'message',
      code: 'job.created',
    });
  });

  test('of metrics are in the order of steps, by kind if asked', async () => {
    await step(1, 5);
    const { body } = await api.call('GET', path('metrics?limit=3'));
    expect(body.data.map(({ step }) => step)).toEqual([1, 2, 3]);
    const rest = await api.call('GET', path(`metrics?after=${body.last_id}`));
    expect(rest.body.data[1]).toMatchObject({
      step: 5,
      values: { loss: 0.2 },
    });
    expect((await api.call('GET', path('metrics?kind=evaluation'))).body).toMatchObject({ data: [] });
  });

  test('of checkpoints have the name of the model at that step', async () => {
    await step(1, 8);
    for (const at of [4, 8]) {
      await writeProgress(
        api.platform,
        { jobId: id, attempt },
        {
          checkpoint: { step: at, best: false, files: [], metrics: { step: at, train_loss: 1 / at } },
        },
      );
    }
    const { body } = await api.call('GET', path('checkpoints?limit=1'));
    const [newest] = body.data;
    expect(checkpointObject.parse(newest)).toMatchObject({
      step_number: 8,
      fine_tuning_job_id: id,
      fine_tuned_model_checkpoint: `ft:tiny:default::${id.slice(6)}:ckpt-step-8`,
      metrics: { step: 8, train_loss: 0.125 },
    });
    const rest = await api.call('GET', path(`checkpoints?after=${body.last_id}`));
    expect(rest.body).toMatchObject({ has_more: false, data: [{ step_number: 4 }] });
  });

  test.each([
    'events?after=ftevent-x-1',
    'metrics?after=nothing',
    'checkpoints?after=ftckpt_x',
    'events?stream=yes',
  ])('are refused for %s', async (query) => {
    expect((await api.call('GET', path(query))).status).toBe(400);
  });
});

describe('a stream', () => {
  test('of events begins at the beginning, goes on live and ends after the last', async () => {
    const stream = follow('events?stream=true');
    await stream.count(3);
    expect(stream.events.map(({ id }) => id)).toEqual(['1', '2', '3']);
    await finish();
    await stream.end();
    expect(stream.events.at(-1)!.data).toMatchObject({
      code: 'job.failed',
      level: 'error',
      message: 'it broke',
    });
    expect(stream.events.map(({ id }) => id)).toEqual(['1', '2', '3', '4']);
  });

  test('that ended and is asked for again says that there is no more', async () => {
    await step(1, 2);
    await finish();
    expect(follow('events?stream=true', '4')).toBeDefined();
    for (const [what, last] of [
      ['events?stream=true', '4'],
      ['metrics?stream=true', '2'],
      ['stream', '4-2'],
    ] as const) {
      const stream = follow(what, last);
      await stream.end();
      expect({ what, status: stream.status(), events: stream.events }).toEqual({
        what,
        status: 204,
        events: [],
      });
      const earlier = follow(what, what === 'stream' ? '3-2' : '1');
      await earlier.end();
      expect(earlier.status()).toBe(200);
      expect(earlier.events.length).toBeGreaterThan(0);
    }
  });

  test('of metrics that is cut 20 times gives every one once, in order', async () => {
    const seen: Sse[] = [];
    for (let cut = 0; cut < 20; cut++) {
      const stream = follow('metrics?stream=true', seen.at(-1)?.id);
      await step(5 * cut + 1, 5 * cut + 5);
      await stream.count(1 + (cut % 5));
      stream.cut();
      await stream.end();
      seen.push(...stream.events);
    }
    await finish();
    const last = follow('metrics?stream=true', seen.at(-1)?.id);
    await last.end();
    seen.push(...last.events);
    expect(seen.map(({ id }) => Number(id))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(seen.map(({ data }) => data.step)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  test('of everything carries events, metrics, the job and its progress, and can be taken up anywhere', async () => {
    const stream = follow('stream');
    await step(1, 3);
    await stream.count(7);
    await step(4);
    const hasStep = () => stream.events.some(({ event, data }) => event === 'metric' && data.step === 4);
    while (!hasStep()) await stream.count(stream.events.length + 1);
    await finish();
    await stream.end();
    const { events } = stream;
    for (const { event, data } of events) jobStreamMessage.parse({ event, data });
    const [first] = events.filter(({ event }) => event === 'job');
    expect(first!.data).toMatchObject({ id, status: 'running' });
    expect(events.filter(({ event }) => event === 'progress').length).toBeGreaterThan(0);
    expect(events.filter(({ event }) => event === 'job').at(-1)!.data).toMatchObject({ status: 'failed' });
    expect(events.at(-1)).toMatchObject({ event: 'event', id: '4-4' });
    const middle = events.findIndex(({ id }) => id !== undefined) + 2;
    const again = follow('stream', events.slice(0, middle).findLast(({ id }) => id !== undefined)!.id);
    await again.end();
    const numbered = (all: readonly Sse[]) =>
      all.filter(({ id }) => id !== undefined).map(({ data }) => data.id);
    expect([...numbered(events.slice(0, middle)), ...numbered(again.events)].toSorted()).toEqual(
      numbered(events).toSorted(),
    );
  });

  test('with an id that is none of its own is refused', async () => {
    const stream = follow('stream', '7');
    await stream.end();
    expect(stream.status()).toBe(400);
  });

  test('of each of 30 watchers gets everything', async () => {
    const streams = Array.from({ length: 30 }, () => follow('metrics?stream=true'));
    for (let at = 1; at <= 50; at++) await step(at);
    await finish();
    await Promise.all(streams.map((stream) => stream.end()));
    for (const { events } of streams) expect(events).toHaveLength(50);
  });
});
