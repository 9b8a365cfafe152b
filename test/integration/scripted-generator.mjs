/** Stands in for apps/generator: does what the prompt says, so that tests decide what happens when. */
import { getPriority } from 'node:os';

const waiting = new Set();
let cancelled = 0;
let mostAtOnce = 0;

const tell = (message) => process.send(message);
const fail = (id, code, message) => tell({ type: 'failed', id, error: { code, message, details: {} } });

function answer(id, texts, finish_reason = 'stop') {
  for (const text of texts) tell({ type: 'text', id, text });
  tell({ type: 'done', id, finish_reason, prompt_tokens: 3, completion_tokens: texts.length });
}

process.on('message', (command) => {
  const { type, id } = command;
  if (type === 'cancel') {
    if (!waiting.delete(id)) return;
    cancelled++;
    fail(id, 'answer_cancelled', 'nobody waits');
    return;
  }
  const { prompt } = command;
  const [word, argument] = String(typeof prompt === 'string' ? prompt : prompt.at(-1).content).split(' ');
  waiting.add(id);
  mostAtOnce = Math.max(mostAtOnce, waiting.size);
  if (word === 'wait') tell({ type: 'text', id, text: 'begun' });
  if (word === 'wait' || word === 'silent') return;
  if (word === 'die') {
    if (argument === 'late') tell({ type: 'text', id, text: 'begun' });
    // What was said before comes through.
    setTimeout(() => process.exit(9), 50);
    return;
  }
  waiting.delete(id);
  if (word === 'fail') fail(id, argument, 'as the prompt says');
  else if (word === 'break') fail(id, 'internal_error', 'secret');
  else if (word === 'task') answer(id, [JSON.stringify(command)]);
  else if (word === 'process') {
    const names = Object.keys(process.env);
    answer(id, [
      JSON.stringify({ pid: process.pid, priority: getPriority(), names, arguments: process.argv.slice(2) }),
    ]);
  } else if (word === 'figures') answer(id, [JSON.stringify({ cancelled, mostAtOnce, pid: process.pid })]);
  else answer(id, ['Well, ', 'yes.']);
});
process.once('disconnect', () => process.exit());
