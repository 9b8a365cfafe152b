/** What the server knows of the members of a composition. */
import { useEffect, useRef, useState } from 'react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { get, type RequestError } from '../../api/http.js';
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

export type MemberState = MemberFacts | RequestError;
type MemberIdentity = Pick<Member, 'id' | 'job'>;

/** By key of the member; one that is missing is still being read. */
export function useMembers(members: readonly Member[]): ReadonlyMap<string, MemberState> {
  const [states, setStates] = useState<ReadonlyMap<string, MemberState>>(new Map());
  const known = useRef(new Set<string>());
  // Read once for each member that appears, not for each weight.
  const identities = JSON.stringify(members.map(({ id, job }) => ({ id, job })));
  useEffect(() => {
    const stopping = new AbortController();
    for (const member of JSON.parse(identities) as MemberIdentity[]) {
      const key = keyOf(member);
      if (known.current.has(key)) continue;
      const tell = (state: MemberState) => {
        if (stopping.signal.aborted) return;
        known.current.add(key);
        setStates((old) => new Map(old).set(key, state));
      };
      readMember(member, stopping.signal).then(tell, tell);
    }
    return () => stopping.abort();
  }, [identities]);
  return states;
}

export const labelOf = ({ id, name }: Pick<AdapterObject, 'id' | 'name'>) => suffixOf(name) || id;

/** `ft:BASE:PROJECT:SUFFIX:ID`. */
function suffixOf(name: string): string {
  const parts = name.split(':');
  return parts.length >= 5 ? parts.at(-2)! : '';
}

async function readMember({ id, job }: MemberIdentity, signal: AbortSignal): Promise<MemberFacts> {
  if (job !== null) {
    const [made, checkpoints] = await Promise.all([
      readJob(job, signal),
      get<{ data: { id: string; step_number: number }[] }>(
        `/v1/fine_tuning/jobs/${job}/checkpoints?limit=100`,
        signal,
      ),
    ]);
    const step = checkpoints.data.find((checkpoint) => checkpoint.id === id)?.step_number;
    const label = `${made.suffix ?? job}${step === undefined ? '' : `, step ${step}`}`;
    return { label, model: made.model, address: `/jobs/${job}`, prompts: promptsOf(made) };
  }
  const adapter = await get<AdapterObject>(`/v1/adapters/${id}`, signal);
  const made = adapter.job === null ? null : await readJob(adapter.job, signal).catch(() => null);
  const address = `/adapters/${id}`;
  return { label: labelOf(adapter), model: adapter.model, address, prompts: promptsOf(made) };
}

const readJob = (id: string, signal: AbortSignal) => get<JobObject>(`/v1/fine_tuning/jobs/${id}`, signal);

function promptsOf(job: JobObject | null): unknown[] {
  const prompts = job?.training['sample_prompts'];
  return Array.isArray(prompts) ? prompts : [];
}
