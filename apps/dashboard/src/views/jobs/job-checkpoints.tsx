/** The states of the adapter that a job saved. */
import { checkpointList } from '../../api/jobs.js';
import { usePages } from '../../api/use-pages.js';
import { bytes, number, whole } from '../../format.js';
import { Badge } from '../../ui/badge.js';
import { Card } from '../../ui/layout.js';
import tableStyles from '../../ui/table.module.css';
import { Ago } from '../../ui/time.js';
import { Problem, ShowMore } from '../parts/common.js';
import { Download } from '../parts/download.js';

const checkpointsAtOnce = 50;

export function JobCheckpoints({ job }: { readonly job: string }) {
  const pages = usePages(checkpointList(job), checkpointsAtOnce);
  const list = pages.items ?? [];
  return (
    <Card title="Checkpoints">
      {list.length === 0 && <p>None yet. If the run is interrupted, it resumes from the newest one.</p>}
      {list.length > 0 && (
        <section className={tableStyles.frame} aria-label="Checkpoints" tabIndex={0}>
          <table className={tableStyles.table}>
            <thead>
              <tr>
                <th scope="col">Step</th>
                <th scope="col">Training loss</th>
                <th scope="col">Validation loss</th>
                <th scope="col">Size</th>
                <th scope="col">Saved</th>
                <th scope="col">Adapter</th>
              </tr>
            </thead>
            <tbody>
              {list.map(({ id, step_number, metrics, best, bytes: size, created_at }) => (
                <tr key={id}>
                  <td>{whole(step_number)}</td>
                  <td>{number(metrics.train_loss)}</td>
                  <td>
                    {number(metrics.full_valid_loss ?? metrics.valid_loss)}{' '}
                    {best && <Badge tone="ok">best</Badge>}
                  </td>
                  <td>{bytes(size)}</td>
                  <td>
                    <Ago at={created_at} />
                  </td>
                  <td>
                    <Download
                      path={`/v1/fine_tuning/jobs/${job}/checkpoints/${id}/archive`}
                      name={`${id}.tar`}
                      text="Download"
                      label={`Download the adapter of step ${step_number}`}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <Problem error={pages.error} />
      <ShowMore pages={pages} of="checkpoints" />
    </Card>
  );
}
