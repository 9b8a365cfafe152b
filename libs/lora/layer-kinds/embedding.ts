/** Embeddings [entries, size]: A is [r, entries] and B [size, r], so that (B A)^T is added to the table. */
import { embedding, linear } from '#jit/ops/linear.js';
import { gather, matMul, square, sum, type Tensor, transpose } from '#jit/ops.js';
import type { AdaptedForward, AdaptedLayer, LayerKind } from '#lora/layer-kinds/layer-kind.js';
import { outputNorms } from '#lora/layer-kinds/output-norms.js';
import { TrainedPart } from '#lora/layer-kinds/trained-part.js';
import type { LayerRun } from '#lora/layer-run.js';
import { normalNumbers } from '#lora/random-numbers.js';
import type { TargetModule } from '#lora/target-module.js';
import { TokenTable } from '#nn/layers.js';
import type { Parameter } from '#nn/module.js';

/** A frozen embedding with a trainable low-rank addition, in PEFT's form: nothing is dropped from token numbers. */
export class LoraEmbedding extends TokenTable implements AdaptedLayer {
  readonly entries: number;
  readonly size: number;
  readonly weight: Parameter;
  readonly outputBias = undefined;
  readonly part: TrainedPart;

  constructor(
    readonly base: TokenTable,
    target: TargetModule,
    run: LayerRun,
    private readonly adapted: AdaptedForward,
  ) {
    super(base.path);
    this.entries = base.entries;
    this.size = base.size;
    this.weight = base.weight;
    this.part = new TrainedPart(target, run, (name, shape) => this.parameter(name, shape));
    // The base keeps its own path, so its weight keeps its name.
    this.child('', () => base);
  }

  baseOutput(ids: Tensor): Tensor {
    return this.base.forward(ids);
  }

  product(ids: Tensor): Tensor {
    return gather(this.weight.tensor, ids);
  }

  dropped(ids: Tensor): Tensor {
    return ids;
  }

  lowRank(ids: Tensor): Tensor {
    const low = embedding(transpose(this.part.tensor('A')), ids);
    return linear(this.part.scaled(low), this.part.tensor('B'));
  }

  norms(): Tensor {
    const [A, B] = [this.part.tensor('A'), this.part.tensor('B')];
    const W = this.weight.tensor;
    const squares = () => sum(square(W), 0);
    return outputNorms({ squares, products: () => matMul(A, W), A, B, scale: this.part.scale });
  }

  perOutput(numbers: Tensor): Tensor {
    return numbers;
  }

  forward(ids: Tensor): Tensor {
    return this.part.isOff ? this.baseOutput(ids) : this.adapted(this, ids);
  }
}

const names = { A: 'lora_embedding_A', B: 'lora_embedding_B' } as const;

export const embeddingKind: LayerKind = {
  name: 'embedding',
  title: 'an embedding',
  geometryOf: (module) =>
    module instanceof TokenTable
      ? { kind: 'embedding', inFeatures: module.entries, outFeatures: module.size }
      : undefined,
  factors: ({ inFeatures, outFeatures }, r) => ({
    A: { name: names.A, shape: [r, inFeatures] },
    B: { name: names.B, shape: [outFeatures, r] },
  }),
  geometryOfFactors: ({ [names.A]: A, [names.B]: B }) =>
    (A ?? B) === undefined
      ? undefined
      : { kind: 'embedding', inFeatures: A?.[1] ?? 0, outFeatures: B?.[0] ?? 0 },
  /** Normal numbers with A zero, so that the update is zero; with `false` A is normal too, for tests. */
  initialFactors: ({ r, inFeatures, outFeatures }, init, random, site) => ({
    A:
      init === false
        ? normalNumbers(random, `${site}.lora_A`, r * inFeatures, 1)
        : new Float32Array(r * inFeatures),
    B: normalNumbers(random, `${site}.lora_B`, outFeatures * r, 1),
  }),
  numberPerOutput: (size) => [size],
  takesBias: false,
  isTransposed: () => true,
  wrap: (base, target, run, forward) => new LoraEmbedding(base as TokenTable, target, run, forward),
};
