import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { UnsupportedError } from '#base/errors.js';
import { type LayersLoraConfig, resolveLayers } from '#layers-model/targets.js';

beforeAll(() => tf.setBackend('cpu'));

/** Two convolutions and a dense layer inside, one of each outside. */
function nestedModel(): tf.LayersModel {
  const { layers } = tf;
  const image = layers.input({ shape: [8, 8, 2] });
  const encoder = tf.sequential({
    name: 'encoder',
    layers: [
      layers.conv2d({ name: 'conv_1', inputShape: [8, 8, 4], filters: 4, kernelSize: 3 }),
      layers.batchNormalization({ name: 'norm' }),
      layers.conv2d({ name: 'conv_2', filters: 6, kernelSize: 3, strides: 2 }),
      layers.flatten(),
      layers.dense({ name: 'squeeze', units: 5 }),
    ],
  });
  const stem = layers.conv2d({ name: 'stem', filters: 4, kernelSize: 1 }).apply(image);
  const code = encoder.apply(stem) as tf.SymbolicTensor;
  const shared = layers.dense({ name: 'shared', units: 5 });
  const twice = shared.apply(shared.apply(code));
  const head = layers.dense({ name: 'head', units: 3 }).apply(twice) as tf.SymbolicTensor;
  return tf.model({ inputs: image, outputs: head });
}

const pathsOf = (config: LayersLoraConfig) =>
  resolveLayers(nestedModel(), { r: 2, ...config }).targets.map(({ path }) => path);

describe('layers are named', () => {
  const convolutions = ['stem', 'encoder/conv_1', 'encoder/conv_2'];
  const cases: [string, LayersLoraConfig['target_modules'], string[]][] = [
    ['all-conv', 'all-conv', convolutions],
    ['all-linear, a shared one once', 'All-Linear', ['encoder/squeeze', 'shared', 'head']],
    ['a list of names', ['conv_2', 'head'], ['encoder/conv_2', 'head']],
    ['a list of paths', ['encoder/conv_2'], ['encoder/conv_2']],
    ['a list of classes and names', ['Conv2D', 'head'], [...convolutions, 'head']],
    ['a text for the whole path', 'encoder/conv_.', ['encoder/conv_1', 'encoder/conv_2']],
    ['a RegExp for a part of it', /conv_1|^he/g, ['encoder/conv_1', 'head']],
    ['a list with a RegExp', [/conv_\d$/, 'stem'], convolutions],
  ];
  test.each(cases)('by %s', (_, target_modules, expected) => {
    expect(pathsOf({ target_modules })).toEqual(expected);
  });

  test('and excluded in the same ways', () => {
    expect(pathsOf({ target_modules: 'all-conv', exclude_modules: /^encoder/ })).toEqual(['stem']);
    expect(pathsOf({ target_modules: 'all-linear', exclude_modules: ['head'] })).toEqual([
      'encoder/squeeze',
      'shared',
    ]);
  });
});

test('ranks and scales follow the patterns', () => {
  const { targets } = resolveLayers(nestedModel(), {
    r: 3,
    lora_alpha: 6,
    target_modules: ['Conv2D', 'Dense'],
    exclude_modules: ['shared'],
    rank_pattern: { conv_2: 4, Conv2D: 1 },
    alpha_pattern: { head: 12 },
  });
  expect(targets.map(({ path, r, scale }) => [path, r, scale])).toEqual([
    ['stem', 1, 6],
    ['encoder/conv_1', 1, 6],
    ['encoder/conv_2', 4, 1.5],
    ['encoder/squeeze', 3, 2],
    ['head', 3, 4],
  ]);
  const stabilised = resolveLayers(nestedModel(), {
    r: 4,
    lora_alpha: 6,
    use_rslora: true,
    target_modules: ['shared'],
  });
  expect(stabilised.targets[0]!.scale).toBe(3);
});

describe('what cannot be done is refused by name', () => {
  const refused = (config: Partial<LayersLoraConfig>, model = nestedModel()) => {
    try {
      resolveLayers(model, config as LayersLoraConfig);
    } catch (error) {
      return error as Error & { code: string };
    }
    throw new Error('nothing was refused');
  };

  test('a name that nothing has', () => {
    const error = refused({ target_modules: ['hed'] });
    expect(error.code).toBe('no_target_modules');
    expect(error.message).toContain('did you mean head?');
    expect(refused({ target_modules: ['con2d'] }).message).toContain('did you mean Conv2D?');
    expect(refused({ target_modules: /nothing/ }).message).toContain('encoder/squeeze (Dense)');
  });

  test('layers of other classes, and dilated convolutions', () => {
    const error = refused({ target_modules: ['norm', 'head'] });
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain('encoder/norm (BatchNormalization)');
    const layer = tf.layers.conv2d({
      name: 'wide',
      inputShape: [8, 8, 2],
      filters: 2,
      kernelSize: 3,
      dilationRate: 2,
    });
    const dilated = refused({ r: 2, target_modules: 'all-conv' }, tf.sequential({ layers: [layer] }));
    expect(dilated).toBeInstanceOf(UnsupportedError);
    expect(dilated.message).toContain('wide');
  });

  test('a rank above a layer', () => {
    const error = refused({ r: 4, target_modules: ['Dense'] });
    expect(error.code).toBe('rank_too_large');
    expect(error.message).toContain('head [5, 3] with r 4: use r of at most 3');
  });

  test('fields that are wrong, missing, or mean nothing here', () => {
    expect(refused({ r: 0, target_modules: 'all-conv' }).message).toContain('r: ');
    expect(refused({}).message).toContain('target_modules: is missing');
    expect(refused({ target_modules: 'conv(' }).message).toContain('is not valid');
    const odd = { target_modules: 'all-conv', layers_to_transform: [1] } as LayersLoraConfig;
    expect(refused(odd).message).toContain('layers_to_transform: says nothing here');
    expect(refused({ target_modules: 'all-conv', rnk: 3 } as LayersLoraConfig).message).toContain('rnk');
  });
});
