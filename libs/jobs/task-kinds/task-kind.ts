/** What a kind of task is: work on adapters that takes no training. One file beside this one for each, listed in registry.ts. */
import { z } from 'zod';
import type { CompositionMember } from '#adapters/composition-members.js';
import { LowrankError } from '#base/errors.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { TaskProgress } from '#platform/database/entities/task.js';

/** An adapter or the adapter in a checkpoint; its files stay in the object store until the task is over. */
export const taskMember = z.object({
  id: z.string(),
  kind: z.enum(['adapter', 'checkpoint']),
  weight: z.number(),
  files: z.array(z.object({ path: z.string(), key: z.string(), bytes: z.int(), sha256: z.string() })),
});
export type TaskMember = Readonly<z.infer<typeof taskMember>>;

/** What every kind is made from. */
export const taskInput = z.object({
  /** Name of the base model. */
  model: z.string(),
  base_identity: z.string(),
  members: z.array(taskMember),
});
export type TaskInput = z.infer<typeof taskInput>;

/** What a kind's `run` works with. */
export interface TaskWork<Input> {
  readonly input: Input;
  readonly members: readonly CompositionMember[];
  /** Where the files of each member lie. */
  readonly folders: readonly string[];
  /** For kinds that need it. */
  readonly hub: { readonly endpoint: string | null; readonly token: string | null };
  /** The base model's folder, for kinds that need it. */
  readonly baseFolder: string;
  /** A folder to make. */
  readonly output: string;
  readonly onProgress: (progress: TaskProgress) => void;
}

/** What a `run` left. */
export interface TaskProduct<Input, Result> {
  readonly input: Input;
  readonly result: Result;
  /** The files of its output folder, as they were stored. */
  readonly files: readonly ManifestFile[];
  /** Reads a JSON file of its output folder. */
  readonly readJson: (name: string) => Promise<Record<string, unknown>>;
}

/** An adapter that a task made. */
export interface NewAdapter {
  readonly config: Record<string, unknown>;
  readonly files: readonly ManifestFile[];
  /** Of adapter_model.safetensors. */
  readonly sha256: string;
  /** Digest of the recipe. */
  readonly recipeId: string;
  readonly recipe: Record<string, unknown>;
  readonly suffix: string | null;
}

/** What the row keeps of a task that succeeded. */
export interface TaskOutcome {
  readonly adapter?: NewAdapter;
  readonly report?: Record<string, unknown>;
  readonly files?: readonly ManifestFile[];
}

export interface TaskKind<Input extends TaskInput = TaskInput, Result = unknown> {
  /** In rows, and what ids begin with. */
  readonly name: string;
  readonly input: z.ZodType<Input>;
  /** What `run` gives. */
  readonly result: z.ZodType<Result>;
  readonly needsBase: boolean;
  /** Whether its process gets the server's account of a hub. */
  readonly needsHub?: boolean;
  /** Does the work, in a process of its own. */
  run(work: TaskWork<Input>): Promise<Result>;
  outcome(product: TaskProduct<Input, Result>): TaskOutcome | Promise<TaskOutcome>;
}

/** Kinds by name. */
export class TaskKinds {
  private readonly byName: ReadonlyMap<string, TaskKind>;

  constructor(kinds: readonly TaskKind[]) {
    this.byName = new Map(kinds.map((kind) => [kind.name, kind]));
  }

  get names(): string[] {
    return [...this.byName.keys()];
  }

  /** Throws LowrankError `internal_error`: only tasks of known kinds are claimed. */
  of(name: string): TaskKind {
    const kind = this.byName.get(name);
    if (!kind) throw new LowrankError('internal_error', `this version has no tasks of the kind ${name}`);
    return kind;
  }
}
