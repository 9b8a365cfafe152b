import { expect, test } from 'vitest';
import { errorCodeOf, exitCodes, exitOf, isRetryable, traitsOf } from './error-codes.js';
import { errorOf, factsOf, kindOf, LowrankError } from './errors.js';

test('status, exit code and another try follow from the kind of a code', () => {
  const of = (code: Parameters<typeof traitsOf>[0]) => ({
    kind: traitsOf(code).kind,
    status: traitsOf(code).status,
    exit: exitOf(code),
    isRetryable: isRetryable(code),
  });
  expect(of('invalid_data')).toEqual({ kind: 'caller', status: 400, exit: 2, isRetryable: false });
  expect(of('disk_full')).toEqual({ kind: 'machine', status: 507, exit: 1, isRetryable: true });
  expect(of('database_unavailable')).toEqual({ kind: 'transient', status: 503, exit: 3, isRetryable: true });
  expect(of('internal_error')).toEqual({ kind: 'bug', status: 500, exit: 1, isRetryable: true });
});

test('a state that does not allow it is a conflict for scripts, though HTTP says 400 as OpenAI does', () => {
  expect({ status: traitsOf('job_finished').status, exit: exitOf('job_finished') }).toEqual({
    status: 400,
    exit: exitCodes.conflict,
  });
});

test('an error crosses the border of a process with code, kind and details', () => {
  const sent: unknown = JSON.parse(
    JSON.stringify(factsOf(new LowrankError('disk_full', 'no room', { details: { file: 'a' } }))),
  );
  const error = errorOf(sent as ReturnType<typeof factsOf>);
  expect(error).toMatchObject({
    code: 'disk_full',
    kind: 'machine',
    message: 'no room',
    details: { file: 'a' },
  });
});

test("what nobody named is a bug, and what the file system refused is the machine's", () => {
  expect(factsOf(new TypeError('x of undefined'))).toMatchObject({ code: 'internal_error' });
  expect(kindOf(new TypeError('x of undefined'))).toBe('bug');
  const refused = Object.assign(new Error('EACCES: /a'), { errno: -13, path: '/a', code: 'EACCES' });
  expect(factsOf(refused)).toMatchObject({ code: 'file_access', message: 'EACCES: /a' });
});

test('a code of a newer version is not taken over', () => {
  expect(errorCodeOf('toString')).toBe('internal_error');
  expect(errorCodeOf('code_of_tomorrow', 'answer_unexpected')).toBe('answer_unexpected');
});
