/** The settings of a new job, in plain words. */
import type { PlanObject } from '#contracts/http/plans.js';
import { declarations, defaultMethod } from '#training/objectives/declared/registry.js';
import type { JobForm } from './job-form.js';

interface FieldsProps {
  readonly form: JobForm;
  readonly set: (change: Partial<JobForm>) => void;
  readonly plan: PlanObject | null;
}

interface FieldProps {
  readonly name: keyof JobForm;
  readonly label: string;
  readonly help: string;
  readonly placeholder?: string;
  readonly isText?: boolean;
}

/** What the program will take where nothing is written. */
function chosen(plan: PlanObject | null, option: string): string {
  const value = plan?.choices?.find((choice) => choice.option === option)?.value;
  return typeof value === 'number' ? `${Number(value.toPrecision(3))}, chosen` : 'chosen by the program';
}

const targetSets = [
  ['all linear layers', 'all-linear'],
  ['attention', 'q_proj, k_proj, v_proj, o_proj'],
  ['queries and values', 'q_proj, v_proj'],
] as const;
const devices = ['cpu', 'webgpu', 'cuda', 'eager', 'tfjs-node', 'tfjs-node-gpu'];

export function JobFields({ form, set, plan }: FieldsProps) {
  const field = ({ name, label, help, placeholder, isText = false }: FieldProps) => (
    <div>
      <label>
        {label}
        <input
          inputMode={isText ? undefined : 'decimal'}
          value={form[name]}
          placeholder={placeholder}
          aria-describedby={`about-${name}`}
          onChange={({ target }) => set({ [name]: target.value })}
        />
      </label>
      <small id={`about-${name}`}>{help}</small>
    </div>
  );
  return (
    <>
      <fieldset>
        <legend>The adapter</legend>
        <div className="fields">
          {field({
            name: 'r',
            label: 'Rank',
            help: 'How much it can learn, and its size: 8 for a style, 16 to 64 for more.',
          })}
          {field({
            name: 'alpha',
            label: 'Alpha',
            help: 'How strongly it acts; twice the rank is usual.',
          })}
          {field({
            name: 'dropout',
            label: 'Dropout',
            help: 'Against learning by heart: 0 to 0.1, more for little data.',
          })}
          {field({
            name: 'suffix',
            label: 'Name',
            help: 'Part of the name of the adapter; may be empty.',
            isText: true,
          })}
        </div>
        <label>
          Target modules
          <input
            value={form.targets}
            aria-describedby="about-targets"
            onChange={({ target }) => set({ targets: target.value })}
          />
        </label>
        <small id="about-targets">
          Which layers get an adapter: names with commas between them, all-linear, or a regular expression.
          {plan && ` This matches ${plan.modules.length}.`}
        </small>
        <p className="line">
          {targetSets.map(([label, targets]) => (
            <button
              key={targets}
              type="button"
              aria-pressed={form.targets === targets}
              onClick={() => set({ targets })}
            >
              {label}
            </button>
          ))}
        </p>
      </fieldset>
      <fieldset>
        <legend>The training</legend>
        <label>
          Method
          <select
            value={form.method === '' ? defaultMethod.type : form.method}
            aria-describedby="about-method"
            onChange={({ target }) =>
              set({ method: target.value === defaultMethod.type ? '' : target.value })
            }
          >
            {declarations.map(({ type, title }) => (
              <option key={type} value={type}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <small id="about-method">What the rows of the file are for; the file must have such rows.</small>
        <div className="fields">
          {field({
            name: 'epochs',
            label: 'Epochs',
            help: 'Passes over the data.',
            placeholder: chosen(plan, 'n_epochs'),
          })}
          {field({ name: 'steps', label: 'Steps', help: 'A fixed number of steps instead of epochs.' })}
          {field({
            name: 'rate',
            label: 'Learning rate',
            help: 'How far each step goes: too high and the loss jumps.',
            placeholder: chosen(plan, 'learning_rate'),
          })}
          {field({
            name: 'prompt',
            label: 'Sample prompt',
            help: 'Answered now and then, so that you see what it learns.',
            isText: true,
          })}
        </div>
        <details>
          <summary>More settings</summary>
          <div className="fields">
            {field({
              name: 'batch',
              label: 'Batch size',
              help: 'Blocks that are learned from at once.',
              placeholder: chosen(plan, 'batch_size'),
            })}
            {field({
              name: 'block',
              label: 'Block length',
              help: 'Tokens in a block; longer rows are cut.',
              placeholder: chosen(plan, 'block_length'),
            })}
            {field({
              name: 'seed',
              label: 'Seed',
              help: 'The same seed gives the same bits.',
              placeholder: plan ? String(plan.seed) : undefined,
            })}
            <label>
              Device
              <select value={form.device} onChange={({ target }) => set({ device: target.value })}>
                <option value="">the best that is there</option>
                {devices.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          </div>
        </details>
      </fieldset>
    </>
  );
}
