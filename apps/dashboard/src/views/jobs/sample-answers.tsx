/** What the model answered while it was trained; step 0 is the base model. */
import type { SampleMetric } from '../../api/job-feed.js';

export function SampleAnswers({ taken }: { readonly taken: readonly SampleMetric[] }) {
  const prompts = taken[0]?.values.samples ?? [];
  if (prompts.length === 0) return null;
  return (
    <section>
      <h2>Sample answers</h2>
      {prompts.map(({ prompt }, i) => (
        <details key={i} open={i === 0}>
          <summary>{prompt}</summary>
          <dl className="samples">
            {taken.map(({ step, values }) => (
              <div key={step}>
                <dt>{step === 0 ? 'Before' : `Step ${step}`}</dt>
                <dd>{values.samples[i]?.answer}</dd>
              </div>
            ))}
          </dl>
        </details>
      ))}
    </section>
  );
}
