/**
 * Measures compositions for the API, in a process of its own, and keeps what it measured: other weights and ranks of the
 * same members are then answered at once, also while others are being measured. It ends when its parent does.
 */
import { Composition } from '#adapters/composition.js';
import { openMembers } from '#adapters/open-members.js';
import { viewReport } from '#contracts/composition-report.js';
import { previewMethods } from '#contracts/preview-calls.js';
import { serveCalls } from '#contracts/serve-calls.js';

/** Measured sums that are kept; each is two small triangles a layer. */
const maxKept = 8;

/** By the key of the members, the one that was asked for last at the end. */
const kept = new Map<string, Composition>();

function keep(key: string, composition: Composition): void {
  kept.delete(key);
  kept.set(key, composition);
  for (const oldest of [...kept.keys()].slice(0, -maxKept)) kept.delete(oldest);
}

serveCalls(previewMethods, {
  async measure({ key, members }, { signal }) {
    // Weights are given to each report; one that is 0 must not take its member out of the stack.
    const opened = await openMembers(members.map((member) => ({ ...member, weight: 1 })));
    keep(key, await Composition.open(opened, { signal, conflicts: true }));
    return null;
  },
  report({ key, form, weights }) {
    const composition = kept.get(key);
    if (!composition) return null;
    keep(key, composition);
    return viewReport(composition.report(form, weights));
  },
});
