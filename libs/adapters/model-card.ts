import type { LoraConfig } from '#lora/config.js';

/** The README.md of an adapter, as the hub shows it; a function of the configuration and of more rows alone. */
export function modelCard(config: LoraConfig, moreRows: readonly (readonly [string, string])[] = []): string {
  const base = config.base_model_name_or_path;
  const targets = [config.target_modules ?? []].flat();
  const rows: (readonly [string, string])[] = [
    ['base model', base ?? ''],
    ['rank r', `${config.r}${except(config.rank_pattern)}`],
    ['lora_alpha', `${config.lora_alpha}${except(config.alpha_pattern)}`],
    ['scale', config.use_rslora ? 'lora_alpha / sqrt(r)' : 'lora_alpha / r'],
    ['lora_dropout', String(config.lora_dropout)],
    ['target modules', targets.join(' ')],
    ...moreRows,
  ];
  const lines = [
    '---',
    ...(base ? [`base_model: ${JSON.stringify(base)}`] : []),
    'library_name: peft',
    'pipeline_tag: text-generation',
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
    'Load it with `PeftModel.from_pretrained(base_model, folder)`.',
    '',
  ];
  return lines.join('\n');
}

function except(pattern: Readonly<Record<string, number>>): string {
  const entries = Object.entries(pattern).map(([key, value]) => `${value} at ${key}`);
  return entries.length === 0 ? '' : `; ${entries.join('; ')}`;
}

/** Text that stays in its cell and means nothing to Markdown. */
function cell(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]<>|]/g, '\\$&');
}
