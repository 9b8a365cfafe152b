/** The routes of the API's document, and what a sound request to each of them is. */

export interface JsonSchema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

export interface Route {
  readonly method: string;
  readonly path: string;
  /** Names of its parameters in the query. */
  readonly query: readonly string[];
  /** Of its body; null where it has none. */
  readonly contentType: string | null;
  /** Fields of its body. */
  readonly fields: readonly string[];
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export function routesOf({ paths, components }: ApiDocument): Route[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { parameters = [], requestBody }]) => {
      const [content] = Object.entries(requestBody?.content ?? {});
      const schema = content?.[1].schema;
      const named = schema?.$ref ? components.schemas[schema.$ref.split('/').at(-1)!] : schema;
      return {
        method: method.toUpperCase(),
        path,
        query: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
        contentType: content?.[0] ?? null,
        fields: Object.keys(named?.properties ?? {}),
      };
    }),
  );
}

/** What there is on the server to ask about. */
export interface World {
  /** Ids by the beginning of a path. */
  readonly ids: Readonly<Record<string, string>>;
  readonly checkpoint: string;
  /** A file that adapters and exports have. */
  readonly fileName: string;
  readonly job: { readonly model: string; readonly training_file: string };
  readonly adapters: readonly string[];
  /** A folder with a base model. */
  readonly modelFolder: string;
}

/** The path with ids of what is there, or with `id` in the place of each. Objects that a route deletes are never there. */
export function pathOf({ method, path }: Route, world: World, id?: string): string {
  const [start] = Object.keys(world.ids)
    .filter((start) => path.startsWith(`${start}/{`))
    .toSorted((a, b) => b.length - a.length);
  if (start === undefined && path.includes('{')) throw new Error(`nothing is there for ${path}: add it`);
  const there = method === 'DELETE' ? 'absent' : world.ids[start!];
  const known: Readonly<Record<string, string>> = {
    checkpoint: world.checkpoint,
    tracker: 'tensorboard',
    name: start === '/v1/base_models' ? there! : world.fileName,
  };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => id ?? known[name] ?? there!);
}

/** The smallest body that a route takes. */
export function soundBody({ method, path }: Route, world: World): Record<string, unknown> {
  const [adapter] = world.adapters;
  const bodies: Readonly<Record<string, Record<string, unknown>>> = {
    '/v1/fine_tuning/jobs': world.job,
    '/v1/fine_tuning/plan': world.job,
    '/v1/base_models': { folder: world.modelFolder, name: 'again', replace: true },
    '/v1/chat/completions': {
      model: world.job.model,
      messages: [{ role: 'user', content: 'Is it?' }],
      max_tokens: 2,
    },
    '/v1/completions': { model: world.job.model, prompt: 'Is it?', max_tokens: 2 },
    '/v1/classifications': { model: world.job.model, input: 'Is it?' },
    '/v1/compositions': {
      members: world.adapters.map((id) => ({ adapter: id, weight: 0.5 })),
      preview: true,
    },
    '/v1/exports': { adapter },
    '/v1/pushes': { adapter, repository: 'org/name' },
    '/v1/shares': { adapter },
    '/v1/uploads': { filename: 'a.jsonl', purpose: 'fine-tune', bytes: 10, mime_type: 'text/jsonl' },
    '/v1/uploads/{id}/complete': { part_ids: ['part_none'] },
    '/v1/webhooks': { url: 'https://hook.example' },
    '/v1/fine_tuning/checkpoints/{model}/permissions': { project_ids: ['default'] },
  };
  const body = bodies[path];
  if (!body) throw new Error(`no sound body is known for ${method} ${path}: add one`);
  return body;
}
