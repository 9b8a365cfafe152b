/** What config.json says of the classes that a model tells apart. */
import { z } from 'zod';
import type { ConfigReader } from '#models/config-reader.js';
import type { Labelled } from '#models/model-config.js';

const count = z.int().positive().max(1_000_000);

/** Reads `id2label` and `num_labels`; transformers' two classes where the file names none. */
export function readLabels(reader: ConfigReader): Labelled {
  reader.expect(
    'problem_type',
    ['single_label_classification'],
    'every input has exactly one of the classes here; train on one label for each',
  );
  const file = reader.fields({
    id2label: z.record(z.string(), z.string()).nullish(),
    num_labels: count.nullish(),
  });
  const names = file.id2label && Object.entries(file.id2label);
  const size = names?.length ?? file.num_labels ?? 2;
  if (size === 1) reader.refuse(names ? 'id2label' : 'num_labels', 'with one class it would be a regression');
  const labels = Array.from({ length: size }, (_, id) => file.id2label?.[String(id)] ?? `LABEL_${id}`);
  const astray = names?.find(([id]) => !(String(Number(id)) === id && Number(id) >= 0 && Number(id) < size));
  if (astray) {
    reader.report(
      'id2label',
      `has the number ${JSON.stringify(astray[0])}; ${size} classes are 0 to ${size - 1}`,
    );
  }
  if (names && file.num_labels && file.num_labels !== size) {
    reader.report('num_labels', `is ${file.num_labels}, but id2label has ${size} classes`);
  }
  return { labels };
}
