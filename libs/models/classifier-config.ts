/** The config.json of a model that tells classes apart. */

/** A text in JSON, then anything but an end. */
const inside = (end: string) => String.raw`(?:"(?:[^"\\]|\\.)*"|[^"${end}])*`;
/** Fields about the head, at whatever depth: none has lists or objects in it. */
const headFields = new RegExp(
  String.raw`"(?:architectures|id2label|label2id|num_labels|problem_type)"\s*:\s*(?:\[${inside('\\]')}\]|\{${inside('}')}\}|[^,{}[\]]+)\s*,?\s*`,
  'g',
);

/**
 * The text of the config.json of a model with another head on the same body. It is edited, not printed anew: JavaScript
 * would write 1.0 as 1, which strict readers take for another type.
 */
export function classifierConfigText(text: string, architecture: string, labels: readonly string[]): string {
  const fields = {
    architectures: [architecture],
    id2label: Object.fromEntries(labels.map((name, id) => [id, name])),
    label2id: Object.fromEntries(labels.map((name, id) => [name, id])),
    problem_type: 'single_label_classification',
  };
  const rest = text
    .replace(headFields, '')
    .replace(/,\s*\}\s*$/, '\n}\n')
    .replace(/^\s*\{\s*/, '');
  const head = JSON.stringify(fields, undefined, 2).replace(/\n\}$/, '');
  return rest.startsWith('}') ? `${head}\n}\n` : `${head},\n  ${rest}`;
}
