/** What the model answered while it was trained; step 0 is the base model. */
import { useState } from 'react';
import { whole } from '../../format.js';
import type { SampleMetric } from '../../api/job-feed.js';
import { Button } from '../../ui/button.js';
import { Card } from '../../ui/layout.js';
import styles from './job.module.css';

export function SampleAnswers({ taken }: { readonly taken: readonly SampleMetric[] }) {
  const prompts = taken[0]?.values.samples ?? [];
  if (prompts.length === 0) return null;
  return (
    <Card title="Sample answers">
      <p>How the answers to your sample prompts changed as the adapter learned.</p>
      {prompts.map(({ prompt }, i) => (
        <details key={i} open={i === 0}>
          <summary>{prompt}</summary>
          <Answers taken={taken} index={i} />
        </details>
      ))}
    </Card>
  );
}

/** As many answers as are read at a glance: that of the base model, and the newest ones. */
const shownAtFirst = 5;

function Answers({ taken, index }: { readonly taken: readonly SampleMetric[]; readonly index: number }) {
  const [showsAll, setShowsAll] = useState(false);
  const hidden = showsAll ? 0 : Math.max(0, taken.length - shownAtFirst);
  const shown = hidden === 0 ? taken : [...taken.slice(0, 1), ...taken.slice(hidden + 1)];
  return (
    <>
      <dl className={styles.answers}>
        {shown.map(({ step, values }) => (
          <div key={step}>
            <dt>{step === 0 ? 'Base model' : `Step ${whole(step)}`}</dt>
            <dd>{values.samples[index]?.answer}</dd>
          </div>
        ))}
      </dl>
      {hidden > 0 && (
        <Button isSmall onPress={() => setShowsAll(true)}>
          Show {whole(hidden)} more
        </Button>
      )}
    </>
  );
}
