/** `lowrank plan`: what a job would come to, without making it. */
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { addJobFlags, type JobFlags, readDraft, uploadFiles } from '../job-body.js';
import { modulesText, planText } from '../plan-text.js';

interface PlanOptions extends JobFlags {
  readonly modules?: boolean;
}

export function addPlan(program: Command, run: Run): void {
  const command = program
    .command('plan')
    .description('show what a job would train, on what, in how many steps; data are uploaded, no job is made')
    .option('--modules', 'list the adapted layers');
  addJobFlags(command).action(run<PlanOptions>(plan));
}

async function plan(context: CommandContext, _: readonly string[], options: PlanOptions): Promise<void> {
  const { client, output, signal } = context;
  const draft = await readDraft(options);
  const body = await uploadFiles(context, draft);
  const plan = await client.jobs.plan(body, { signal });
  output.result(plan, () => {
    const text = planText(plan, output);
    return options.modules ? `${text}\nlayers:\n${modulesText(plan)}` : text;
  });
}
