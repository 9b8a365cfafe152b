/** ResNet (He et al. 2015) as image-classification models have it: stem, stages of residual layers, one linear layer. */
import { z } from 'zod';
import type { ImageSize } from '#images/preprocessor.js';
import { maxPool2d } from '#jit/ops/max-pool.js';
import { add, mean, relu, type Tensor } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import { ImageClassifier } from '#models/classifier.js';
import { noteCommonOptions, size } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { readLabels } from '#models/families/labels.js';
import type { ImageConfig } from '#models/model-config.js';
import { BatchNorm2d } from '#nn/batch-norm.js';
import { Conv2d, type ImageMap } from '#nn/conv2d.js';
import { Linear } from '#nn/layers.js';
import { Module, ModuleList, type RowMap, type Slot, Unweighted } from '#nn/module.js';

interface ResNetConfig extends ImageConfig {
  readonly embeddingSize: number;
  readonly hiddenSizes: readonly number[];
  readonly depths: readonly number[];
  readonly layerType: 'basic' | 'bottleneck';
  readonly downsampleInFirstStage: boolean;
  readonly downsampleInBottleneck: boolean;
}

interface ConvLayerOptions {
  readonly kernelSize: number;
  readonly stride?: number;
  /** Whether what comes out is bent; true unless said otherwise. */
  readonly activated?: boolean;
}

/** relu(norm(convolution(x))). */
class ConvLayer extends Module {
  private readonly convolution: Slot<ImageMap>;
  private readonly normalization: Slot<BatchNorm2d>;

  constructor(
    path: string,
    inChannels: number,
    outChannels: number,
    private readonly options: ConvLayerOptions,
  ) {
    super(path);
    const { kernelSize, stride = 1, activated = true } = options;
    const window = { kernelSize, stride, padding: Math.floor(kernelSize / 2), bias: false };
    this.convolution = this.child<ImageMap>(
      'convolution',
      (path) => new Conv2d(path, inChannels, outChannels, window),
    );
    this.normalization = this.child('normalization', (path) => new BatchNorm2d(path, outChannels));
    if (activated) this.child('activation', (path) => new Unweighted(path));
  }

  forward(x: Tensor): Tensor {
    const y = this.normalization.module.forward(this.convolution.module.forward(x));
    return this.options.activated === false ? y : relu(y);
  }
}

/** relu(layer(x) + shortcut(x)). */
class ResidualLayer extends Module {
  private readonly shortcut: Slot<ConvLayer> | undefined;
  private readonly layer: Slot<ModuleList<ConvLayer>>;

  constructor(
    path: string,
    { layerType, downsampleInBottleneck }: ResNetConfig,
    inChannels: number,
    outChannels: number,
    stride: number,
  ) {
    super(path);
    if (inChannels !== outChannels || stride !== 1) {
      this.shortcut = this.child(
        'shortcut',
        (path) => new ConvLayer(path, inChannels, outChannels, { kernelSize: 1, stride, activated: false }),
      );
    }
    const narrow = Math.floor(outChannels / 4);
    const [first, second] = downsampleInBottleneck ? [stride, 1] : [1, stride];
    const parts: readonly (readonly [inputs: number, outputs: number, options: ConvLayerOptions])[] =
      layerType === 'basic'
        ? [
            [inChannels, outChannels, { kernelSize: 3, stride }],
            [outChannels, outChannels, { kernelSize: 3, activated: false }],
          ]
        : [
            [inChannels, narrow, { kernelSize: 1, stride: first }],
            [narrow, narrow, { kernelSize: 3, stride: second }],
            [narrow, outChannels, { kernelSize: 1, activated: false }],
          ];
    this.layer = this.child(
      'layer',
      (path) => new ModuleList(path, parts.length, (path, i) => new ConvLayer(path, ...parts[i]!)),
    );
  }

  forward(x: Tensor): Tensor {
    const found = this.layer.module.items.reduce((y, part) => part.forward(y), x);
    return relu(add(found, this.shortcut ? this.shortcut.module.forward(x) : x));
  }
}

class Stage extends Module {
  readonly layers: Slot<ModuleList<ResidualLayer>>;

  constructor(path: string, config: ResNetConfig, stage: number) {
    super(path);
    const { embeddingSize, hiddenSizes, depths, downsampleInFirstStage } = config;
    const outChannels = hiddenSizes[stage]!;
    const inChannels = stage === 0 ? embeddingSize : hiddenSizes[stage - 1]!;
    const stride = stage === 0 && !downsampleInFirstStage ? 1 : 2;
    this.layers = this.child(
      'layers',
      (path) =>
        new ModuleList(path, depths[stage]!, (path, i) =>
          i === 0
            ? new ResidualLayer(path, config, inChannels, outChannels, stride)
            : new ResidualLayer(path, config, outChannels, outChannels, 1),
        ),
    );
  }
}

class Encoder extends Module {
  readonly stages: Slot<ModuleList<Stage>>;

  constructor(path: string, config: ResNetConfig) {
    super(path);
    this.stages = this.child(
      'stages',
      (path) => new ModuleList(path, config.depths.length, (path, stage) => new Stage(path, config, stage)),
    );
  }
}

class Stem extends Module {
  private readonly embedder: Slot<ConvLayer>;

  constructor(path: string, { channels, embeddingSize }: ResNetConfig) {
    super(path);
    this.embedder = this.child(
      'embedder',
      (path) => new ConvLayer(path, channels, embeddingSize, { kernelSize: 7, stride: 2 }),
    );
    this.child('pooler', (path) => new Unweighted(path));
  }

  forward(pixels: Tensor): Tensor {
    return maxPool2d(this.embedder.module.forward(pixels), { size: 3, stride: 2, padding: 1 });
  }
}

class Body extends Module {
  private readonly embedder: Slot<Stem>;
  private readonly encoder: Slot<Encoder>;

  constructor(path: string, config: ResNetConfig) {
    super(path);
    this.embedder = this.child('embedder', (path) => new Stem(path, config));
    this.encoder = this.child('encoder', (path) => new Encoder(path, config));
    this.child('pooler', (path) => new Unweighted(path));
  }

  /** What stands for each image: the mean of every channel, [N, hiddenSize]. */
  forward(pixels: Tensor): Tensor {
    const { module: stem } = this.embedder;
    let x = inScope(stem.path, () => stem.forward(pixels));
    const layers = this.encoder.module.stages.module.items.flatMap(({ layers }) => layers.module.items);
    for (const layer of layers) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x)));
    }
    return mean(x, [2, 3]);
  }
}

/** A sequence of a flattening and the layer, whose name is its number. */
class Head extends Module {
  readonly linear: Slot<RowMap>;

  constructor(path: string, inFeatures: number, classes: number) {
    super(path);
    this.child('0', (path) => new Unweighted(path));
    this.linear = this.child<RowMap>('1', (path) => new Linear(path, inFeatures, classes, true));
  }
}

class ResNetClassifier extends ImageClassifier {
  private readonly stages: number;
  private readonly resnet: Slot<Body>;
  private readonly classifier: Slot<Head>;

  constructor(config: ResNetConfig) {
    super(config);
    this.stages = config.depths.length;
    this.resnet = this.child('resnet', (path) => new Body(path, config));
    this.classifier = this.child(
      'classifier',
      (path) => new Head(path, config.hiddenSize, config.labels.length),
    );
  }

  override get headLayers(): readonly Module[] {
    return [this.classifier.module.linear.module];
  }

  /** Of the last stage, which has most of the weights; every stage halves the sides, and the stem does so twice. */
  override positionsOf({ height, width }: ImageSize): number {
    const factor = 2 ** (this.stages + 1);
    return Math.ceil(height / factor) * Math.ceil(width / factor);
  }

  override classify(pixels: Tensor): Tensor {
    return this.classifier.module.linear.module.forward(this.resnet.module.forward(pixels));
  }
}

const sizes = z.array(size).min(1).max(100);
const layerCounts = z.array(z.int().positive().max(1000)).min(1).max(100);

export const resnet = defineFamily<ResNetConfig>({
  name: 'ResNet',
  architecture: 'ResNetForImageClassification',
  modelType: 'resnet',
  head: 'classify',
  inputs: 'images',
  imageProcessor: 'ConvNextImageProcessor',
  // PEFT has no choice of its own for this family. The stem has as many inputs as an image has channels: too few to narrow.
  defaultTargets: String.raw`.*\.encoder\..*\.convolution`,
  files: {
    // How many batches the running numbers were made of; PyTorch does not need it.
    ignored: /\.num_batches_tracked$/,
  },
  bodies: { architectures: ['ResNetModel'], prefix: 'resnet.' },
  parse: (reader) => {
    noteCommonOptions(reader);
    reader.expect('hidden_act', ['relu'], 'this family is done with relu');
    const file = reader.fields({
      num_channels: size.default(3),
      embedding_size: size.default(64),
      hidden_sizes: sizes.default([256, 512, 1024, 2048]),
      depths: layerCounts.default([3, 4, 6, 3]),
      layer_type: z.enum(['basic', 'bottleneck']).default('bottleneck'),
      downsample_in_first_stage: z.boolean().default(false),
      downsample_in_bottleneck: z.boolean().default(false),
      tie_word_embeddings: z.boolean().default(true),
    });
    const { hidden_sizes: hiddenSizes, depths, layer_type: layerType } = file;
    if (hiddenSizes.length !== depths.length) {
      reader.report('depths', `has ${depths.length} entries for ${hiddenSizes.length} hidden_sizes`);
    }
    if (layerType === 'bottleneck' && hiddenSizes.some((channels) => channels < 4)) {
      reader.report('hidden_sizes', 'a bottleneck has a quarter of the channels: give at least 4');
    }
    return {
      architecture: reader.architecture,
      modelType: reader.modelType,
      hiddenSize: hiddenSizes.at(-1)!,
      layers: depths.reduce((sum, depth) => sum + depth, 0),
      embeddingSize: file.embedding_size,
      hiddenSizes,
      depths,
      layerType,
      downsampleInFirstStage: file.downsample_in_first_stage,
      downsampleInBottleneck: file.downsample_in_bottleneck,
      imageSize: null,
      channels: file.num_channels,
      tieWordEmbeddings: file.tie_word_embeddings,
      wrapper: null,
      ...readLabels(reader),
      warnings: reader.warnings,
    };
  },
  build: (config) => new ResNetClassifier(config),
});
