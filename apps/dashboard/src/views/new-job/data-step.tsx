/** The files that the job learns from. */
import { formatNames } from '#data/data-form.js';
import type { FileObject } from '#contracts/http/files.js';
import { TextField } from '../../ui/field.js';
import { Select } from '../../ui/select.js';
import { FileDrop } from './file-drop.js';
import type { StepFormProps } from './job-form.js';
import styles from './new-job.module.css';
import { Preview } from './preview.js';
import { Step } from './step.js';

interface DataStepProps extends StepFormProps {
  /** Files that are on the server. */
  readonly known: readonly FileObject[];
}

const detected = 'detected';
const formats = [
  { id: detected, name: 'Detect it' },
  ...formatNames.map((id) => ({ id, name: id === 'jsonl' ? 'JSON Lines' : id.toUpperCase() })),
];
const oneLine = '{"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}';

export function DataStep({ form, set, plan, known }: DataStepProps) {
  return (
    <Step number={2} title="Data">
      <FileDrop
        label="Training data"
        help="Drop a file here: JSON Lines, CSV, TSV, Parquet, or images in a ZIP archive."
        id={form.trainingFile}
        known={known}
        onFile={(trainingFile) => set({ trainingFile })}
      />
      <FileDrop
        label="Validation data (optional)"
        help="Examples that are held back from training, to measure what the model really learned."
        id={form.validationFile}
        known={known}
        onFile={(validationFile) => set({ validationFile })}
      />
      {form.trainingFile === '' && (
        <p className={styles.hint}>
          A row of a conversation looks like <code>{oneLine}</code>. <code>prompt</code> with{' '}
          <code>completion</code>, or <code>text</code> alone, works too.
        </p>
      )}
      <details>
        <summary>Validation split, format and columns</summary>
        <div className={styles.fields}>
          <TextField
            label="Validation split"
            value={form.split}
            isDisabled={form.validationFile !== ''}
            placeholder="None"
            hint="A share of the rows, such as 0.1, or a number of rows. Not with a validation file."
            onChange={(split) => set({ split })}
          />
          <Select
            label="File format"
            value={form.format === '' ? detected : form.format}
            options={formats}
            onChange={(format) => set({ format: format === detected ? '' : format })}
          />
          <TextField
            label="Columns"
            isMono
            value={form.columns}
            placeholder="prompt=question, completion=answer"
            hint="Where columns are not named as the fields are."
            onChange={(columns) => set({ columns })}
          />
        </div>
      </details>
      {plan?.data && <Preview data={plan.data.training} />}
    </Step>
  );
}
