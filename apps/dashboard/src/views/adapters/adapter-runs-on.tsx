/** Which programs load an adapter as it is. */
import { CircleCheck, CircleX } from 'lucide-react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { declaredExports } from '#adapters/exports/declared.js';
import { Badge } from '../../ui/badge.js';
import { Card } from '../../ui/layout.js';
import styles from './adapters.module.css';

export function AdapterRunsOn({ verdicts }: { readonly verdicts: AdapterObject['runs_on'] }) {
  if (verdicts.length === 0) return null;
  return (
    <Card title="Runs on">
      <ul className={styles.verdicts}>
        {verdicts.map(({ program, runs, reason, export: format }) => (
          <li key={program}>
            <Badge tone={runs ? 'ok' : 'warn'} icon={runs ? CircleCheck : CircleX}>
              {runs ? 'yes' : 'no'}
            </Badge>
            <span>
              <b>{program}</b>
              {reason !== null && <small>{reason}</small>}
              {format !== null && <small>Export {titleOf(format)} instead.</small>}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

const titles: Readonly<Record<string, { readonly title: string }>> = declaredExports;
const titleOf = (format: string) => titles[format]?.title ?? format;
