/**
 * Measures compositions for the API, in a process of its own, and keeps what it measured: other weights and ranks of the
 * same members are then answered at once, also while others are being measured. It ends when its parent does.
 */
import { Composition } from '#adapters/composition.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { viewReport } from '#contracts/composition-report.js';
import { type PreviewAnswer, previewRequest, type PreviewRequest } from '#contracts/preview-messages.js';
import { factsOf, LowrankError } from '#base/errors.js';

/** Measured sums that are kept; each is two small triangles a layer. */
const mostKept = 8;

type Measure = Extract<PreviewRequest, { type: 'measure' }>;
type Report = Extract<PreviewRequest, { type: 'report' }>;

/** By the key of the members, the one that was asked for last at the end. */
const kept = new Map<string, Composition>();
const measuring = new Map<number, AbortController>();

async function measure({ id, key, members }: Measure): Promise<PreviewAnswer> {
  const abort = new AbortController();
  measuring.set(id, abort);
  try {
    const opened = await Promise.all(
      members.map(async ({ name, folder, base }) => ({
        adapter: { ...(await openAdapter(folder)), name },
        // Weights are given to each report; one that is 0 must not take its member out of the stack.
        weight: 1,
        base,
      })),
    );
    keep(key, await Composition.open(opened, { signal: abort.signal }));
    return { type: 'measured', id };
  } finally {
    measuring.delete(id);
  }
}

function report({ id, key, form, weights }: Report): PreviewAnswer {
  const composition = kept.get(key);
  if (!composition) return { type: 'report', id, report: null };
  keep(key, composition);
  return { type: 'report', id, report: viewReport(composition.report(form, weights)) };
}

function keep(key: string, composition: Composition): void {
  kept.delete(key);
  kept.set(key, composition);
  for (const oldest of [...kept.keys()].slice(0, -mostKept)) kept.delete(oldest);
}

async function answer(request: Measure | Report): Promise<void> {
  const { id } = request;
  let said: PreviewAnswer;
  try {
    said = request.type === 'measure' ? await measure(request) : report(request);
  } catch (error) {
    said = { type: 'failed', id, error: factsOf(error) };
  }
  process.send?.(said);
}

process.once('disconnect', () => process.exit(0));
process.on('message', (value) => {
  const request = previewRequest.parse(value);
  if (request.type !== 'stop') void answer(request);
  else measuring.get(request.id)?.abort(new LowrankError('preview_stopped', 'nobody waits for it any more'));
});
