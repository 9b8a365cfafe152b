import { composition } from '#jobs/task-kinds/composition.js';
import { adapterExport } from '#jobs/task-kinds/export.js';
import { adapterPush } from '#jobs/task-kinds/push.js';
import { TaskKinds } from '#jobs/task-kinds/task-kind.js';

/** Every kind of task. */
export const taskKinds = new TaskKinds([composition, adapterExport, adapterPush]);
