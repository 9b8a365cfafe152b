/** What the layers of every kind do alike with the tensors of their targets. */
import { gated } from '#jit/ops/gated.js';
import { mul, scalar, type Tensor } from '#jit/ops.js';
import { dropped, isOff, type LayerRun } from '#lora/layer-run.js';
import type { TargetModule } from '#lora/target-module.js';
import type { Parameter } from '#nn/module.js';

/** The trainable tensors of one layer while a step is made, and what is between its factors. */
export class TrainedPart {
  private readonly parameters: ReadonlyMap<string, Parameter>;
  /** [r], given with every run. */
  readonly selector: Parameter | undefined;
  /** A scalar, given with every run. */
  readonly scaleInput: Parameter | undefined;

  /** `make` registers a parameter of the layer by its name in it. */
  constructor(
    private readonly target: TargetModule,
    private readonly run: LayerRun,
    make: (name: string, shape: readonly number[]) => Parameter,
  ) {
    const { path, r, tensors } = target;
    const own = tensors.filter(({ replaces }) => replaces === undefined);
    this.parameters = new Map(
      own.map(({ role, name, shape }) => [role, make(name.slice(path.length + 1), shape)]),
    );
    this.selector = run.selector === 'diagonal' ? make('lora_selector', [r]) : undefined;
    this.scaleInput = run.scaleFrom === 'input' ? make('lora_scale', []) : undefined;
  }

  get r(): number {
    return this.target.r;
  }

  get scale(): number {
    return this.target.scale;
  }

  /** Whether the layer gives what its base gives. */
  get isOff(): boolean {
    return isOff(this.run);
  }

  /** A trainable tensor by its role. */
  tensor(role: string): Tensor {
    return this.parameters.get(role)!.tensor;
  }

  /** x with some of it dropped while the layer trains; x itself where nothing is. */
  dropped(x: Tensor): Tensor {
    return dropped(x, this.run);
  }

  /** What A made, times selector and scale; `shaped` gives a number for each row of the rank the shape that meets it. */
  scaled(low: Tensor, shaped: (numbers: Tensor) => Tensor = (numbers) => numbers): Tensor {
    const { scale, scaleInput } = this;
    if (scaleInput) {
      // One product where there are only r numbers.
      const factors = this.selector && shaped(mul(this.selector.tensor, scaleInput.tensor));
      return mul(low, factors ?? scaleInput.tensor);
    }
    const selected = this.selector ? mul(low, shaped(this.selector.tensor)) : low;
    return scale === 1 ? selected : mul(selected, scalar(scale));
  }

  /** What the layer adds to its base; nothing, to the bit, where a scale that is given with the run is 0. */
  gated(change: Tensor): Tensor {
    return this.scaleInput ? gated(change, this.scaleInput.tensor) : change;
  }
}
