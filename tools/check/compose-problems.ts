/** What is wrong with the Compose file: its form, secrets that stand in it, checks that are missing, unknown variables. */
import { load } from 'js-yaml';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { parseConfiguration } from '#platform/config.js';

export interface ComposeInput {
  /** docker-compose.yml. */
  readonly compose: string;
  /** .env.example. */
  readonly example: string;
  /** Of the program: the images that are built bear it. */
  readonly version: string;
}

// ---- form: what the file may hold, so that a misspelt key is found ----

const words = z.union([z.string(), z.array(z.string()).min(1)]);
const duration = z.string().regex(/^\d+(ms|s|m|h)$/);

const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), target: z.string() }).optional(),
  profiles: z.array(z.string()).optional(),
  user: z.string().optional(),
  init: z.boolean().optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  environment: z.record(z.string(), z.string()).default({}),
  command: words.optional(),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.enum(['service_healthy', 'service_started']) }))
    .default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  stop_grace_period: duration.optional(),
  deploy: z
    .strictObject({
      resources: z.strictObject({
        reservations: z.strictObject({
          devices: z.array(
            z.strictObject({
              driver: z.string(),
              count: z.union([z.literal('all'), z.int().positive()]),
              capabilities: z.array(z.string()).min(1),
            }),
          ),
        }),
      }),
    })
    .optional(),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: duration,
      timeout: duration,
      retries: z.int().positive(),
      start_period: duration.optional(),
    })
    .optional(),
});
type Service = z.output<typeof service>;

const composeFile = z
  .strictObject({
    name: z.string(),
    services: z.record(z.string(), service),
    volumes: z.record(z.string(), z.null()),
  })
  .catchall(z.never());

/** Keys beginning with x- are notes of the file to itself. */
function withoutNotes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !name.startsWith('x-')));
}

// ---- variables ----

interface Variable {
  readonly name: string;
  readonly isRequired: boolean;
  readonly fallback: string;
}

const pattern = /\$(?:(\$)|\{([A-Za-z_]\w*)(?::?([-?])([^}]*))?\}|([A-Za-z_]\w*))/g;

/** The variables that Compose puts into a text. */
function variablesOf(text: string): Variable[] {
  return [...text.matchAll(pattern)].flatMap(([, escaped, braced, operator, rest, bare]) => {
    if (escaped) return [];
    const fallback = operator === '-' ? (rest ?? '') : '';
    return [{ name: braced ?? bare!, isRequired: operator === '?', fallback }];
  });
}

/** The text with every variable replaced, those without a default by the value given. */
function filledIn(text: string, value: string): string {
  return text.replaceAll(
    pattern,
    (_match, escaped?: string, _name?: string, operator?: string, rest?: string) =>
      escaped ? '$' : operator === '-' ? (rest ?? '') : value,
  );
}

function exampleEntries(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const cut = line.indexOf('=');
      return cut < 0 ? [line, ''] : [line.slice(0, cut), line.slice(cut + 1)];
    }),
  );
}

/** The names of all variables that the program reads. */
export function knownVariables(): Set<string> {
  const names = new Set<string>();
  parseConfiguration(
    new Proxy<Record<string, string | undefined>>(
      {},
      {
        get(_, name) {
          names.add(String(name));
          return undefined;
        },
      },
    ),
  );
  return names;
}

const isSecret = (name: string) => /PASSWORD|SECRET|TOKEN|ACCESS_KEY|API_KEY/.test(name);

// ---- checks ----

/** Every problem, as a sentence; none for a file that is right. */
export function composeProblems({ compose, example, version }: ComposeInput): string[] {
  let parsed;
  try {
    parsed = composeFile.safeParse(withoutNotes(load(compose)));
  } catch (error) {
    return [`it is not YAML: ${(error as Error).message}`];
  }
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
  const { services, volumes } = parsed.data;
  const problems = variableProblems(compose, exampleEntries(example));
  for (const [name, definition] of Object.entries(services)) {
    const found = [
      ...imageProblems(definition, version),
      ...secretProblems(definition),
      ...dependencyProblems(definition, services),
      ...mountProblems(definition, volumes),
      ...(definition.healthcheck ? [] : ['has no healthcheck']),
      ...(definition.image.startsWith('lowrank') ? configurationProblems(name, definition) : []),
    ];
    problems.push(...found.map((problem) => `${name} ${problem}`));
  }
  return problems;
}

function variableProblems(compose: string, example: Map<string, string>): string[] {
  const text = compose.replaceAll(/^\s*#.*$/gm, '');
  const used = variablesOf(text);
  const names = new Set(used.map(({ name }) => name));
  return [
    ...[...names]
      .filter((name) => !example.has(name))
      .map((name) => `the variable ${name} is not in .env.example`),
    ...[...example.keys()]
      .filter((name) => !names.has(name))
      .map((name) => `.env.example has ${name}, which nothing uses`),
    ...[...example].filter(([, value]) => value !== '').map(([name]) => `.env.example gives ${name} a value`),
    ...used
      .filter(({ name, isRequired, fallback }) => !isRequired && (isSecret(name) || fallback === ''))
      .map(({ name }) => `the variable ${name} is used without \${${name}:?set it in .env}`),
  ];
}

function imageProblems({ image, build }: Service, version: string): string[] {
  const [, tag] = /^[^:@]+:([^:@/]+)(?:@sha256:[0-9a-f]{64})?$/.exec(image) ?? [];
  if (tag === undefined || !/\d+\.\d+/.test(tag)) return [`has the image ${image}, which is not pinned`];
  if ((build || image.startsWith('lowrank')) && tag !== version) {
    return [`has the image ${image}, but the program's version is ${version}`];
  }
  return [];
}

/** Secrets and passwords in URLs must come from variables as a whole. */
function secretProblems({ environment, command }: Service): string[] {
  const required = /^\$\{\w+:\?[^}]+\}$/;
  const problems = Object.entries(environment)
    .filter(([name, value]) => isSecret(name) && !required.test(value))
    .map(([name]) => `has ${name} written out`);
  for (const [name, value] of Object.entries(environment)) {
    const password = /:\/\/[^/:@]*:((?:\$\{[^}]*\}|[^@])*)@/.exec(value)?.[1];
    if (password !== undefined && !required.test(password)) {
      problems.push(`has a password written out in ${name}`);
    }
  }
  const line = [command ?? []].flat().join(' ');
  const option = /--?(?:requirepass|password|secret)[= ]+(?!"?\$)/i;
  if (option.test(line)) problems.push('has a password written out in its command');
  return problems;
}

function dependencyProblems(
  { depends_on: needed, profiles }: Service,
  services: Readonly<Record<string, Service>>,
): string[] {
  return Object.entries(needed).flatMap(([name, { condition }]) => {
    const other = services[name];
    if (!other) return [`depends on ${name}, which is not there`];
    if (condition === 'service_healthy' && !other.healthcheck) {
      return [`waits for the health of ${name}, which has no healthcheck`];
    }
    const isOptional = other.profiles?.some((profile) => !profiles?.includes(profile));
    return isOptional ? [`depends on ${name}, which another profile starts`] : [];
  });
}

function mountProblems(
  { volumes: mounts, ports }: Service,
  volumes: Readonly<Record<string, null>>,
): string[] {
  const named = mounts.map((mount) => mount.split(':')[0]!).filter((name) => /^[a-z]/.test(name));
  return [
    ...named
      .filter((name) => !(name in volumes))
      .map((name) => `uses the volume ${name}, which is not there`),
    ...ports
      .filter((port) => !port.startsWith('127.0.0.1:'))
      .map((port) => `opens ${port} to other machines`),
  ];
}

/** The program's own containers: variables that it knows, with values that it takes, and time to hand jobs over. */
function configurationProblems(name: string, { environment, stop_grace_period: grace }: Service): string[] {
  const known = knownVariables();
  const problems = Object.keys(environment)
    .filter((variable) => !known.has(variable))
    .map((variable) => `sets ${variable}, which the program does not know`);
  try {
    const values = Object.entries(environment).map(([variable, value]) => [
      variable,
      filledIn(value, 'filled'),
    ]);
    const { shutdownGraceSeconds } = parseConfiguration(Object.fromEntries(values) as Record<string, string>);
    const isTooShort = Number.parseInt(grace ?? '10s', 10) <= shutdownGraceSeconds;
    if (name.startsWith('worker') && isTooShort) {
      problems.push(
        `is killed before the ${shutdownGraceSeconds} seconds are over in which it hands jobs over`,
      );
    }
  } catch (error) {
    if (!(error instanceof LowrankError)) throw error;
    problems.push(`has an environment that is not right: ${error.message}`);
  }
  return problems;
}
