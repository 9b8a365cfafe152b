/** The beginning of a training file on both sides of a validation split, as all of it will be split. */
import type { EncodedExample } from '#data/chat.js';
import type { ValidationSplit } from '#data/data-form.js';
import { chooseValidation, placeOf } from '#data/validation-split.js';
import type { DataHead } from '#training/data-head.js';

/** Throws as `chooseValidation`. Of a part of a file each side is estimated. */
export function splitHead(
  head: DataHead,
  split: ValidationSplit,
  seed: number,
): { readonly training: DataHead; readonly validation: DataHead } {
  const places = head.prompts.map((prompt) => placeOf(prompt, seed));
  const wanted = split < 1 ? split : Math.max(1, Math.round(split / head.share));
  const chosen = chooseValidation(places, wanted);
  const side = (isHeldBack: boolean): DataHead => {
    const has = (_: unknown, i: number) => chosen.has(places[i]!) === isHeldBack;
    const examples = head.examples.filter(has);
    const lines = head.lines.filter(has);
    return {
      ...head,
      examples,
      lines,
      prompts: head.prompts.filter(has),
      ...classesOf(examples, lines),
      warnings: isHeldBack ? [] : head.warnings,
    };
  };
  return { training: side(false), validation: side(true) };
}

function classesOf(
  examples: readonly EncodedExample[],
  lines: readonly number[],
): Pick<DataHead, 'classes' | 'classLines'> {
  const classes = new Map<string, number>();
  const classLines = new Map<string, number>();
  for (const [i, { label }] of examples.entries()) {
    if (label === undefined) continue;
    classes.set(label, (classes.get(label) ?? 0) + 1);
    if (!classLines.has(label)) classLines.set(label, lines[i]!);
  }
  return { classes, classLines };
}
