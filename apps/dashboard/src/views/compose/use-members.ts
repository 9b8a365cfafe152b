/** What the server knows of the members of a composition. */
import { type QueryClient, queryOptions, useQueries } from '@tanstack/react-query';
import type { JobObject } from '#contracts/http/jobs.js';
import { adapterQuery } from '../../api/adapters.js';
import { jobsClient } from '../../api/jobs-client.js';
import { jobQuery } from '../../api/jobs.js';
import { labelOf } from '../parts/adapter-label.js';
import { keyOf, type Member } from './compose-recipe.js';

export interface MemberFacts {
  /** A name for people. */
  readonly label: string;
  /** The base model that it was trained on. */
  readonly model: string;
  /** The view that tells more of it. */
  readonly address: string;
  /** Prompts of the job that made it, as texts or turns of a conversation. */
  readonly prompts: readonly unknown[];
}

export type MemberState = MemberFacts | Error;
type MemberIdentity = Pick<Member, 'id' | 'job'>;

/** By key of the member; one that is missing is still being read. */
export function useMembers(members: readonly Member[]): ReadonlyMap<string, MemberState> {
  const found = useQueries({ queries: members.map(memberQuery) });
  return new Map(
    members.flatMap((member, i) => {
      const state = found[i]?.error ?? found[i]?.data;
      return state ? [[keyOf(member), state] as const] : [];
    }),
  );
}

/** Does not change with the weight. */
const memberQuery = (member: Member) =>
  queryOptions({
    queryKey: ['members', keyOf(member)],
    queryFn: ({ client: queries, signal }) => readMember(member, queries, signal),
    refetchOnWindowFocus: false,
  });

const checkpointsAtOnce = 100;

async function readMember(
  { id, job }: MemberIdentity,
  queries: QueryClient,
  signal: AbortSignal,
): Promise<MemberFacts> {
  if (job !== null) {
    const [made, checkpoints] = await Promise.all([
      queries.fetchQuery(jobQuery(job)),
      jobsClient.checkpointsPage(job, { limit: checkpointsAtOnce }, { signal }),
    ]);
    const step = checkpoints.data.find((checkpoint) => checkpoint.id === id)?.step_number;
    const label = `${made.suffix ?? job}${step === undefined ? '' : `, step ${step}`}`;
    return { label, model: made.model, address: `/jobs/${job}`, prompts: promptsOf(made) };
  }
  const adapter = await queries.fetchQuery(adapterQuery(id));
  const made =
    adapter.job === null ? null : await queries.fetchQuery(jobQuery(adapter.job)).catch(() => null);
  const address = `/adapters/${id}`;
  return { label: labelOf(adapter), model: adapter.model, address, prompts: promptsOf(made) };
}

function promptsOf(job: JobObject | null): unknown[] {
  const prompts = job?.training['sample_prompts'];
  return Array.isArray(prompts) ? prompts : [];
}
