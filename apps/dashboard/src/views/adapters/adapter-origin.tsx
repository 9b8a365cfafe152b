/** Where an adapter came from: its job and data, or what it was composed of, and its base model. */
import { useEffect, useState } from 'react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { FileObject } from '#contracts/http/files.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import { request } from '../../api/http.js';
import { useApi } from '../../api/use-api.js';
import { number, time, whole } from '../../format.js';
import { Link } from '../../router.js';
import { Facts } from '../parts/common.js';
import { cardName, licenceOf } from './card.js';
import { percent } from '../compose/compose-report.js';
import { labelOf } from '../compose/use-members.js';

export function AdapterOrigin({ adapter }: { readonly adapter: AdapterObject }) {
  const { config } = adapter;
  const text = (name: string) => {
    const value = config[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  };
  const licence = useCardLicence(adapter);
  const targets = [config['target_modules'] ?? []].flat().map(String).join(', ');
  return (
    <section aria-labelledby="origin">
      <h2 id="origin">Where it came from</h2>
      <Facts
        facts={[
          ['Base model', adapter.model],
          ...(text('revision') ? ([['Revision of the base', text('revision')]] as const) : []),
          ...(licence === null ? [] : ([['Licence of the base', licence]] as const)),
          ['Digest of the base', <code key="base">{adapter.base_identity ?? 'not known'}</code>],
          ['Made at', time(adapter.created_at)],
          ['Rank', text('r') ?? '–'],
          ['lora_alpha', text('lora_alpha') ?? '–'],
          ['Target modules', targets === '' ? '–' : targets],
          ['Id', <code key="id">{adapter.id}</code>],
        ]}
      />
      {adapter.job !== null && <FromJob id={adapter.job} />}
      {adapter.recipe !== null && <FromMembers model={adapter.model} recipe={adapter.recipe} />}
      {adapter.job === null && adapter.recipe === null && (
        <p>It was imported: where it was trained is not known here.</p>
      )}
      {adapter.notes.map((note) => (
        <p key={note} className="muted">
          {note}.
        </p>
      ))}
      <details>
        <summary>adapter_config.json</summary>
        <pre tabIndex={0}>{JSON.stringify(config, null, 2)}</pre>
      </details>
    </section>
  );
}

function FromJob({ id }: { readonly id: string }) {
  const { data: job, error } = useApi<JobObject>(`/v1/fine_tuning/jobs/${id}`);
  const file = useApi<FileObject>(job ? `/v1/files/${job.training_file}` : null);
  return (
    <p>
      Trained by the job <Link to={`/jobs/${id}`}>{job?.suffix ?? id}</Link>
      {job && (
        <>
          {' '}
          from {file.data?.filename ?? job.training_file}, {whole(job.progress.step)} steps
          {job.trained_tokens !== null && `, ${whole(job.trained_tokens)} tokens learned`}
        </>
      )}
      .
      {job?.init_adapter && (
        <>
          {' '}
          It went on from <Link to={`/adapters/${job.init_adapter}`}>{job.init_adapter}</Link>.
        </>
      )}
      {error && <small className="error">{error.message}</small>}
    </p>
  );
}

/** The licence of the base that the adapter's card names; null if it names none. */
function useCardLicence({ id, files }: AdapterObject): string | null {
  const [licence, setLicence] = useState<string | null>(null);
  const hasCard = files.some(({ name }) => name === cardName);
  useEffect(() => {
    if (!hasCard) return;
    const stopping = new AbortController();
    const read = async () => {
      const card = await request(`/v1/adapters/${id}/files/${cardName}`, { signal: stopping.signal });
      setLicence(licenceOf(await card.text()));
    };
    // Without it there is one fact less.
    read().catch(() => undefined);
    return () => stopping.abort();
  }, [id, hasCard]);
  return licence;
}

interface MemberNameProps {
  readonly id: string;
  /** Adapters of the same base model. */
  readonly known: Page<AdapterObject> | null;
}

function MemberName({ id, known }: MemberNameProps) {
  const found = known?.data.find((one) => one.id === id);
  if (known && !found && !known.has_more) return <>{id}, which was deleted since</>;
  return (
    <>
      <Link to={`/adapters/${id}`}>{found ? labelOf(found) : id}</Link> {found && <small>{id}</small>}
    </>
  );
}

interface Recipe {
  readonly members?: readonly {
    readonly adapter?: string;
    readonly checkpoint?: string;
    readonly weight: number;
  }[];
  readonly recipe?: {
    readonly form?: { readonly kind: string; readonly rank?: number; readonly energy?: number };
    readonly members?: readonly { readonly digest: string; readonly weight: number }[];
  };
  readonly result?: { readonly kept_energy?: number; readonly relative_error?: number };
  readonly id?: string;
}

interface FromMembersProps {
  readonly model: string;
  readonly recipe: Record<string, unknown>;
}

function FromMembers({ model, recipe: loose }: FromMembersProps) {
  const { data: known } = useApi<Page<AdapterObject>>(
    `/v1/adapters?limit=100&model=${encodeURIComponent(model)}`,
  );
  const { members = [], recipe, result, id } = loose as Recipe;
  return (
    <>
      <p>Composed {formText(recipe?.form)} of:</p>
      <ul>
        {members.map(({ adapter, checkpoint, weight }, i) => (
          <li key={i}>
            <b>{weight}</b> ×{' '}
            {adapter ? <MemberName id={adapter} known={known} /> : <code>{checkpoint}</code>}
          </li>
        ))}
      </ul>
      {result?.kept_energy !== undefined && (
        <p>
          It keeps {percent(result.kept_energy)} of the energy of the exact sum
          {result.relative_error !== undefined &&
            `, with a relative error of ${number(result.relative_error, 3)}`}
          .
        </p>
      )}
      <details>
        <summary>Recipe</summary>
        <p className="muted">Equal recipes give equal bytes, on every machine.</p>
        <p>
          <code>{id}</code>
        </p>
        <pre tabIndex={0}>{JSON.stringify(loose, null, 2)}</pre>
      </details>
    </>
  );
}

function formText(form: NonNullable<Recipe['recipe']>['form']): string {
  if (form?.kind === 'rank') return `to rank ${form.rank}`;
  if (form?.kind === 'energy') return `to ${percent(form.energy ?? 1)} of the energy`;
  return 'exactly';
}
