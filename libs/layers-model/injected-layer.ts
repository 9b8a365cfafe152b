/** One Dense or Conv2D layer of a `tf.LayersModel` with a low-rank update beside it. */
import { sizeOf } from '#base/shapes.js';
import { bitsAt, type StreamKey, streamKey } from '#jit/random.js';
import { drawnFactors } from '#lora/layer-kinds/drawn-factors.js';
import { addDeltaRows, transposed } from '#lora/merge-delta.js';
import { seededNumbers } from '#lora/random-numbers.js';
import type { LayerTarget } from '#layers-model/targets.js';
import {
  type TensorFlow,
  type TfActivation,
  type TfInputs,
  type TfLayer,
  type TfTensor,
  type TfVariable,
  tidy,
} from '#layers-model/tensorflow.js';

export interface InjectedLayerOptions {
  readonly dropout: number;
  /** As PEFT's `init_lora_weights`. */
  readonly init: boolean | 'gaussian';
  readonly seed: number;
}

const numbersOf = async (tensor: TfTensor) => Float32Array.from(await tensor.data());

const linear: TfActivation = { apply: (x) => x, getClassName: () => 'linear' };

/** Makes a layer's `call` another function; the result puts things back as they were. */
export function replaceCall(layer: TfLayer, call: TfLayer['call']): () => void {
  const own = Object.getOwnPropertyDescriptor(layer, 'call');
  layer.call = call;
  return () => {
    if (own) Object.defineProperty(layer, 'call', own);
    else Reflect.deleteProperty(layer, 'call');
  };
}

/** y = activation(kernel x + bias + scale * up(down(dropout(x)))), the dropout as in PEFT. */
export class InjectedLayer {
  /** The kernel's shape with r in the place of its last axis. */
  readonly down: TfVariable;
  /** [r, out] */
  readonly up: TfVariable;
  /** What the scale is multiplied by. */
  strength = 1;
  /** Puts the layer back as it was. */
  readonly restore: () => void;
  private readonly dropoutKey: StreamKey;
  private calls = 0;

  constructor(
    private readonly tf: TensorFlow,
    readonly target: LayerTarget,
    index: number,
    private readonly options: InjectedLayerOptions,
  ) {
    const { layer, kernelShape, r } = target;
    const out = kernelShape.at(-1)!;
    const downShape = [...kernelShape.slice(0, -1), r];
    const fanIn = sizeOf(kernelShape) / out;
    // By place and not by name: TensorFlow.js counts the names of layers up from model to model.
    const site = `layer ${index}`;
    const shapes = { A: [r, fanIn], B: [out, r] };
    const { A, B } = drawnFactors(shapes, options.init, seededNumbers(options.seed), site);
    this.down = this.variable(transposed(A, fanIn), downShape);
    this.up = this.variable(transposed(B, r), [r, out]);
    this.dropoutKey = streamKey(options.seed, 0, `${site} dropout`);
    const base = layer.call.bind(layer);
    this.restore = replaceCall(layer, (inputs, options) => this.call(base, inputs, options));
  }

  /** The kernel [..., in, out] with the update folded in, as new numbers in its own order. */
  async mergedKernel(): Promise<Float32Array> {
    const { target, scale } = this;
    const { layer, kernelShape, r } = target;
    const [kernel, down, up] = await Promise.all([layer.getWeights()[0]!, this.down, this.up].map(numbersOf));
    // Each row of the kernel is of one input, as in a transposed weight.
    addDeltaRows(kernel!, 0, [{ A: up!, B: down!, r, scale }], kernelShape.at(-1)!);
    return kernel!;
  }

  dispose(): void {
    this.down.dispose();
    this.up.dispose();
  }

  private get scale(): number {
    return this.target.scale * this.strength;
  }

  private variable(values: Float32Array, shape: number[]): TfVariable {
    const initial = this.tf.tensor(values, shape, 'float32');
    const variable = this.tf.variable(initial);
    initial.dispose();
    return variable;
  }

  private call(
    base: TfLayer['call'],
    inputs: TfInputs,
    options: Readonly<Record<string, unknown>>,
  ): TfInputs {
    // With nothing to add the layer computes as if it had never been touched, to the bit.
    if (this.scale === 0) return base(inputs, options);
    return tidy(this.tf, () => {
      const [x] = [inputs].flat() as [TfTensor];
      const layer = this.target.layer as TfLayer & { activation: TfActivation };
      const { activation } = layer;
      let y: TfTensor;
      // The update belongs before the activation, which the layer would apply by itself.
      layer.activation = linear;
      try {
        [y] = [base(inputs, options)].flat() as [TfTensor];
      } finally {
        layer.activation = activation;
      }
      return activation.apply(this.tf.add(y, this.update(this.dropped(x, options['training'] === true))));
    });
  }

  private dropped(x: TfTensor, isTraining: boolean): TfTensor {
    const { dropout } = this.options;
    if (!isTraining || dropout === 0) return x;
    // The same seed would drop the same places every time.
    return this.tf.dropout(x, dropout, undefined, bitsAt(this.dropoutKey, this.calls++));
  }

  private update(x: TfTensor): TfTensor {
    const { tf, down, up, scale } = this;
    const { window, r, kernelShape } = this.target;
    const out = kernelShape.at(-1)!;
    const lift = (low: TfTensor, shape: number[]) =>
      tf.reshape(tf.matMul(tf.mul(tf.reshape(low, [-1, r]), scale), up), [...shape.slice(0, -1), out]);
    if (!window) return lift(tf.matMul(tf.reshape(x, [-1, kernelShape[0]!]), down), x.shape);
    const image = window.channelsFirst ? tf.transpose(x, [0, 2, 3, 1]) : x;
    const low = tf.conv2d(image, down, window.strides, window.padding);
    const y = lift(low, low.shape);
    return window.channelsFirst ? tf.transpose(y, [0, 3, 1, 2]) : y;
  }
}
