/** Asks an adapter which class a text belongs to. */
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { classificationsClient } from '../../api/classifications.js';
import { number } from '../../format.js';
import { Button } from '../../ui/button.js';
import { TextField } from '../../ui/field.js';
import { Card } from '../../ui/layout.js';
import { Problem } from '../parts/common.js';
import styles from './adapters.module.css';

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
    <Card title="Classes">
      <p className={styles.hint}>It tells apart: {classes.join(', ')}.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate(text);
        }}
      >
        <TextField label="A text" rows={3} value={text} onChange={setText} />
        <p />
        <Button type="submit" look="primary" isDisabled={text.trim() === '' || asked.isPending}>
          Which class?
        </Button>
      </form>
      <Problem error={asked.error} />
      {found && (
        <ol className={styles.classes} aria-label="Probabilities">
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
    </Card>
  );
}
