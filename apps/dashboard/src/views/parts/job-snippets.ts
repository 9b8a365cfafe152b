/** A job as text for programs and terminals: what is copied makes the job that the form would make. */
import type { JobCreate } from '#contracts/http/job-create.js';

export interface SnippetPlace {
  /** Address of the server. */
  readonly origin: string;
  /** Whether the server asks for a key. */
  readonly needsKey: boolean;
}

export interface Snippet {
  readonly name: string;
  readonly text: string;
}

export function snippetsOf(body: JobCreate, place: SnippetPlace): Snippet[] {
  return [
    { name: 'curl', text: curlText(body, place) },
    { name: 'Python', text: pythonText(body, place) },
    { name: 'JavaScript', text: javascriptText(body, place) },
    { name: 'lowrank', text: commandText(body, place) },
  ];
}

function curlText(body: JobCreate, { origin, needsKey }: SnippetPlace): string {
  const key = needsKey ? ` -H "authorization: Bearer $LOWRANK_API_KEY"` : '';
  const json = JSON.stringify(body, null, 2);
  return `curl ${origin}/v1/fine_tuning/jobs -H 'content-type: application/json'${key} -d @- <<'END'\n${json}\nEND`;
}

/** Fields that the method of OpenAI's Python client has parameters for. */
const openaiFields = ['model', 'training_file', 'validation_file', 'suffix', 'seed', 'metadata'] as const;

function pythonText(body: JobCreate, { origin, needsKey }: SnippetPlace): string {
  const own = new Set<string>(openaiFields);
  const entries = Object.entries(body).filter(([, value]) => value !== undefined && value !== null);
  const named = entries.filter(([name]) => own.has(name));
  const others = Object.fromEntries(entries.filter(([name]) => !own.has(name)));
  const lines = [
    ...named.map(([name, value]) => `    ${name}=${python(value, '    ')},`),
    `    extra_body=${python(others, '    ')},`,
  ];
  const key = needsKey ? 'os.environ["LOWRANK_API_KEY"]' : '"none"';
  return [
    ...(needsKey ? ['import os'] : []),
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url=${python(`${origin}/v1`)}, api_key=${key})`,
    'job = client.fine_tuning.jobs.create(',
    ...lines,
    ')',
    'print(job.id)',
  ].join('\n');
}

/** A JSON value as Python writes it; JSON's texts are Python's too. */
export function python(value: unknown, indent = ''): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map((item) => python(item, indent)).join(', ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value);
    if (entries.length === 0) return '{}';
    const inner = `${indent}    `;
    const lines = entries.map(([name, item]) => `${inner}${JSON.stringify(name)}: ${python(item, inner)},`);
    return `{\n${lines.join('\n')}\n${indent}}`;
  }
  return JSON.stringify(value);
}

function javascriptText(body: JobCreate, { origin, needsKey }: SnippetPlace): string {
  const key = needsKey ? 'process.env.LOWRANK_API_KEY' : "'none'";
  return [
    "import OpenAI from 'openai';",
    '',
    `const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: ${key} });`,
    `const job = await client.fineTuning.jobs.create(${JSON.stringify(body, null, 2)});`,
    'console.log(job.id);',
  ].join('\n');
}

const loraFlags: Readonly<Record<string, string>> = {
  r: '--r',
  lora_alpha: '--alpha',
  lora_dropout: '--dropout',
};
const trainingFlags: Readonly<Record<string, string>> = {
  n_epochs: '--epochs',
  max_steps: '--steps',
  learning_rate: '--learning-rate',
  batch_size: '--batch-size',
  block_length: '--block-length',
};
const jobFlags = [
  ['model', '--model'],
  ['training_file', '--data'],
  ['validation_file', '--validation'],
  ['suffix', '--suffix'],
  ['seed', '--seed'],
  ['device', '--device'],
  ['init_adapter', '--from'],
] as const;

function commandText(body: JobCreate, { origin }: SnippetPlace): string {
  const flags: string[] = [`--url ${shell(origin)}`];
  const flag = (name: string, value: unknown) => flags.push(`${name} ${shell(commandValue(value))}`);
  for (const [field, name] of jobFlags) {
    const value = body[field];
    if (value !== undefined && value !== null) flags.push(`${name} ${shell(String(value))}`);
  }
  for (const [name, value] of Object.entries(body.lora ?? {})) {
    const names = name === 'target_modules' ? modulesArgument(value) : null;
    if (names !== null) flag('--target-modules', names);
    else if (loraFlags[name]) flag(loraFlags[name], value);
    else flag('--lora', `${name}=${commandValue(value)}`);
  }
  for (const [name, value] of Object.entries(body.training ?? {})) {
    if (trainingFlags[name]) flag(trainingFlags[name], value);
    else flag('--set', `${name}=${commandValue(value)}`);
  }
  for (const [name, value] of Object.entries(body.metadata ?? {})) flag('--metadata', `${name}=${value}`);
  return `npx lowrank train ${flags.join(' \\\n  ')}`;
}

/** What `--target-modules` reads as this value; null if nothing is. */
function modulesArgument(value: unknown): string | null {
  const isName = (item: unknown) => typeof item === 'string' && /^[\w.]+$/.test(item);
  if (Array.isArray(value) && value.length > 0 && value.every(isName)) return value.join(',');
  // A text without a sign would be read as a list of names.
  return typeof value === 'string' && !/^[\w.]+(,[\w.]+)*$/.test(value) ? value : null;
}

/** Texts that would be read as JSON are written as JSON. */
function commandValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  try {
    JSON.parse(value);
    return JSON.stringify(value);
  } catch {
    return value;
  }
}

/** One word of a shell. */
const shell = (text: string) => (/^[\w.,:/=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
