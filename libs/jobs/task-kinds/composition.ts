/** Adapters of one base model added up to one. */
import { z } from 'zod';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { Composition, RECIPE_FILE } from '#adapters/composition.js';
import { compositionForm } from '#contracts/composition-form.js';
import {
  compositionReport,
  type CompositionReportObject,
  viewReport,
} from '#contracts/composition-report.js';
import { type TaskKind, taskInput } from '#jobs/task-kinds/task-kind.js';

const input = taskInput.extend({
  form: compositionForm,
  /** Part of the adapter's name. */
  suffix: z.string().nullable(),
});

export const composition: TaskKind<z.infer<typeof input>, CompositionReportObject> = {
  name: 'composition',
  input,
  result: compositionReport,
  needsBase: false,

  async run({ input: { form }, members, output, onProgress }) {
    const made = await Composition.open(members, { onProgress });
    return viewReport(await made.write(output, form, { onProgress }));
  },

  async outcome({ input: { members, suffix }, result: report, files, readJson }) {
    const asked = members.map(({ id, kind, weight }) => ({ [kind]: id, weight }));
    return {
      report,
      adapter: {
        config: await readJson(ADAPTER_FILES.config),
        files,
        sha256: files.find(({ path }) => path === ADAPTER_FILES.weights)!.sha256,
        recipeId: report.recipe_id,
        recipe: { ...(await readJson(RECIPE_FILE)), members: asked },
        suffix,
      },
    };
  },
};
