/** Tasks of one kind as a resource of the API. */
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { ErrorCode } from '#base/error-codes.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import type { TaskInput, TaskKind } from '#jobs/task-kinds/task-kind.js';
import type { Tasks } from '#jobs/tasks.js';
import { Task } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { once } from '../http/idempotency.js';
import { keysetPage, type PageRequest } from '../http/keyset-page.js';

export interface TaskResourceSettings<Input, View> {
  readonly view: (task: Task, input: Input) => View;
  /** Part of the address, which Idempotency-Keys are kept under. */
  readonly route: string;
  readonly codes: { readonly notFound: ErrorCode; readonly finished: ErrorCode };
}

/** A request to make a task. */
export interface TaskOrder<Input> {
  readonly request: object;
  readonly input: Input;
  readonly idempotencyKey: string | undefined;
}

export class TaskResource<Input extends TaskInput, View extends { id: string }> {
  constructor(
    private readonly platform: Platform,
    private readonly tasks: Tasks,
    private readonly kind: TaskKind<Input>,
    private readonly settings: TaskResourceSettings<Input, View>,
  ) {}

  async create(projectId: string, { request, input, idempotencyKey }: TaskOrder<Input>): Promise<View> {
    const make = async (manager?: EntityManager) =>
      this.view(await this.tasks.create(this.kind, projectId, input, manager));
    const identity = { projectId, key: idempotencyKey, route: this.settings.route, request };
    return once(this.platform.database, identity, make);
  }

  /** `narrow` leaves rows out of the list. */
  async list(
    projectId: string,
    query: PageRequest,
    narrow?: (rows: SelectQueryBuilder<Task>) => void,
  ): Promise<Page<View>> {
    const rows = this.rows(projectId);
    narrow?.(rows);
    return keysetPage(rows, this.owned(projectId), query, (task) => this.view(task));
  }

  async get(projectId: string, id: string): Promise<View> {
    return this.view(await this.find(projectId, id));
  }

  /** Stops it where it waits or runs; one that is over cannot be cancelled any more. */
  async cancel(projectId: string, id: string): Promise<View> {
    const isCancelled = await this.tasks.cancel(this.kind, projectId, id);
    const task = await this.find(projectId, id);
    if (isCancelled || task.state === 'cancelled') return this.view(task);
    const message = `the ${this.kind.name} ${id} is ${task.state}: only one that waits or runs can be cancelled; delete it instead`;
    throw new ApiError(this.settings.codes.finished, message, { param: 'id' });
  }

  /** Stops it where it runs; its bytes go with the next sweep, and an adapter that it made stays. */
  async delete(projectId: string, id: string): Promise<Deleted> {
    if (!(await this.tasks.remove(this.kind, projectId, id))) throw this.notFound(id);
    return { id, object: this.kind.name, deleted: true };
  }

  async find(projectId: string, id: string): Promise<Task> {
    const task = await this.rows(projectId).andWhere('row.id = :id', { id }).getOne();
    if (!task) throw this.notFound(id);
    return task;
  }

  private view(task: Task): View {
    return this.settings.view(task, this.kind.input.parse(task.input));
  }

  private notFound(id: string): ApiError {
    return new ApiError(this.settings.codes.notFound, `there is no ${this.kind.name} ${id}`, { param: 'id' });
  }

  private rows(projectId: string): SelectQueryBuilder<Task> {
    return this.owned(projectId).andWhere('row.deletedAt IS NULL');
  }

  private owned(projectId: string): SelectQueryBuilder<Task> {
    const { name: kind } = this.kind;
    return this.platform.database.manager
      .createQueryBuilder(Task, 'row')
      .where('row.projectId = :projectId AND row.kind = :kind', { projectId, kind });
  }
}
