/** Whether the sum stays exact, or is cut to a rank or to a share of its energy. */
import type { Form } from './compose-recipe.js';
import styles from './compose.module.css';
import { NumberSlider } from './number-slider.js';

interface ComposeFormProps {
  readonly form: Form;
  /** The rank of the exact sum; null until it is known. */
  readonly stackRank: number | null;
  readonly onChange: (form: Form) => void;
}

export function ComposeForm({ form, stackRank, onChange }: ComposeFormProps) {
  const most = stackRank ?? (form.kind === 'rank' ? form.rank : 1);
  const choices = [
    {
      form: { kind: 'exact' },
      name: 'Exact',
      about: 'The sum itself, with the ranks of all members together.',
    },
    {
      form: { kind: 'rank', rank: Math.max(1, Math.ceil(most / 2)) },
      name: 'To a rank',
      about: 'The closest adapter of this rank.',
    },
    {
      form: { kind: 'energy', energy: 0.95 },
      name: 'To a share of the energy',
      about: 'The smallest ranks that keep this share of each layer’s squared norm.',
    },
  ] as const;
  return (
    <fieldset className={styles.form}>
      <legend>Form</legend>
      {choices.map((choice) => (
        <div key={choice.name} className={styles.choice}>
          <label>
            <input
              type="radio"
              name="form"
              checked={form.kind === choice.form.kind}
              onChange={() => onChange(choice.form)}
            />{' '}
            {choice.name} <small>{choice.about}</small>
          </label>
          {choice.form.kind === 'rank' && form.kind === 'rank' && (
            <NumberSlider
              label="Rank"
              value={form.rank}
              min={1}
              max={most}
              step={1}
              takes={`a whole number from 1 to ${most}`}
              accepts={(rank) => Number.isInteger(rank) && rank >= 1 && rank <= most}
              onChange={(rank) => onChange({ kind: 'rank', rank })}
            />
          )}
          {choice.form.kind === 'energy' && form.kind === 'energy' && (
            <NumberSlider
              label="Share of the energy"
              value={form.energy}
              min={0.5}
              max={1}
              step={0.005}
              takes="a share above 0 and up to 1"
              accepts={(energy) => energy > 0 && energy <= 1}
              onChange={(energy) => onChange({ kind: 'energy', energy })}
            />
          )}
        </div>
      ))}
    </fieldset>
  );
}
