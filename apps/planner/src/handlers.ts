import { open } from 'node:fs/promises';
import { stackMembers } from '#adapters/composition-members.js';
import { checkForm } from '#adapters/composition-recipe.js';
import { exportFormats } from '#adapters/exports/registry.js';
import { openMembers } from '#adapters/open-members.js';
import type { Handlers } from '#contracts/serve-calls.js';
import { validateDataset } from '#data/dataset.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { readTemplateSources } from '#data/template-sources.js';
import { DataHeads } from '#jobs/data-heads.js';
import type { plannerMethods } from '#jobs/planner-calls.js';
import { openModelFolder } from '#models/model-folder.js';
import { loadPreprocessor } from '#models/model-preprocessor.js';
import { headBytes, checkHead } from '#training/data-head.js';
import { checkAdapter } from './check-adapter.js';
import { answerPlan } from './answer-plan.js';
import { openArchive } from './open-archive.js';

/** What the process does, by method. */
export function plannerHandlers(): Handlers<typeof plannerMethods> {
  const heads = new DataHeads();
  return {
    plan: (task, { signal }) => answerPlan(heads, task, signal),
    checkData: ({ file, name, form }, { signal }) => validateDataset(file, { name, form, signal }),
    async checkDataHead({ file, name, form }, { signal }) {
      await checkHead(await firstBytes(file), { name, form, signal });
      return null;
    },
    async checkModel({ folder }) {
      const model = await openModelFolder(folder, { tokenizer: 'required' });
      if (model.tree.inputs === 'images') {
        await loadPreprocessor(model);
        return null;
      }
      await loadTokenizer(folder);
      await readTemplateSources(folder);
      return null;
    },
    openArchive: ({ archive, folder, maxBytes }, { signal }) =>
      openArchive(archive, folder, maxBytes, signal),
    async checkMembers({ members, form }, { signal }) {
      const { modules } = await stackMembers(await openMembers(members), signal);
      checkForm(form, Math.max(...modules.map(({ rank }) => rank)));
      return null;
    },
    async checkExport({ member, baseFolder, format }, { signal }) {
      const [opened] = await openMembers([{ ...member, weight: 1 }]);
      await exportFormats[format].check({ baseFolder, member: opened!, signal });
      return null;
    },
    checkAdapter: ({ folder, base }) => checkAdapter(folder, base),
  };
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
