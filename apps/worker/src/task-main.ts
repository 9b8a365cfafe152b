/** Runs tasks for the worker that forked it. It ends when its parent does. */
import { serveCalls } from '#contracts/serve-calls.js';
import { taskMethods } from '#contracts/task-calls.js';
import { taskKinds } from '#jobs/task-kinds/registry.js';
import { runTask } from '#jobs/task-kinds/run-task.js';

serveCalls(taskMethods, { run: (job, { update }) => runTask(taskKinds, job, update) });
