/** What the model is to learn from the rows. */
import { declarations, defaultMethod } from '#training/objectives/declared/registry.js';
import { TextField } from '../../ui/field.js';
import { ChoiceCards } from '../../ui/select.js';
import type { StepFormProps } from './job-form.js';
import styles from './new-job.module.css';
import { Step } from './step.js';

const texts: Readonly<Record<string, readonly [name: string, detail: string]>> = {
  supervised: [
    'Supervised',
    'Learns to write answers like those in the data: chats, completions or plain text.',
  ],
  dpo: ['Preference (DPO)', 'Learns to prefer one of two answers, held close to the model it starts from.'],
  orpo: ['Preference (ORPO)', 'Learns preferred answers and preferences at once, without a reference model.'],
  classification: ['Classification', 'Learns which class a text or an image belongs to.'],
};

const options = declarations.map(({ type, title }) => {
  const [name, detail] = texts[type] ?? [title, ''];
  return { id: type, name, detail };
});

export function MethodStep({ form, set }: StepFormProps) {
  const type = form.method === '' ? defaultMethod.type : form.method;
  const hasBeta = type === 'dpo' || type === 'orpo';
  return (
    <Step number={3} title="Method">
      <ChoiceCards
        label="What the rows teach"
        value={type}
        options={options}
        onChange={(method) => set({ method: method === defaultMethod.type ? '' : method })}
      />
      {hasBeta && (
        <div className={styles.fields}>
          <TextField
            label="Beta"
            value={form.beta}
            placeholder="0.1"
            onChange={(beta) => set({ beta })}
            hint={
              type === 'dpo'
                ? 'How strongly the model is held to where it started. Higher is more cautious.'
                : 'How much preferences count beside the wording of the answers.'
            }
          />
        </div>
      )}
      {type === 'classification' && (
        <TextField
          label="Class names"
          value={form.classes}
          placeholder="as found in the data"
          onChange={(classes) => set({ classes })}
          hint="With commas between them, in the order you want. Leave it empty to take them from the data."
        />
      )}
    </Step>
  );
}
