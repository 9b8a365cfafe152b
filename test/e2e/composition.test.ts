import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const cases = join(root, 'test/fixtures/compose/mixed');
let scratch: string;
beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), 'composition-'))));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Composes the three adapters of the case in a process of its own, as a user of the library would. */
function compose(out: string, order: readonly number[], form: object): void {
  const script = `
    import { Composition } from 'lowrank/adapters/composition.js';
    import { openAdapter } from 'lowrank/adapters/read-adapter.js';
    const weights = [0.7, -0.2, 0.5];
    const members = [];
    for (const i of ${JSON.stringify(order)}) {
      members.push({ adapter: await openAdapter(${JSON.stringify(cases)} + '/adapter-' + i), weight: weights[i] });
    }
    await (await Composition.open(members)).write(${JSON.stringify(out)}, ${JSON.stringify(form)});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
  });
  expect(status, String(stderr)).toBe(0);
}

const digests = (folder: string) =>
  readdirSync(folder).map((name) => [
    name,
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex'),
  ]);

test.each([{ kind: 'stacked' }, { kind: 'rank', rank: 4 }, { kind: 'energy', energy: 0.9 }])(
  'the same recipe gives the same bytes in two processes: $kind',
  (form) => {
    const [one, two] = [join(scratch, `${form.kind} one`), join(scratch, `${form.kind} two`)];
    compose(one, [0, 1, 2], form);
    compose(two, [2, 0, 1], form);
    expect(digests(one)).toHaveLength(4);
    expect(digests(two)).toEqual(digests(one));
  },
);
