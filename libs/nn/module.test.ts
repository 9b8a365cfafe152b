import { describe, expect, test } from 'vitest';
import type { Tensor } from '#jit/ops.js';
import { Embedding, Linear, RmsNorm } from '#nn/layers.js';
import { Module, type Parameter, RowMap, type Slot } from '#nn/module.js';

class Block extends Module {
  readonly up: Slot<RowMap>;
  readonly norm: Slot<RmsNorm>;

  constructor(path: string) {
    super(path);
    this.up = this.child<RowMap>('up', (path) => new Linear(path, 2, 3, true));
    this.norm = this.child('norm', (path) => new RmsNorm(path, 2, 1e-5));
  }
}

class Tree extends Module {
  readonly table: Slot<Embedding>;
  readonly blocks: Slot<Block>[];

  constructor() {
    super('');
    this.table = this.child('table', (path) => new Embedding(path, 4, 2));
    this.blocks = [0, 1].map((i) => this.child(`blocks.${i}`, (path) => new Block(path)));
  }
}

class Doubled extends RowMap {
  readonly inFeatures = 2;
  readonly outFeatures = 3;

  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(readonly inner: RowMap) {
    super(inner.path);
    this.weight = inner.weight;
    this.bias = inner.bias;
    this.parameter('extra', [1]);
    this.child('', () => inner);
  }

  forward(x: Tensor): Tensor {
    return this.inner.forward(x);
  }
}

const names = (module: Module) => [...module.parameters()].map(({ name }) => name);

describe('a tree of modules', () => {
  test('names its weights by their paths, parents first', () => {
    expect(names(new Tree())).toEqual([
      'table.weight',
      'blocks.0.up.weight',
      'blocks.0.up.bias',
      'blocks.0.norm.weight',
      'blocks.1.up.weight',
      'blocks.1.up.bias',
      'blocks.1.norm.weight',
    ]);
    expect([...new Tree().modules()].map(({ path }) => path)).toEqual([
      '',
      'table',
      'blocks.0',
      'blocks.0.up',
      'blocks.0.norm',
      'blocks.1',
      'blocks.1.up',
      'blocks.1.norm',
    ]);
  });

  test('lets a module be replaced by one around it, under the same name', () => {
    const tree = new Tree();
    const slot = tree.slotOf('blocks.1.up');
    slot.module = new Doubled(slot.module as RowMap);
    expect(tree.blocks[1]!.module.up.module).toBe(slot.module);
    expect(names(tree).slice(4)).toEqual([
      'blocks.1.up.extra',
      'blocks.1.up.weight',
      'blocks.1.up.bias',
      'blocks.1.norm.weight',
    ]);
    expect(tree.slotOf('blocks.1.up')).toBe(slot);
  });

  test('says so when it has no module at a path', () => {
    expect(() => new Tree().slotOf('blocks.2.up')).toThrow(
      expect.objectContaining({
        code: 'module_not_found',
        message: expect.stringContaining('blocks.2.up') as string,
      }),
    );
  });

  test('gives every weight its tensor, and names one that has none', () => {
    const tree = new Tree();
    expect(() => tree.table.module.weight.tensor).toThrow(
      expect.objectContaining({
        code: 'parameter_unbound',
        message: expect.stringContaining('table.weight') as string,
      }),
    );
    const bound: string[] = [];
    const tensors = new Map<string, Tensor>();
    tree.bindParameters(({ name }) => {
      bound.push(name);
      const tensor = { name } as unknown as Tensor;
      tensors.set(name, tensor);
      return tensor;
    });
    expect(bound).toEqual(names(tree));
    expect(tree.table.module.weight.tensor).toBe(tensors.get('table.weight'));
  });
});
