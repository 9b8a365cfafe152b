/** Where an adapter came from: its job and data, or what it was composed of, and its base model. */
import { useQuery } from '@tanstack/react-query';
import type { AdapterObject, AdapterRecipe } from '#contracts/http/adapters.js';
import { adapterList, cardQuery } from '../../api/adapters.js';
import { fileQuery } from '../../api/files.js';
import { jobQuery } from '../../api/jobs.js';
import { type Pages, usePages } from '../../api/use-pages.js';
import { number, percent, time, whole } from '../../format.js';
import { Link } from '../../router.js';
import { Id } from '../../ui/copy.js';
import { Card, type Fact, Facts } from '../../ui/layout.js';
import { labelOf } from '../parts/adapter-label.js';
import styles from './adapters.module.css';
import { cardName, licenceOf } from './card.js';

export function AdapterOrigin({ adapter }: { readonly adapter: AdapterObject }) {
  const { config } = adapter;
  const text = (name: string) => {
    const value = config[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  };
  const licence = useCardLicence(adapter);
  const targets = [config['target_modules'] ?? []].flat().map(String).join(', ');
  const facts: Fact[] = [
    ['Base model', adapter.model],
    ...(text('revision') ? ([['Revision of the base', text('revision')]] as const) : []),
    ...(licence === null ? [] : ([['Licence of the base', licence]] as const)),
    ['Rank', text('r') ?? '–'],
    ['Alpha', text('lora_alpha') ?? '–'],
    ['Target modules', targets === '' ? '–' : targets],
    ['Created', time(adapter.created_at)],
    [
      'Digest of the base',
      adapter.base_identity === null ? 'not known' : <Id key="base" id={adapter.base_identity} />,
    ],
  ];
  return (
    <Card title="Where it came from">
      <Facts facts={facts} />
      {adapter.job !== null && <FromJob id={adapter.job} />}
      {adapter.recipe !== null && <FromMembers model={adapter.model} recipe={adapter.recipe} />}
      {adapter.job === null && adapter.recipe === null && (
        <p className={styles.below}>Imported. Where it was trained is not known here.</p>
      )}
      {adapter.notes.map((note) => (
        <p key={note} className={styles.hint}>
          {note}.
        </p>
      ))}
      <details>
        <summary>adapter_config.json</summary>
        <pre tabIndex={0}>{JSON.stringify(config, null, 2)}</pre>
      </details>
    </Card>
  );
}

function FromJob({ id }: { readonly id: string }) {
  const { data: job, error } = useQuery(jobQuery(id));
  const file = useQuery({ ...fileQuery(job?.training_file ?? ''), enabled: job !== undefined });
  if (error) return <p className={styles.below}>Trained by the job {id}, which was deleted since.</p>;
  return (
    <p className={styles.below}>
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
    </p>
  );
}

/** The licence of the base that the adapter's card names; null if it names none. */
function useCardLicence({ id, files }: AdapterObject): string | null {
  const hasCard = files.some(({ name }) => name === cardName);
  const { data: card } = useQuery({ ...cardQuery(id, cardName), enabled: hasCard });
  return card === undefined ? null : licenceOf(card);
}

interface MemberNameProps {
  readonly id: string;
  /** Adapters of the same base model. */
  readonly known: Pages<AdapterObject>;
}

function MemberName({ id, known }: MemberNameProps) {
  const found = known.items?.find((one) => one.id === id);
  if (known.items && !found && !known.hasMore) return <>{id}, which was deleted since</>;
  return (
    <>
      <Link to={`/adapters/${id}`}>{found ? labelOf(found) : id}</Link> {found && <small>{id}</small>}
    </>
  );
}

interface FromMembersProps {
  readonly model: string;
  readonly recipe: AdapterRecipe;
}

const knownAdapters = 100;

function FromMembers({ model, recipe }: FromMembersProps) {
  const known = usePages(adapterList(model), knownAdapters);
  const { id, members, result } = recipe;
  return (
    <>
      <p className={styles.below}>Composed {formText(recipe.recipe.form)} of:</p>
      <ul>
        {members.map(({ adapter, checkpoint, weight }, i) => (
          <li key={i}>
            <b>{weight}</b> ×{' '}
            {adapter ? <MemberName id={adapter} known={known} /> : <code>{checkpoint}</code>}
          </li>
        ))}
      </ul>
      <p>
        It keeps {percent(result.kept_energy)} of the energy of the exact sum, with a relative error of{' '}
        {number(result.relative_error, 3)}.
      </p>
      <details>
        <summary>Recipe</summary>
        <p className="muted">Equal recipes give equal bytes, on every machine.</p>
        <p>
          <code>{id}</code>
        </p>
        <pre tabIndex={0}>{JSON.stringify(recipe, null, 2)}</pre>
      </details>
    </>
  );
}

function formText(form: AdapterRecipe['recipe']['form']): string {
  if (form.kind === 'rank') return `to rank ${form.rank}`;
  if (form.kind === 'energy') return `to ${percent(form.energy)} of the energy`;
  return 'exactly';
}
