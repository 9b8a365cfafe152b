/** The vision transformer (Dosovitskiy et al. 2020) with a classification head. */
import { z } from 'zod';
import { add, concat, reshape, slice, tile, transpose, type Tensor, zeros } from '#jit/ops.js';
import { inScope, recomputable } from '#jit/tracing.js';
import { ImageClassifier } from '#models/classifier.js';
import { noteCommonOptions, readPlainActivation, size } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { readLabels } from '#models/families/labels.js';
import type { ImageConfig } from '#models/model-config.js';
import { ProjectedAttention } from '#nn/attention.js';
import { Conv2d, type ImageMap } from '#nn/conv2d.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import { DecoderPass } from '#nn/decoder-pass.js';
import { LayerNorm, Linear } from '#nn/layers.js';
import { type PlainActivation, PlainMlp } from '#nn/mlp.js';
import { Module, ModuleList, type Parameter, type RowMap, type Slot, Unweighted } from '#nn/module.js';

type Size = readonly [height: number, width: number];

interface VitConfig extends ImageConfig {
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: PlainActivation;
  readonly normEps: number;
  readonly queryKeyValueBias: boolean;
  readonly imageSize: Size;
  readonly patchSize: Size;
}

const patchesOf = ({ imageSize, patchSize }: VitConfig): number =>
  Math.floor(imageSize[0] / patchSize[0]) * Math.floor(imageSize[1] / patchSize[1]);

class PatchEmbeddings extends Module {
  private readonly projection: Slot<ImageMap>;

  constructor(
    path: string,
    private readonly config: VitConfig,
  ) {
    super(path);
    const { channels, hiddenSize, patchSize } = config;
    this.projection = this.child<ImageMap>(
      'projection',
      (path) => new Conv2d(path, channels, hiddenSize, { kernelSize: patchSize, stride: patchSize }),
    );
  }

  /** Images [N, channels, height, width] to patches [N, patches, hiddenSize]. */
  forward(pixels: Tensor): Tensor {
    const planes = this.projection.module.forward(pixels);
    return transpose(reshape(planes, [pixels.shape[0], this.config.hiddenSize, -1]), [0, 2, 1]);
  }
}

class Embeddings extends Module {
  private readonly classToken: Parameter;
  private readonly positions: Parameter;
  private readonly patches: Slot<PatchEmbeddings>;

  constructor(path: string, config: VitConfig) {
    super(path);
    const { hiddenSize } = config;
    this.classToken = this.parameter('cls_token', [1, 1, hiddenSize]);
    this.positions = this.parameter('position_embeddings', [1, patchesOf(config) + 1, hiddenSize]);
    this.patches = this.child('patch_embeddings', (path) => new PatchEmbeddings(path, config));
    this.child('dropout', (path) => new Unweighted(path));
  }

  /** Images to [N, 1 + patches, hiddenSize], the token of the class first. */
  forward(pixels: Tensor): Tensor {
    const patches = this.patches.module.forward(pixels);
    const first = tile(this.classToken.tensor, [pixels.shape[0], 1, 1]);
    return add(concat([first, patches], 1), this.positions.tensor);
  }
}

class Body extends Module {
  private readonly embeddings: Slot<Embeddings>;
  private readonly layers: Slot<ModuleList<PreNormLayer>>;
  private readonly norm: Slot<LayerNorm>;

  constructor(
    path: string,
    private readonly config: VitConfig,
  ) {
    super(path);
    const { hiddenSize, heads, intermediateSize, normEps, activation, queryKeyValueBias: bias } = config;
    const norm = (path: string) => new LayerNorm(path, hiddenSize, normEps);
    const linear = (inputs: number, outputs: number) => (path: string) =>
      new Linear(path, inputs, outputs, true);
    const layer = (path: string, layer: number) =>
      new PreNormLayer(path, {
        norm,
        names: {
          attention: 'attention',
          attentionNorm: 'layernorm_before',
          mlpNorm: 'layernorm_after',
          mlp: 'mlp',
        },
        attention: (path) =>
          new ProjectedAttention(path, {
            hiddenSize,
            layer,
            heads,
            kvHeads: heads,
            headDim: hiddenSize / heads,
            rotary: null,
            window: null,
            bidirectional: true,
            bias,
            outputBias: true,
          }),
        mlp: (path) =>
          new PlainMlp(path, {
            activation,
            up: ['fc1', linear(hiddenSize, intermediateSize)],
            down: ['fc2', linear(intermediateSize, hiddenSize)],
            act: 'activation_fn',
          }),
      });
    this.embeddings = this.child('embeddings', (path) => new Embeddings(path, config));
    this.layers = this.child('layers', (path) => new ModuleList(path, config.layers, layer));
    this.norm = this.child('layernorm', norm);
  }

  /** What stands for each image, [N, hiddenSize]. */
  forward(pixels: Tensor): Tensor {
    const { hiddenSize } = this.config;
    const { module: embeddings } = this.embeddings;
    const embedded = inScope(embeddings.path, () => embeddings.forward(pixels));
    const [N, L] = embedded.shape as [number, number];
    // A patch has no position but its place in the table, and an image is one segment.
    const pass = new DecoderPass({ positions: zeros([N * L], 'int32'), segments: zeros([N, L], 'int32') });
    void pass.segmentMask;
    let x = reshape(embedded, [N * L, hiddenSize]);
    for (const layer of this.layers.module.items) {
      x = inScope(layer.path, () => recomputable(() => layer.forward(x, pass)));
    }
    const first = slice(reshape(x, [N, L, hiddenSize]), [0, 0, 0], [N, 1, hiddenSize]);
    const { module: norm } = this.norm;
    return inScope(norm.path, () => norm.forward(reshape(first, [N, hiddenSize])));
  }
}

class VitClassifier extends ImageClassifier {
  private readonly vit: Slot<Body>;
  private readonly classifier: Slot<RowMap>;

  constructor(override readonly config: VitConfig) {
    super(config);
    this.vit = this.child('vit', (path) => new Body(path, config));
    this.classifier = this.child<RowMap>(
      'classifier',
      (path) => new Linear(path, config.hiddenSize, config.labels.length, true),
    );
  }

  override get headLayers(): readonly Module[] {
    return [this.classifier.module];
  }

  override positionsOf(): number {
    return patchesOf(this.config) + 1;
  }

  override classify(pixels: Tensor): Tensor {
    return this.classifier.module.forward(this.vit.module.forward(pixels));
  }
}

/** Modules of a layer, and what files and older adapters call them. */
const olderNames: Readonly<Record<string, string>> = {
  'attention.q_proj': 'attention.attention.query',
  'attention.k_proj': 'attention.attention.key',
  'attention.v_proj': 'attention.attention.value',
  'attention.o_proj': 'attention.output.dense',
  'mlp.fc1': 'intermediate.dense',
  'mlp.fc2': 'output.dense',
};

function olderName(name: string): string {
  return name.replace(
    /^vit\.layers\.(\d+)\.((?:attention|mlp)\.\w+)?/,
    (_, layer: string, part: string | undefined) =>
      `vit.encoder.layer.${layer}.${part === undefined ? '' : (olderNames[part] ?? part)}`,
  );
}

const pair = z.union([size.transform((side): Size => [side, side]), z.tuple([size, size])]);

export const vit = defineFamily<VitConfig>({
  name: 'ViT',
  architecture: 'ViTForImageClassification',
  modelType: 'vit',
  head: 'classify',
  inputs: 'images',
  imageProcessor: 'ViTImageProcessor',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  files: {
    namesOf: (name) => [olderName(name), name],
    ignored: /^(vit\.)?(pooler\.|embeddings\.mask_token$)/,
  },
  bodies: {
    architectures: ['ViTModel', 'ViTForMaskedImageModeling'],
    prefix: 'vit.',
    otherHeads: /^decoder\./,
  },
  parse: (reader) => {
    noteCommonOptions(reader);
    const file = reader.fields({
      hidden_size: size.default(768),
      num_hidden_layers: z.int().positive().max(10_000).default(12),
      num_attention_heads: size.default(12),
      intermediate_size: size.default(3072),
      layer_norm_eps: z.number().positive().default(1e-12),
      image_size: pair.default([224, 224]),
      patch_size: pair.default([16, 16]),
      num_channels: size.default(3),
      qkv_bias: z.boolean().default(true),
      tie_word_embeddings: z.boolean().default(true),
    });
    if (file.hidden_size % file.num_attention_heads !== 0) {
      reader.report(
        'hidden_size',
        `${file.hidden_size} is not a multiple of num_attention_heads ${file.num_attention_heads}`,
      );
    }
    if ([0, 1].some((axis) => file.patch_size[axis]! > file.image_size[axis]!)) {
      reader.report('patch_size', `${file.patch_size.join(' x ')} is larger than the image`);
    }
    return {
      architecture: reader.architecture,
      modelType: reader.modelType,
      hiddenSize: file.hidden_size,
      layers: file.num_hidden_layers,
      heads: file.num_attention_heads,
      intermediateSize: file.intermediate_size,
      activation: readPlainActivation(reader, 'hidden_act', 'gelu'),
      normEps: file.layer_norm_eps,
      queryKeyValueBias: file.qkv_bias,
      imageSize: file.image_size,
      patchSize: file.patch_size,
      channels: file.num_channels,
      tieWordEmbeddings: file.tie_word_embeddings,
      wrapper: null,
      ...readLabels(reader),
      warnings: reader.warnings,
    };
  },
  build: (config) => new VitClassifier(config),
});
