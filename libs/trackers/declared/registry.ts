/** The experiment trackers that there are, as they are declared. Read in browsers too: imports zod only. */
import { z } from 'zod';
import type { TrackerDeclaration } from '#trackers/declared/declaration.js';
import { mlflowDeclaration } from '#trackers/declared/mlflow.js';
import { tensorboardDeclaration } from '#trackers/declared/tensorboard.js';
import { wandbDeclaration } from '#trackers/declared/wandb.js';

const declared = [tensorboardDeclaration, wandbDeclaration, mlflowDeclaration] as const;

export type TrackerType = (typeof declared)[number]['type'];
export const trackerDeclarations: readonly (TrackerDeclaration & { readonly type: TrackerType })[] = declared;

/** Those that make a file of a job. */
export const trackerFiles = trackerDeclarations.flatMap(({ type, title, file }) =>
  file ? [{ type, title, file }] : [],
);

export function trackerDeclaration(type: string): (typeof trackerDeclarations)[number] | undefined {
  return trackerDeclarations.find((each) => each.type === type);
}

/** `{"type": "wandb", "wandb": {...}}`, an option for each tracker that a job can say something of. */
export const integration = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal(wandbDeclaration.type), wandb: wandbDeclaration.settings }),
  z.strictObject({ type: z.literal(mlflowDeclaration.type), mlflow: mlflowDeclaration.settings }),
]);
export type Integration = z.output<typeof integration>;

/** At most one for each tracker. */
export const integrations = z
  .array(integration)
  .max(5)
  .refine((list) => new Set(list.map(({ type }) => type)).size === list.length, {
    message: 'names one tracker twice',
  });

export const integrationsFix = `give a list of ${trackerDeclarations
  .flatMap(({ type, fix }) => (fix ? [`{"type": "${type}", "${type}": ${fix}}`] : []))
  .join(' or ')}`;

/** What a job says of a tracker; null if nothing. */
export function settingsOf(
  list: readonly Integration[] | null | undefined,
  type: string,
): Readonly<Record<string, unknown>> | null {
  const found = list?.find((each) => each.type === type) as Readonly<Record<string, unknown>> | undefined;
  return (found?.[type] as Readonly<Record<string, unknown>> | undefined) ?? null;
}
