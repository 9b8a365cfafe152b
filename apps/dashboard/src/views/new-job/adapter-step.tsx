/** How large the adapter is, where it sits and how it starts. */
import { Link } from '../../router.js';
import { Checkbox, FieldGroup, Segments, TextField } from '../../ui/field.js';
import { ChoiceCards, Select } from '../../ui/select.js';
import type { StepFormProps } from './job-form.js';
import styles from './new-job.module.css';
import { presetOf, presets } from './presets.js';
import { Step } from './step.js';

const targetSets = [
  ['all-linear', 'All linear layers'],
  ['q_proj, k_proj, v_proj, o_proj', 'Attention'],
  ['q_proj, v_proj', 'Queries and values'],
] as const;
const custom = { id: 'custom', name: 'Custom', detail: 'Your own settings, below.' };

const inits = [
  { id: 'default', name: 'Default', detail: 'A is random and B zero: the model starts unchanged' },
  { id: 'gaussian', name: 'Gaussian', detail: 'A from a normal distribution, B zero' },
  { id: 'orthogonal', name: 'Orthogonal', detail: 'Orthogonal rows and columns' },
  { id: 'pissa', name: 'PiSSA', detail: 'From the largest singular values of the weights' },
  { id: 'olora', name: 'OLoRA', detail: 'From a QR decomposition of the weights' },
];

export function AdapterStep({ form, set, plan }: StepFormProps) {
  const preset = presetOf(form);
  const matched = plan ? ` They match ${plan.modules.length} layers.` : '';
  return (
    <Step number={4} title="Adapter">
      <ChoiceCards
        label="Preset"
        value={preset}
        options={preset === 'custom' ? [...presets, custom] : presets}
        onChange={(id) => set(presets.find((one) => one.id === id)?.settings ?? {})}
      />
      <div className={styles.fields}>
        <TextField
          label="Rank"
          value={form.r}
          inputMode="numeric"
          onChange={(r) => set({ r })}
          hint={
            <>
              How much the adapter can learn, and how large it gets.{' '}
              <Link to="/glossary#rank">What is a rank?</Link>
            </>
          }
        />
        <TextField
          label="Alpha"
          value={form.alpha}
          inputMode="decimal"
          onChange={(alpha) => set({ alpha })}
          hint={
            <>
              How strongly it acts. Twice the rank is usual.{' '}
              <Link to="/glossary#alpha">More about alpha</Link>
            </>
          }
        />
        <TextField
          label="Dropout"
          value={form.dropout}
          inputMode="decimal"
          onChange={(dropout) => set({ dropout })}
          hint="Guards against memorizing. 0 to 0.1; more for little data."
        />
      </div>
      <FieldGroup label="Layers">
        <Segments
          label="Layers"
          value={form.targets}
          options={targetSets}
          onChange={(targets) => set({ targets })}
        />
      </FieldGroup>
      <TextField
        label="Target modules"
        value={form.targets}
        isMono
        onChange={(targets) => set({ targets })}
        hint={`Layer names with commas between them, all-linear, or a regular expression.${matched}`}
      />
      <details className={styles.more}>
        <summary>Variants of LoRA</summary>
        <div className={styles.checks}>
          <Checkbox
            isSelected={form.dora !== ''}
            onChange={(isOn) => set({ dora: isOn ? 'yes' : '' })}
            hint="Learns direction and magnitude of each weight apart. Often better at low ranks, and slower."
          >
            DoRA
          </Checkbox>
          <Checkbox
            isSelected={form.rslora !== ''}
            onChange={(isOn) => set({ rslora: isOn ? 'yes' : '' })}
            hint="Scales by the square root of the rank, which keeps high ranks stable."
          >
            rsLoRA
          </Checkbox>
        </div>
        <div className={styles.fields}>
          <Select
            label="Initial weights"
            value={form.init === '' ? 'default' : form.init}
            options={
              form.init === '' || inits.some(({ id }) => id === form.init)
                ? inits
                : [...inits, { id: form.init, name: form.init, detail: undefined }]
            }
            onChange={(init) => set({ init: init === 'default' ? '' : init })}
          />
          <TextField
            label="LoRA+ ratio"
            value={form.plus}
            placeholder="off"
            inputMode="decimal"
            onChange={(plus) => set({ plus })}
            hint="How much faster B learns than A. 16 is usual."
          />
        </div>
      </details>
    </Step>
  );
}
