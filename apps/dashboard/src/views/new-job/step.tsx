/** A numbered part of a form. */
import type { ReactNode } from 'react';
import { Card } from '../../ui/layout.js';
import styles from './new-job.module.css';

interface StepProps {
  readonly number: number;
  readonly title: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Step({ number, title, actions, children }: StepProps) {
  return (
    <Card
      title={
        <>
          <span className={styles.number} aria-hidden>
            {number}
          </span>
          {title}
        </>
      }
      actions={actions}
    >
      <div className={styles.step}>{children}</div>
    </Card>
  );
}
