/** What a composition is made of, whatever the weights: ranks, and the size of each member's update. */
import type { CompositionReportObject } from '#contracts/composition-report.js';

export interface Stack {
  /** The largest rank of the members together in any layer. */
  readonly rank: number;
  /** By path: norm of each member's update with the weight 1, in the order of the members. */
  readonly norms: ReadonlyMap<string, readonly number[]>;
  /** Over all layers, in the order of the members. */
  readonly memberNorms: readonly number[];
  /** Of each member, which of the report's members it is; -1 for none. */
  readonly places: readonly number[];
}

/**
 * Reads a report whose members had the weights 1, 2, 4, ...: a sum of those says which members are one and the same
 * to the server.
 */
export function stackOf(report: CompositionReportObject, members: number): Stack {
  const places = Array.from({ length: members }, (_, i) =>
    report.members.findIndex(({ weight }) => Math.floor(weight / 2 ** i) % 2 === 1),
  );
  const perWeight = ({ member_norms }: { readonly member_norms: readonly number[] }) =>
    places.map((place) => (place < 0 ? 0 : member_norms[place]! / report.members[place]!.weight));
  const norms = new Map(report.modules.map((module) => [module.path, perWeight(module)]));
  const memberNorms = places.map((_, i) => Math.hypot(...[...norms.values()].map((row) => row[i]!)));
  return { rank: report.stack_rank, norms, memberNorms, places };
}

const bytesOfNumber = 4;

/** Bytes of the factors of a composition, which are stored in f32. */
export function factorBytes(report: CompositionReportObject): number {
  return report.modules.reduce(
    (sum, { rank, shape: [out, into] }) => sum + bytesOfNumber * rank * (out + into),
    0,
  );
}
