import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '#runtime/encode.js';
import type { OnnxModel } from '#runtime/onnx-graph.js';
import { Session, type SessionOptions } from '#runtime/session.js';
import { node, value } from '../../test/onnx-nodes.js';

const [x, y] = [value('x', [3]), value('y', [3])];
const model: OnnxModel = {
  inputs: [x],
  outputs: [y],
  nodes: [{ ...node('y', 'x'), op: 'Neg' }],
  inline: [],
  external: [],
};
const options: SessionOptions = { device: 'cpu', threads: 1, spin: false, weightFolder: undefined };

describe('a session', () => {
  test('writes its results into the arrays given', async () => {
    const session = await Session.create(encodeModel(model), options);
    const result = new Float32Array(3);
    await session.run([{ value: x, array: Float32Array.of(1, 2, 3) }], [{ value: y, array: result }]);
    expect(result).toEqual(Float32Array.of(-1, -2, -3));
    await session.release();
  });

  test('refuses arrays of another size, given or to be filled', async () => {
    const session = await Session.create(encodeModel(model), options);
    const [three, four] = [new Float32Array(3), new Float32Array(4)];
    for (const [given, filled, name] of [
      [four, three, 'x'],
      [three, four, 'y'],
    ] as const) {
      const run = session.run([{ value: x, array: given }], [{ value: y, array: filled }]);
      await expect(run).rejects.toMatchObject({ code: 'input_size', details: { name, size: 3, given: 4 } });
    }
    await session.release();
  });

  test('refuses bytes that are no model', async () => {
    await expect(Session.create(new Uint8Array(100).fill(1), options)).rejects.toThrow(/model/i);
  });

  test('tells how long each node took, where asked to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'profile-'));
    const session = await Session.create(encodeModel(model), { ...options, profile: join(folder, 'run') });
    await session.run([{ value: x, array: new Float32Array(3) }], [{ value: y, array: new Float32Array(3) }]);
    session.endProfiling();
    await session.release();
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^run.*\.json$/)]);
    await rm(folder, { recursive: true });
  });
});
