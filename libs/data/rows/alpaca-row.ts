/** Rows of an instruction and its answer, as Stanford's Alpaca and LLaMA-Factory have them. */
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { checkLearnable, readMessages } from '#data/rows/messages.js';
import { readText, type RowShape } from '#data/rows/row-shape.js';

/** Both names that the answer has. */
const answers = ['output', 'response'];

const answerOf = (fields: Fields) => answers.find((field) => field in fields);

export const alpacaShape: RowShape = {
  kinds: ['chat'],
  fields: ['instruction', 'input', ...answers, 'system', 'history'],
  structured: ['history'],

  detects: (fields) => 'instruction' in fields && answerOf(fields) !== undefined,

  /** The input stands below its instruction, as LLaMA-Factory puts it; earlier turns are learned too. */
  read(fields, report) {
    const output = answerOf(fields)!;
    const optional = (field: string) =>
      fields[field] === undefined ? '' : readText(fields, field, report, { mayBeEmpty: true });
    const [input, system] = [optional('input'), optional('system')];
    const instruction = readText(fields, 'instruction', report, { mayBeEmpty: input !== '' });
    const answer = readText(fields, output, report);
    const history = readHistory(fields.history, report);
    if (instruction === undefined || input === undefined || system === undefined) return undefined;
    if (answer === undefined || !history) return undefined;
    const question = [instruction, input].filter((part) => part !== '').join('\n');
    const turns = [...history, [question, answer] as const].flatMap(([user, assistant]) => [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ]);
    const written = system === '' ? turns : [{ role: 'system', content: system }, ...turns];
    const messages = readMessages(written, output, report);
    return messages && checkLearnable(messages, output, report) ? { kind: 'chat', messages } : undefined;
  },
};

/** Earlier turns, none where there are none; undefined if a problem was reported. */
function readHistory(value: unknown, report: Report): (readonly [string, string])[] | undefined {
  if (value === undefined || value === '') return [];
  const isTurn = (turn: unknown): turn is [string, string] =>
    Array.isArray(turn) && turn.length === 2 && turn.every((text) => typeof text === 'string' && text !== '');
  if (!Array.isArray(value)) {
    const problem = `"history" must be a list of [question, answer], but is ${describeType(value)}.`;
    report('history', 'wrong_type', problem);
    return undefined;
  }
  const wrong = value.findIndex((turn) => !isTurn(turn));
  if (wrong < 0) return value as [string, string][];
  report(`history[${wrong}]`, 'wrong_type', 'an earlier turn must be two texts: [question, answer].');
  return undefined;
}
