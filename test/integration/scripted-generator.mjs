/** Stands in for apps/generator: does what the prompt says, so that tests decide what happens when. */
import { getPriority } from 'node:os';

const waiting = new Set();
let cancelled = 0;
let maxAtOnce = 0;

const tell = (message) => process.send(message);
const write = (call, text) => tell({ call, update: text });
const fail = (call, code, message) => tell({ call, error: { code, message, details: {} } });

function answer(call, texts, finish_reason = 'stop') {
  for (const text of texts) write(call, text);
  tell({ call, result: { finish_reason, prompt_tokens: 3, completion_tokens: texts.length } });
}

process.on('message', ({ call, cancel, input }) => {
  if (cancel) {
    if (!waiting.delete(call)) return;
    cancelled++;
    fail(call, 'answer_cancelled', 'nobody waits');
    return;
  }
  const { prompt } = input;
  const isTokens = Array.isArray(prompt) && typeof prompt[0] !== 'object';
  const text = typeof prompt === 'string' ? prompt : isTokens ? 'task' : prompt.at(-1).content;
  const [word, argument] = text.split(' ');
  waiting.add(call);
  maxAtOnce = Math.max(maxAtOnce, waiting.size);
  if (word === 'wait') write(call, 'begun');
  if (word === 'wait' || word === 'silent') return;
  if (word === 'die') {
    if (argument === 'late') write(call, 'begun');
    // What was said before comes through.
    setTimeout(() => process.exit(9), 50);
    return;
  }
  waiting.delete(call);
  if (word === 'fail') fail(call, argument, 'as the prompt says');
  else if (word === 'break') fail(call, 'internal_error', 'secret');
  else if (word === 'hide') {
    tell({ call, update: { hidden: [argument] } });
    answer(call, ['Well, ', 'yes.']);
  } else if (word === 'garble') tell({ call, result: { finish_reason: 'whim' } });
  else if (word === 'task') answer(call, [JSON.stringify(input)]);
  else if (word === 'process') {
    const names = Object.keys(process.env);
    answer(call, [
      JSON.stringify({ pid: process.pid, priority: getPriority(), names, arguments: process.argv.slice(2) }),
    ]);
  } else if (word === 'figures') answer(call, [JSON.stringify({ cancelled, maxAtOnce, pid: process.pid })]);
  else answer(call, ['Well, ', 'yes.']);
});
process.once('disconnect', () => process.exit());
