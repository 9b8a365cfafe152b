import type { LoraConfig } from '#lora/config.js';
import { variantOf } from '#lora/variants/registry.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';

/** What a card says beside the configuration. */
export interface CardFacts {
  /** Of the base model, which the adapter is under as well. */
  readonly licence?: string | null;
  /** Whether the adapter tells classes apart. */
  readonly isClassifier?: boolean;
  /** What its training started from; left out where the card is of no training. */
  readonly start?: string | undefined;
  /** How its numbers are stored; float32 unless said otherwise. */
  readonly dtype?: FloatDtype | undefined;
  /** At the end of the table. */
  readonly rows?: readonly (readonly [string, string])[];
}

const precisions: Readonly<Record<FloatDtype, string>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

/** The README.md of an adapter, as the hub shows it; a function of what is given alone. */
export function modelCard(
  config: LoraConfig,
  { licence = null, isClassifier = false, start = '', dtype = 'F32', rows: moreRows = [] }: CardFacts = {},
): string {
  const base = config.base_model_name_or_path;
  const targets = [config.target_modules ?? []].flat();
  const rows: (readonly [string, string])[] = [
    ['base model', base ?? ''],
    ['revision of the base', config.revision ?? ''],
    ['licence of the base', licence ?? ''],
    ['variant', variantOf(config).title],
    ['started from', start],
    ['precision', precisions[dtype]],
    ['rank r', `${config.r}${except(config.rank_pattern)}`],
    ['lora_alpha', `${config.lora_alpha}${except(config.alpha_pattern)}`],
    ['scale', config.use_rslora ? 'lora_alpha / sqrt(r)' : 'lora_alpha / r'],
    ['lora_dropout', String(config.lora_dropout)],
    ['target modules', targets.join(' ')],
    ['bias', config.bias === 'none' ? '' : config.bias],
    ['modules trained whole', (config.modules_to_save ?? []).join(' ')],
    ...moreRows,
  ];
  const lines = [
    '---',
    ...(base ? [`base_model: ${JSON.stringify(base)}`] : []),
    ...licenceLine(licence),
    'library_name: peft',
    `pipeline_tag: ${pipelineOf(config, isClassifier)}`,
    'tags:',
    '- lora',
    '---',
    '',
    '# LoRA adapter',
    '',
    '| | |',
    '|---|---|',
    ...rows.filter(([, value]) => value !== '').map(([name, value]) => `| ${name} | ${cell(value)} |`),
    '',
    isClassifier
      ? 'The classes stand in config.json. Load the base with them, `model_class.from_pretrained(base, config=AutoConfig.from_pretrained(folder))`, then `PeftModel.from_pretrained(model, folder)`.'
      : 'Load it with `PeftModel.from_pretrained(base_model, folder)`.',
    '',
  ];
  return lines.join('\n');
}

function pipelineOf({ task_type: task }: LoraConfig, isClassifier: boolean): string {
  if (!isClassifier) return 'text-generation';
  return task === 'SEQ_CLS' ? 'text-classification' : 'image-classification';
}

/** A card with the base model and its licence in the front matter where it names none. */
export function completeCard(
  card: string,
  { base, licence }: { base: string; licence: string | null },
): string {
  const [whole = '', matter = ''] = /^---\r?\n([\s\S]*?)\r?\n---[^\n]*(\n|$)/.exec(card) ?? [];
  const missing = [
    ...(/^base_model:/m.test(matter) ? [] : [`base_model: ${JSON.stringify(base)}`]),
    ...(/^license:/m.test(matter) ? [] : licenceLine(licence)),
  ];
  if (missing.length === 0) return card;
  const lines = matter === '' ? missing : [...missing, matter];
  return `---\n${lines.join('\n')}\n---\n${whole === '' ? '\n' : ''}${card.slice(whole.length)}`;
}

function licenceLine(licence: string | null): string[] {
  return licence === null ? [] : [`license: ${JSON.stringify(licence)}`];
}

function except(pattern: Readonly<Record<string, number>>): string {
  const entries = Object.entries(pattern).map(([key, value]) => `${value} at ${key}`);
  return entries.length === 0 ? '' : `; ${entries.join('; ')}`;
}

/** Text that stays in its cell and means nothing to Markdown. */
function cell(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]<>|]/g, '\\$&');
}

/** What a card says once its adapter lies in a repository of a hub. */
export interface PublishedFacts {
  /** `OWNER/NAME` of the base there; null if none is known, and then the card names none. */
  readonly base: string | null;
  /** Measured in training: name and value. */
  readonly metrics: readonly (readonly [string, string])[];
}

/** A card for a hub: its front matter names the base there and what the adapter is to it, its text what was measured. */
export function publishedCard(card: string, { base, metrics }: PublishedFacts): string {
  const [whole = '', matter = ''] = /^---\r?\n([\s\S]*?)\r?\n---[^\n]*(\n|$)/.exec(card) ?? [];
  // A hub knows no names but its own.
  const kept = matter.split('\n').filter((line) => line !== '' && !/^base_model(_relation)?:/.test(line));
  const named = base === null ? [] : [`base_model: ${JSON.stringify(base)}`, 'base_model_relation: adapter'];
  const library = kept.some((line) => line.startsWith('library_name:')) ? [] : ['library_name: peft'];
  const text = card.slice(whole.length).trimEnd();
  const rows = metrics.map(([name, value]) => `| ${cell(name)} | ${cell(value)} |`);
  const table = rows.length === 0 ? [] : ['', '## Training', '', '| | |', '|---|---|', ...rows];
  return ['---', ...named, ...library, ...kept, '---', text, ...table, ''].join('\n');
}
