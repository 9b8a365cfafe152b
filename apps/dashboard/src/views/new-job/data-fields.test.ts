import { expect, test } from 'vitest';
import { columnsOf, dataBody, dataFieldsOf, noDataFields } from './data-fields.js';

test('what the form says of the files is what the request says, and comes back from a job', () => {
  const fields = { split: '0.1', format: 'csv', columns: 'prompt=question, completion=the answer' };
  const body = dataBody(fields, false);
  expect(body).toEqual({
    validation_split: 0.1,
    format: 'csv',
    columns: { prompt: 'question', completion: 'the answer' },
  });
  expect(dataFieldsOf(body as never)).toEqual(fields);
  expect(dataBody(noDataFields, false)).toEqual({});
  expect(dataFieldsOf({})).toEqual(noDataFields);
});

test('no rows are kept back beside a validation file, and what is no number is for the server to refuse', () => {
  expect(dataBody({ ...noDataFields, split: '0.1' }, true)).toEqual({});
  expect(dataBody({ ...noDataFields, split: 'some' }, false)).toEqual({ validation_split: 'some' });
  expect(columnsOf(' text = body ,')).toEqual({ text: 'body' });
});
