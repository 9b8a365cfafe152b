/** Stands in for apps/generator: does what the prompt says, so that tests decide what happens when. */
import { getPriority } from 'node:os';

const waiting = new Set();
let cancelled = 0;
let mostAtOnce = 0;

const tell = (message) => process.send(message);

function answer(id, texts, finish_reason = 'stop') {
  for (const text of texts) tell({ type: 'text', id, text });
  tell({ type: 'done', id, finish_reason, prompt_tokens: 3, completion_tokens: texts.length });
}

process.on('message', (command) => {
  const { type, id } = command;
  if (type === 'cancel') {
    if (!waiting.delete(id)) return;
    cancelled++;
    tell({ type: 'failed', id, code: 'answer_cancelled', message: 'nobody waits', typed: true });
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
  if (word === 'fail')
    tell({ type: 'failed', id, code: argument, message: 'as the prompt says', typed: true });
  else if (word === 'break')
    tell({ type: 'failed', id, code: 'internal_error', message: 'secret', typed: false });
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
