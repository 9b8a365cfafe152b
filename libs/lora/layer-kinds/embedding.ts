/** Embeddings [entries, size]: A is [r, entries] and B [size, r], so that (B A)^T is added to the table. */
import { embedding, linear } from '#jit/ops/linear.js';
import { gather, matMul, mul, scalar, square, sum, type Tensor, transpose } from '#jit/ops.js';
import {
  type AdaptedForward,
  type AdaptedLayer,
  type LayerKind,
  trainedParameters,
} from '#lora/layer-kinds/layer-kind.js';
import { outputNorms } from '#lora/layer-kinds/output-norms.js';
import { isOff, type LayerRun } from '#lora/layer-run.js';
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
  private readonly selector: Parameter | undefined;
  private readonly trained: ReadonlyMap<string, Parameter>;

  constructor(
    readonly inner: TokenTable,
    private readonly target: TargetModule,
    private readonly run: LayerRun,
    private readonly adapted: AdaptedForward,
  ) {
    super(inner.path);
    this.entries = inner.entries;
    this.size = inner.size;
    this.weight = inner.weight;
    this.trained = trainedParameters(target, (name, shape) => this.parameter(name, shape));
    this.selector = run.selector === 'diagonal' ? this.parameter('lora_selector', [target.r]) : undefined;
    // The base keeps its own path, so its weight keeps its name.
    this.child('', () => inner);
  }

  get scale(): number {
    return this.target.scale;
  }

  tensor(role: string): Tensor {
    return this.trained.get(role)!.tensor;
  }

  base(ids: Tensor): Tensor {
    return this.inner.forward(ids);
  }

  product(ids: Tensor): Tensor {
    return gather(this.weight.tensor, ids);
  }

  dropped(ids: Tensor): Tensor {
    return ids;
  }

  lowRank(ids: Tensor): Tensor {
    const low = embedding(transpose(this.tensor('A')), ids);
    const down = this.selector ? mul(low, this.selector.tensor) : low;
    return linear(this.scale === 1 ? down : mul(down, scalar(this.scale)), this.tensor('B'));
  }

  norms(): Tensor {
    const [A, B] = [this.tensor('A'), this.tensor('B')];
    const W = this.weight.tensor;
    const squares = () => sum(square(W), 0);
    return outputNorms({ squares, products: () => matMul(A, W), A, B, scale: this.scale });
  }

  perOutput(numbers: Tensor): Tensor {
    return numbers;
  }

  forward(ids: Tensor): Tensor {
    return isOff(this.run) ? this.base(ids) : this.adapted(this, ids);
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
  isTransposed: () => true,
  wrap: (base, target, run, forward) => new LoraEmbedding(base as TokenTable, target, run, forward),
};
