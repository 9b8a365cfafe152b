import { Inject, Injectable } from '@nestjs/common';
import { Composition } from '#adapters/composition.js';
import { type FoundMember, Members } from './members.service.js';

/** Measured sums that are kept for the next weights and ranks. */
const mostKept = 3;

/** Sums that were measured, so that other weights and ranks of the same members are answered at once. */
@Injectable()
export class Previews {
  private readonly kept = new Map<string, Promise<Composition>>();
  /** One is measured at a time: it is work of the processor that serves everybody. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(@Inject(Members) private readonly members: Members) {}

  /** Throws what `Composition.open` throws. */
  async open(members: readonly FoundMember[]): Promise<Composition> {
    // Weights are given to each report; one that is 0 leaves its member in the stack.
    const key = members.map(({ id }) => id).join(' ');
    const composition = this.kept.get(key) ?? this.measure(members);
    this.kept.delete(key);
    this.kept.set(key, composition);
    for (const oldest of [...this.kept.keys()].slice(0, -mostKept)) this.kept.delete(oldest);
    try {
      return await composition;
    } catch (error) {
      this.kept.delete(key);
      throw error;
    }
  }

  private measure(members: readonly FoundMember[]): Promise<Composition> {
    const open = () => this.members.withFiles(members, (opened) => Composition.open(opened));
    const measured = this.last.then(open);
    this.last = measured.catch(() => undefined);
    return measured;
  }
}
