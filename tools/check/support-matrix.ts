/** What works with what, read off the registries: families, kinds of layers, variants of LoRA, objectives, devices. */
import { geometryOf, layerKinds } from '#lora/layer-kinds/registry.js';
import type { LayerGeometry } from '#lora/target-module.js';
import type { Variant } from '#lora/variants/variant.js';
import { variants } from '#lora/variants/registry.js';
import { parseModelConfig } from '#models/config.js';
import type { Family } from '#models/families/family.js';
import { buildModel, families } from '#models/families/registry.js';
import { isEagerDevice } from '#runtime/device.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';
import { declarations } from '#training/objectives/declared/registry.js';
import { trainingDevices } from '#training/options.js';

const code = (text: string) => `\`${text}\``;
const yesOr = (reason: string | undefined) => (reason === undefined ? 'yes' : 'no');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** The kinds of layers of a family that LoRA can be put on, in a model of the usual sizes. */
function layersOf({ architecture, modelType }: Family): string[] {
  const model = buildModel(parseModelConfig({ architectures: [architecture], model_type: modelType }));
  const found = new Set([...model.modules()].map((module) => geometryOf(module)?.kind));
  return layerKinds.filter(({ name }) => found.has(name)).map(({ title }) => title);
}

const gives = { causal: 'the next token', classify: 'classes' } as const;
const reads = { tokens: 'texts', images: 'images' } as const;

/** A decoder that transformers has a classification head for is given one. */
function canLearn(family: Family, { head, imageRows }: ObjectiveDeclaration): boolean {
  if (family.inputs === 'images' && !imageRows) return false;
  return family.head === head || (head === 'classify' && family.sequenceClassifier !== undefined);
}

function familyRow(family: Family): string[] {
  const { name, architecture, head, inputs } = family;
  const methods = declarations.filter((method) => canLearn(family, method)).map(({ type }) => code(type));
  return [
    name,
    code(architecture),
    reads[inputs],
    gives[head],
    layersOf(family).join(', '),
    methods.join(', ') || 'no',
  ];
}

function variantRow(variant: Variant): string[] {
  const sizes = (kind: string): LayerGeometry => ({ kind, inFeatures: 8, outFeatures: 8 });
  return [
    variant.title,
    ...layerKinds.map(({ name }) => yesOr(variant.refusal?.(sizes(name)))),
    yesOr(variant.notAdditive),
  ];
}

/** docs/support.md as it should be. */
export function supportPage(): string {
  return `# What works with what

Read off the registries by \`npm run check:support\`, which fails where this page says something else.

## Models

${table(
  ['family', '`architectures` in config.json', 'reads', 'gives', 'layers for LoRA', 'trained by jobs'],
  families.map(familyRow),
)}

[Models](models.md) has their default targets, and what is refused.

## Variants of LoRA

${table(
  ['variant', ...layerKinds.map(({ title }) => title), 'composed with other adapters'],
  variants.map(variantRow),
)}

Each is trained by every method, merged, and exported. Convolutions of several groups have no DoRA, and what they are given is
neither merged nor composed.

## Methods

${table(
  ['`method.type`', 'rows of data', 'measured beside the loss'],
  declarations.map(({ type, rows, stepMetrics, evaluationMetrics }) => [
    code(type),
    rows.kinds.join(', '),
    [...new Set(Object.keys({ ...stepMetrics.shape, ...evaluationMetrics.shape }))].map(code).join(', '),
  ]),
)}

## Devices

${table(
  ['`training.device`', 'how a step runs'],
  trainingDevices.map((device) => [
    code(device),
    isEagerDevice(device) ? 'operation by operation, in TensorFlow.js' : 'as one graph, in ONNX Runtime',
  ]),
)}

Families, variants and methods are written in the operations of one engine, each of which every device has: what is done is
done on all of them.
`;
}
