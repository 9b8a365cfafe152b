/** The objectives that there are, as they are declared. A new one is a file beside this one and an entry in the list. */
import { z } from 'zod';
import type { RowKind } from '#data/rows/row.js';
import type { RowReading } from '#data/rows/row-reading.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';
import { classificationDeclaration } from '#training/objectives/declared/classification.js';
import { dpoDeclaration } from '#training/objectives/declared/dpo.js';
import { nextTokenDeclaration } from '#training/objectives/declared/next-token.js';
import { orpoDeclaration } from '#training/objectives/declared/orpo.js';

const declared = [nextTokenDeclaration, dpoDeclaration, orpoDeclaration, classificationDeclaration] as const;

type Declared = (typeof declared)[number];
type Methods<List extends readonly { readonly method: z.ZodObject }[]> = {
  -readonly [I in keyof List]: List[I]['method'];
};
type Everything<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

export const declarations: readonly ObjectiveDeclaration[] = declared;

export type MethodType = Declared['type'];

/** What a run learns by: the objective and its options. */
export const method = z.discriminatedUnion(
  'type',
  declared.map(({ method }) => method) as unknown as Methods<typeof declared>,
);
export type Method = z.output<typeof method>;

/** What a run without a word about it learns by. */
export const defaultMethod: Method = { type: 'supervised' };

export function declarationOf({ type }: { readonly type: MethodType }): ObjectiveDeclaration {
  return declared.find((declaration) => declaration.type === type)!;
}

/** How the rows of a data set are read to be learned by a method, by a model that reads texts or images. */
export function readingOf(
  method: { readonly type: MethodType },
  inputs: 'tokens' | 'images' = 'tokens',
): RowReading {
  const { type, rows: textRows, imageRows } = declarationOf(method);
  const rows = inputs === 'images' && imageRows ? imageRows : textRows;
  return {
    ...rows,
    explainOther: (kind) => {
      if (kind === 'image' || inputs === 'images') {
        const [has, reads] = kind === 'image' ? ['an image', 'texts'] : ['a text', 'images'];
        return `this is a row of ${has}, but the base model reads ${reads}. Give ${rows.kinds.join(' or ')} rows, or another base model.`;
      }
      const others = declared.filter((each) => (each.rows.kinds as readonly RowKind[]).includes(kind));
      const names = others.map((each) => `"${each.type}"`).join(' or ');
      const instead = names === '' ? '' : `, or set method.type to ${names}`;
      return `this is a ${kind} row, but the method "${type}" learns from ${rows.kinds.join(', ')} rows. Give such rows${instead}.`;
    },
  };
}

/** The metrics of every objective; those of one name mean the same kind of number. */
export const stepMetricsOfAll = Object.assign(
  {},
  ...declared.map(({ stepMetrics }) => stepMetrics.shape),
) as Everything<Declared['stepMetrics']['shape']>;
export const evaluationMetricsOfAll = Object.assign(
  {},
  ...declared.map(({ evaluationMetrics }) => evaluationMetrics.shape),
) as Everything<Declared['evaluationMetrics']['shape']>;
