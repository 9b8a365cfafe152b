/** Asks an adapter which class a text belongs to. */
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { classificationsClient } from '../../api/classifications.js';
import { number } from '../../format.js';
import { Problem } from '../parts/common.js';

interface AdapterClassesProps {
  /** Name of the fine-tuned model. */
  readonly model: string;
  readonly classes: readonly string[];
}

export function AdapterClasses({ model, classes }: AdapterClassesProps) {
  const [text, setText] = useState('');
  const asked = useMutation({
    mutationFn: (input: string) => classificationsClient.create({ model, input }),
  });
  const found = asked.data?.results[0];
  return (
    <section aria-labelledby="classes">
      <h2 id="classes">Classes</h2>
      <p className="muted">It tells apart: {classes.join(', ')}.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate(text);
        }}
      >
        <label>
          A text
          <textarea value={text} rows={3} onChange={({ target }) => setText(target.value)} />
        </label>
        <button className="primary" disabled={text.trim() === '' || asked.isPending}>
          Which class?
        </button>
      </form>
      <Problem error={asked.error} />
      {found && (
        <ol className="classes" aria-label="Probabilities">
          {found.probabilities
            .toSorted((a, b) => b.probability - a.probability)
            .map(({ label, probability }) => (
              <li key={label}>
                <span>{label}</span>
                <meter min={0} max={1} value={probability} aria-label={label} />
                <output>{number(probability)}</output>
              </li>
            ))}
        </ol>
      )}
    </section>
  );
}
