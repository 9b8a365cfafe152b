/** What a job would come to. */
import type { PlanObject } from '#contracts/http/plans.js';
import { bytes, whole } from '../format.js';
import { Facts } from './common.js';

export function Plan({ plan }: { readonly plan: PlanObject }) {
  const data = plan.data?.training;
  return (
    <section aria-label="Plan" className="card">
      <h2>The plan</h2>
      <Facts
        facts={[
          ['Trained parameters', `${whole(plan.trainable_parameters)} of ${whole(plan.model_parameters)}`],
          ['Adapter', bytes(plan.adapter_bytes)],
          ['Steps', plan.total_steps === null ? 'not known yet' : whole(plan.total_steps)],
          ['Examples', data ? whole(data.examples) : '–'],
          ['Tokens learned', data ? `${whole(data.trained_tokens)} of ${whole(data.tokens)}` : '–'],
        ]}
      />
      {plan.warnings.map(({ code, message }) => (
        <p key={code}>{message}</p>
      ))}
      {data && (
        <>
          <h3>The first example; what is marked is learned</h3>
          <p className="example">
            {data.example.map(({ text, trained }, i) =>
              trained ? <mark key={i}>{text}</mark> : <span key={i}>{text}</span>,
            )}
          </p>
        </>
      )}
      <details>
        <summary>{plan.modules.length} modules matched</summary>
        <ul className="modules">
          {plan.modules.map(({ path, shape, r }) => (
            <li key={path}>
              <code>{path}</code> {shape.join(' × ')}, rank {r}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}
