/** How long and how fast it learns, and where. */
import type { ReactNode } from 'react';
import type { PlanObject } from '#contracts/http/plans.js';
import { defaultPrecision, precisionDeclarations } from '#training/base-precision/declared.js';
import { bytes } from '../../format.js';
import { Link } from '../../router.js';
import { TextField } from '../../ui/field.js';
import { ChoiceCards, Select } from '../../ui/select.js';
import type { JobForm, StepFormProps } from './job-form.js';
import styles from './new-job.module.css';
import { Step } from './step.js';

/** What the program will take where nothing is written. */
function chosen(plan: PlanObject | null, option: string): string {
  const value = plan?.choices?.find((choice) => choice.option === option)?.value;
  return typeof value === 'number' ? `auto: ${Number(value.toPrecision(3))}` : 'auto';
}

const devices = [
  { id: 'auto', name: 'Best available' },
  { id: 'cpu', name: 'CPU' },
  { id: 'cuda', name: 'NVIDIA GPU (CUDA)' },
  { id: 'webgpu', name: 'WebGPU' },
  { id: 'eager', name: 'CPU, step by step (for debugging)' },
  { id: 'tfjs-node', name: 'TensorFlow, CPU' },
  { id: 'tfjs-node-gpu', name: 'TensorFlow, GPU' },
];

export function TrainingStep({ form, set, plan }: StepFormProps) {
  const field = (name: keyof JobForm, label: string, more: { hint?: ReactNode; placeholder?: string }) => (
    <TextField
      label={label}
      value={form[name]}
      inputMode="decimal"
      onChange={(value) => set({ [name]: value })}
      {...more}
    />
  );
  const weight = plan?.weight_bytes;
  return (
    <Step number={5} title="Training">
      <div className={styles.fields}>
        <TextField
          label="Name"
          value={form.suffix}
          placeholder="optional"
          onChange={(suffix) => set({ suffix })}
          hint="Shown in lists, and part of the adapter’s name."
        />
        {field('epochs', 'Epochs', {
          hint: 'Passes over the data.',
          placeholder: chosen(plan, 'n_epochs'),
        })}
        {field('steps', 'Steps', { hint: 'A fixed number of steps, instead of epochs.', placeholder: 'off' })}
        {field('rate', 'Learning rate', {
          hint: 'Too high and the loss jumps; too low and little is learned.',
          placeholder: chosen(plan, 'learning_rate'),
        })}
      </div>
      <TextField
        label="Sample prompt"
        value={form.prompt}
        placeholder="optional"
        onChange={(prompt) => set({ prompt })}
        hint="Answered from time to time during training, so that you can watch the model change."
      />
      <details className={styles.more}>
        <summary>More settings</summary>
        <div className={styles.fields}>
          {field('batch', 'Batch size', {
            hint: 'Blocks per step. Larger is smoother and needs more memory.',
            placeholder: chosen(plan, 'batch_size'),
          })}
          {field('block', 'Block length', {
            hint: (
              <>
                Tokens per <Link to="/glossary#block">block</Link>. Longer rows are cut off.
              </>
            ),
            placeholder: chosen(plan, 'block_length'),
          })}
          {field('seed', 'Seed', {
            hint: 'The same seed gives the same result, bit for bit.',
            placeholder: plan ? String(plan.seed) : 'auto',
          })}
          <Select
            label="Device"
            value={form.device === '' ? 'auto' : form.device}
            options={devices}
            onChange={(device) => set({ device: device === 'auto' ? '' : device })}
          />
        </div>
        <ChoiceCards
          label="Precision of the base model"
          value={form.precision === '' ? defaultPrecision : form.precision}
          options={precisionDeclarations.map(({ name, title, detail }) => ({
            id: name,
            name: title,
            detail: `${detail}${weight ? `: ${bytes(weight[name])} of weights in memory` : ''}.`,
          }))}
          onChange={(precision) => set({ precision: precision === defaultPrecision ? '' : precision })}
        />
      </details>
    </Step>
  );
}
