/** Tasks of every kind: made, claimed by compare-and-set, kept by signs of life, ended with an outcome. */
import type { EntityManager } from 'typeorm';
import { adapterName } from '#jobs/endings.js';
import { type FailurePolicy, failurePolicy } from '#jobs/failure-policy.js';
import { isTaskDue } from '#jobs/needs.js';
import type { JobsParts } from '#jobs/parts.js';
import { afterFailure, lockRunning, type TaskClaim, type TaskError } from '#jobs/task-endings.js';
import { taskKinds } from '#jobs/task-kinds/registry.js';
import {
  type NewAdapter,
  type TaskInput,
  taskInput,
  type TaskKind,
  type TaskOutcome,
} from '#jobs/task-kinds/task-kind.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Task, type TaskProgress } from '#platform/database/entities/task.js';
import { newId, newIdOf } from '#platform/ids.js';

export class Tasks {
  /** `kinds` are those that are claimed. */
  constructor(
    private readonly parts: JobsParts,
    private readonly policy: FailurePolicy = failurePolicy,
    private readonly kinds = taskKinds,
  ) {}

  async create<Input extends TaskInput>(
    kind: TaskKind<Input>,
    projectId: string,
    input: Input,
    within?: EntityManager,
  ): Promise<Task> {
    const make = async (manager: EntityManager): Promise<Task> => {
      const id = newIdOf(kind.name);
      const inputIds = input.members.map((member) => member.id);
      const row = { id, projectId, kind: kind.name, state: 'queued' as const, input: { ...input }, inputIds };
      await manager.insert(Task, row);
      await this.parts.notifications.notify(manager, 'lowrank_task', id);
      return manager.findOneByOrFail(Task, { id });
    };
    return within ? make(within) : this.parts.database.transaction(make);
  }

  /** Takes the task that waits longest; null if none waits. */
  async claim(workerId: string): Promise<Task | null> {
    const [rows] = await this.parts.database.query<[{ id: string }[], number]>(
      `UPDATE task SET state = 'running', attempt = attempt + 1, worker_id = $1, heartbeat_at = now(),
         started_at = coalesce(started_at, now()), progress = NULL, waiting = NULL, try_after = NULL
       WHERE id = (SELECT id FROM task WHERE ${isTaskDue} AND kind = ANY($2)
           ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING id`,
      [workerId, this.kinds.names],
    );
    const id = rows[0]?.id;
    return id === undefined ? null : this.parts.database.manager.findOneByOrFail(Task, { id });
  }

  /** Says that the attempt is alive and how far it is; false if it does not hold the task any more. */
  async beat({ id, attempt }: TaskClaim, progress: TaskProgress | null): Promise<boolean> {
    const [, count] = await this.parts.database.query<[unknown[], number]>(
      `UPDATE task SET heartbeat_at = now(), progress = coalesce($3::jsonb, progress)
       WHERE id = $1 AND attempt = $2 AND state = 'running'`,
      [id, attempt, progress && JSON.stringify(progress)],
    );
    return count > 0 || (await this.regain({ id, attempt }));
  }

  /** Takes a task back whose worker was only taken for dead, as long as no other attempt has begun. */
  private async regain({ id, attempt }: TaskClaim): Promise<boolean> {
    const [, count] = await this.parts.database.query<[unknown[], number]>(
      `UPDATE task SET state = 'running', heartbeat_at = now(), failures = failures - 1, waiting = NULL
       WHERE id = $1 AND attempt = $2 AND state = 'queued' AND waiting->>'code' = 'worker_lost'`,
      [id, attempt],
    );
    return count > 0;
  }

  /**
   * Ends a task with what its row keeps; an adapter appears with it. A project that has an adapter of the same recipe
   * keeps that one, since equal recipes give equal bytes. False if the attempt does not hold the task any more.
   */
  async finish(claim: TaskClaim, { adapter, report, files }: TaskOutcome): Promise<boolean> {
    const end = () =>
      this.endRunning(claim, async (manager, task) => ({
        ...(report && { report }),
        ...(files && { files: [...files] }),
        ...(adapter && { adapterId: await adapterOf(manager, task, adapter) }),
      }));
    return (await end()) || ((await this.regain(claim)) && end());
  }

  /** Ends an attempt that failed; what becomes of the task follows from the kind of the error, as for jobs. */
  async fail(claim: TaskClaim, error: TaskError): Promise<void> {
    await this.parts.database.transaction(async (manager) => {
      await this.failLocked(manager, claim, error);
    });
  }

  /** Puts the task back for another worker; this is no failure. */
  async handOver({ id, attempt }: TaskClaim): Promise<void> {
    await this.parts.database.transaction(async (manager) => {
      await manager.query(
        `UPDATE task SET state = 'queued', progress = NULL WHERE id = $1 AND attempt = $2 AND state = 'running'`,
        [id, attempt],
      );
      await this.parts.notifications.notify(manager, 'lowrank_task', id);
    });
  }

  /** Puts back the tasks of workers that gave no sign of life; yields how many. */
  async putBackLost(lostSeconds: number): Promise<number> {
    const lost = `state = 'running' AND heartbeat_at < now() - make_interval(secs => $1)
      AND pg_postmaster_start_time() < now() - make_interval(secs => $1)`;
    return this.parts.database.transaction(async (manager) => {
      const rows = await manager.query<TaskClaim[]>(
        `SELECT id, attempt FROM task WHERE ${lost} ORDER BY id FOR UPDATE SKIP LOCKED`,
        [lostSeconds],
      );
      for (const claim of rows) {
        const message = 'the worker gave no sign of life: it may need more memory than the machine has';
        await this.failLocked(manager, claim, { code: 'worker_lost', message });
      }
      return rows.length;
    });
  }

  private async failLocked(manager: EntityManager, claim: TaskClaim, error: TaskError): Promise<void> {
    const task = await lockRunning(manager, claim);
    if (!task) return;
    const after = afterFailure(task, error, this.policy);
    await manager.createQueryBuilder().update(Task).set(after).where({ id: task.id }).execute();
    await this.parts.notifications.notify(manager, 'lowrank_task', task.id);
  }

  /** Stops a task for its owner; one that is over stays as it is. False if there is none, or it is over. */
  async cancel({ name }: Pick<TaskKind, 'name'>, projectId: string, id: string): Promise<boolean> {
    return this.parts.database.transaction(async (manager) => {
      const [, count] = await manager.query<[unknown[], number]>(
        `UPDATE task SET state = 'cancelled', finished_at = now()
         WHERE id = $1 AND project_id = $2 AND kind = $3 AND deleted_at IS NULL
           AND state IN ('queued', 'running')`,
        [id, projectId, name],
      );
      if (count > 0) await this.parts.notifications.notify(manager, 'lowrank_task', id);
      return count > 0;
    });
  }

  /** Deletes a task for its owner, and stops it where it runs. False if there is none. */
  async remove({ name }: Pick<TaskKind, 'name'>, projectId: string, id: string): Promise<boolean> {
    return this.parts.database.transaction(async (manager) => {
      const [, count] = await manager.query<[unknown[], number]>(
        `UPDATE task SET deleted_at = now(),
           finished_at = coalesce(finished_at, now()),
           state = CASE WHEN state IN ('queued', 'running') THEN 'cancelled' ELSE state END
         WHERE id = $1 AND project_id = $2 AND kind = $3 AND deleted_at IS NULL`,
        [id, projectId, name],
      );
      await this.parts.notifications.notify(manager, 'lowrank_task', id);
      return count > 0;
    });
  }

  private async endRunning(
    claim: TaskClaim,
    work: (manager: EntityManager, task: Task) => Promise<Partial<Task>>,
  ): Promise<boolean> {
    const { id } = claim;
    return this.parts.database.transaction(async (manager) => {
      const task = await lockRunning(manager, claim);
      if (!task) return false;
      const result = await work(manager, task);
      await manager
        .createQueryBuilder()
        .update(Task)
        .set({ ...result, state: 'succeeded', error: null, finishedAt: () => 'now()' } as never)
        .where({ id })
        .execute();
      return true;
    });
  }
}

/** The project's adapter of this recipe. */
async function adapterOf(manager: EntityManager, task: Task, made: NewAdapter): Promise<string> {
  const { projectId } = task;
  const lock = `${projectId} ${made.recipeId}`;
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [lock]);
  const same = await manager
    .createQueryBuilder(Adapter, 'adapter')
    .where({ projectId, recipeId: made.recipeId })
    .andWhere('adapter.deletedAt IS NULL')
    .getOne();
  return same?.id ?? insertAdapter(manager, task, made);
}

async function insertAdapter(
  manager: EntityManager,
  { id: taskId, projectId, input }: Task,
  { config, files, sha256, recipeId, recipe, suffix }: NewAdapter,
): Promise<string> {
  const { model, base_identity: baseIdentity } = taskInput.parse(input);
  const id = newId('adapter');
  await manager.insert(Adapter, {
    id,
    name: adapterName({ model, projectId, suffix }, id),
    projectId,
    jobId: null,
    taskId,
    recipeId,
    recipe: recipe as never,
    model,
    baseIdentity,
    config: config as never,
    files: [...files],
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256,
  });
  return id;
}
