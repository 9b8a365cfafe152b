/** Settings of an adapter that go together. */
import type { JobForm } from './job-form.js';

type AdapterSettings = Pick<JobForm, 'r' | 'alpha' | 'dropout' | 'targets' | 'rslora'>;

export interface Preset {
  readonly id: string;
  readonly name: string;
  /** What it is for, and what it sets. */
  readonly detail: string;
  readonly settings: AdapterSettings;
}

export const presets: readonly Preset[] = [
  {
    id: 'light',
    name: 'Light',
    detail: 'A tone or a format. Rank 4, alpha 8: the smallest adapter.',
    settings: { r: '4', alpha: '8', dropout: '0.05', targets: 'all-linear', rslora: '' },
  },
  {
    id: 'balanced',
    name: 'Balanced',
    detail: 'A good start for most tasks. Rank 8, alpha 16.',
    settings: { r: '8', alpha: '16', dropout: '0.05', targets: 'all-linear', rslora: '' },
  },
  {
    id: 'thorough',
    name: 'Thorough',
    detail: 'New skills and much data. Rank 32, alpha 64, rsLoRA scaling.',
    settings: { r: '32', alpha: '64', dropout: '0.05', targets: 'all-linear', rslora: 'yes' },
  },
];

/** The preset that a form has the settings of; `custom` if it is none. */
export function presetOf(form: JobForm): string {
  const isOf = ({ settings }: Preset) =>
    Object.entries(settings).every(([name, value]) => form[name as keyof AdapterSettings] === value);
  return presets.find(isOf)?.id ?? 'custom';
}
