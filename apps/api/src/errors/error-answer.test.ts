import { BadRequestException, NotFoundException } from '@nestjs/common';
import { describe, expect, test } from 'vitest';
import { errorBody } from '#contracts/http/errors.js';
import { DataError } from '#data/data-error.js';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { PlanError } from '#jobs/plan-problems.js';
import { OptionsError } from '#base/field-problems.js';
import { ApiError, notFound } from './api-error.js';
import { answerFor } from './error-answer.js';

const problem = (line: number) => ({
  file: 'a.jsonl',
  line,
  field: 'text',
  code: 'bad',
  message: `wrong ${line}`,
});
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

test.each([
  [
    'a refusal of ours',
    new ApiError('file_too_large', 'too large', { param: 'file' }),
    413,
    'file_too_large',
  ],
  ['what is not there', notFound('fine-tuning job', 'x'), 404, 'fine_tuning_job_not_found'],
  ['a code that is known', new LowrankError('job_finished', 'over'), 400, 'job_finished'],
  [
    'a key that was used for another request',
    new LowrankError('idempotency_mismatch', 'x'),
    422,
    'idempotency_mismatch',
  ],
  ['a store that is away', new LowrankError('store_unavailable', 'x'), 503, 'store_unavailable'],
  ['a full disk', Object.assign(new Error('x'), { code: 'ENOSPC' }), 507, 'disk_full'],
  ['a quota', Object.assign(new Error('x'), { code: 'EDQUOT' }), 507, 'disk_full'],
  ['a full disk of Postgres', Object.assign(new Error('x'), { code: '53100' }), 507, 'disk_full'],
  ['a database that is away', refused, 503, 'database_unavailable'],
  [
    'a database that stops',
    Object.assign(new Error('x'), { name: 'QueryFailedError', driverError: { code: '57P01' } }),
    503,
    'database_unavailable',
  ],
  ['a broken connection', new Error('Connection terminated unexpectedly'), 503, 'database_unavailable'],
  ['an unknown route', new NotFoundException('Cannot GET /x'), 404, 'unknown_url'],
  ['a bad request of Nest', new BadRequestException('x'), 400, 'invalid_request'],
  [
    'a parser',
    Object.assign(new Error('Unexpected end'), { status: 400, type: 'entity.parse.failed' }),
    400,
    'invalid_request',
  ],
  ['a code that nobody knows', new LowrankError('state_missing', 'secret'), 500, 'internal_error'],
  ['a bug', new TypeError('x of undefined'), 500, 'internal_error'],
  ['no error at all', 'text', 500, 'internal_error'],
  ['nothing', undefined, 500, 'internal_error'],
])('%s', (_, error, status, code) => {
  const answer = answerFor(error);
  expect(answer).toMatchObject({ status, body: { error: { code } } });
  errorBody.parse(answer.body);
});

test('what nobody foresaw tells a client nothing of itself', () => {
  const { message } = answerFor(new LowrankError('state_missing', 'secret')).body.error;
  expect(message).toBe('the server failed; its log says why');
});

describe('a client', () => {
  const headersOf = (status: number) => answerFor(new ApiError('invalid_request', 'x', { status })).headers;

  test("of OpenAI's is told not to send again what cannot become right", () => {
    for (const status of [400, 401, 404, 413, 422])
      expect(headersOf(status)).toHaveProperty('x-should-retry', 'false');
    for (const status of [408, 429, 500, 503]) expect(headersOf(status)).not.toHaveProperty('x-should-retry');
    expect(headersOf(503)).toHaveProperty('retry-after');
  });
});

describe('problems', () => {
  test('of data are shown first, with line and field, and 50 are listed', () => {
    const problems = Array.from({ length: 50 }, (_, i) => problem(i + 1));
    const { body } = answerFor(new DataError(problems, false));
    expect(body.error).toMatchObject({
      param: 'file',
      problems: expect.objectContaining({ length: 50 }) as unknown,
    });
    expect(body.error.message).toContain('a.jsonl, line 1, text: wrong 1; a.jsonl, line 2');
    expect(body.error.message).toContain('and 45 or more');
    expect(body.error.problems![0]).toEqual({ field: 'text', line: 1, code: 'bad', message: 'wrong 1' });
  });

  test('of fields name the first as param', () => {
    const options = new OptionsError('invalid_request', 'the job', [
      { field: 'seed', problem: 'is odd', fix: 'give 2' },
    ]);
    expect(answerFor(options).body.error).toMatchObject({
      param: 'seed',
      problems: [{ field: 'seed', message: 'is odd', fix: 'give 2' }],
    });
    const plan = new PlanError([{ field: 'lora.r', code: 'rank_too_large', message: 'is too large' }]);
    expect(answerFor(plan).body.error).toMatchObject({ param: 'lora.r', code: 'job_invalid' });
    const unsupported = new UnsupportedError('not done', { options: ['method.type'] });
    expect(answerFor(unsupported)).toMatchObject({ status: 400, body: { error: { param: 'method.type' } } });
  });

  test('never grow beyond measure', () => {
    const long = 'a'.repeat(100_000);
    const error = new OptionsError(
      'invalid_request',
      'the job',
      Array.from({ length: 200 }, () => ({ field: long, problem: long, fix: 'x' })),
    );
    expect(JSON.stringify(answerFor(error).body).length).toBeLessThan(100_000);
  });
});
