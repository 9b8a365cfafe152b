/** Plans that were made lately or are being made: jobs that are alike are planned once. */
import { createHash } from 'node:crypto';
import type { Planned } from '#jobs/planner-calls.js';
import { SharedWork } from '../http/shared-work.js';
import type { PlanOrder } from './plan-order.js';

const maxKept = 100;
/** Characters of JSON of all plans that are kept; the usual one has some ten thousand. */
const maxCharacters = 8_000_000;

interface KeptPlan {
  readonly planned: Planned;
  readonly characters: number;
  readonly until: number;
}

type MakePlan = (signal: AbortSignal) => Promise<Planned>;

export class KnownPlans {
  /** By what they are plans of, the last used at the end. */
  private readonly kept = new Map<string, KeptPlan>();
  private readonly running = new Map<string, SharedWork<Planned>>();

  /** Not kept for long: the folder of a base model may go. */
  constructor(private readonly keptMilliseconds: number) {}

  /** The plan of a project's job, made if it is not known. Throws what `make` throws, and the signal's reason. */
  async find(projectId: string, order: PlanOrder, make: MakePlan, signal: AbortSignal): Promise<Planned> {
    // Examples and earlier jobs are for one who looks at a plan, and takes time for that.
    if (order.examples || order.earlier.length > 0) return make(signal);
    const key = keyOf(projectId, order);
    const known = this.kept.get(key);
    this.kept.delete(key);
    if (known && performance.now() < known.until) {
      this.kept.set(key, known);
      return known.planned;
    }
    const running = this.running.get(key);
    return (running && !running.isStopped ? running : this.begin(key, make)).wait(signal);
  }

  private begin(key: string, make: MakePlan): SharedWork<Planned> {
    const work: SharedWork<Planned> = new SharedWork(async (signal) => {
      try {
        const planned = await make(signal);
        const { length: characters } = JSON.stringify(planned);
        this.kept.set(key, { planned, characters, until: performance.now() + this.keptMilliseconds });
        this.dropOldest();
        return planned;
      } finally {
        if (this.running.get(key) === work) this.running.delete(key);
      }
    }, 0);
    this.running.set(key, work);
    return work;
  }

  private dropOldest(): void {
    let total = 0;
    for (const { characters } of this.kept.values()) total += characters;
    for (const [key, { characters }] of this.kept) {
      if (this.kept.size <= maxKept && total <= maxCharacters) break;
      this.kept.delete(key);
      total -= characters;
    }
  }
}

/** Files are known by their contents; warnings call them by their names. */
function keyOf(projectId: string, { trainingFile, validationFile, ...order }: PlanOrder): string {
  const facts = (file: PlanOrder['validationFile']) =>
    file && [file.filename, file.bytes, file.sha256, file.form];
  const text = JSON.stringify([projectId, order, facts(trainingFile), facts(validationFile)]);
  return createHash('sha256').update(text).digest('base64');
}
