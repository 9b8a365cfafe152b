/** What a composition keeps of the exact sum, as it is stored and answered. */
import { z } from 'zod';
import type { CompositionReport } from '#adapters/composition.js';
import type { Closeness } from '#adapters/composition-report.js';

const closeness = {
  /** Frobenius norm of the exact sum. */
  norm: z.number(),
  /** Of what is kept of it. */
  kept_norm: z.number(),
  relative_error: z.number(),
  /** Share of the squared norm that is kept. */
  kept_energy: z.number(),
};

export const compositionReport = z
  .object({
    /** SHA-256 of the recipe: equal recipes give equal bytes. */
    recipe_id: z.string(),
    /** The largest rank of the members together in any layer: what the stacked form has. */
    stack_rank: z.int(),
    /** The largest rank of the result in any layer. */
    rank: z.int(),
    overall: z.object(closeness),
    modules: z.array(
      z.object({
        path: z.string(),
        /** [out, in] of the frozen weight; the factors of a rank have rank * (out + in) numbers. */
        shape: z.tuple([z.int(), z.int()]),
        rank: z.int(),
        stack_rank: z.int(),
        ...closeness,
        /** Norm of each member's own part, by `members`. */
        member_norms: z.array(z.number()),
      }),
    ),
    /** Digests and weights as the recipe has them: sorted by digest, a member that was listed twice once. */
    members: z.array(z.object({ digest: z.string(), weight: z.number() })),
    /** Share of the squared norm that one rank for all layers keeps, from the rank 1 to that of the exact sum. */
    energy_by_rank: z.array(z.number()).default([]),
    /** Every two of `members` compared; null where that was not measured. */
    conflicts: z
      .array(
        z.object({
          /** Indices into `members`. */
          members: z.tuple([z.int(), z.int()]),
          /** Number of layers that both adapt. */
          layers: z.int(),
          /** Between their weighted updates, -1 to 1. */
          cosine: z.number(),
          /** Share of the entries that both change whose signs differ; from evenly spaced rows of each layer. */
          opposed_signs: z.number(),
          /** Degrees between the column spaces of their B: 0 to 90. */
          angle: z.number(),
        }),
      )
      .nullable()
      .default(null),
  })
  .meta({ id: 'CompositionReport' });
export type CompositionReportObject = z.infer<typeof compositionReport>;

/** A report of the library in the form of the API. */
export function viewReport({
  id,
  recipe,
  overall,
  modules,
  energyByRank,
  conflicts,
}: CompositionReport): CompositionReportObject {
  return {
    recipe_id: id,
    stack_rank: Math.max(...modules.map(({ stackRank }) => stackRank)),
    rank: Math.max(...modules.map(({ rank }) => rank)),
    overall: viewCloseness(overall),
    modules: modules.map(({ path, shape, rank, stackRank, memberNorms, ...module }) => ({
      path,
      shape: [...shape],
      rank,
      stack_rank: stackRank,
      ...viewCloseness(module),
      member_norms: [...memberNorms],
    })),
    members: recipe.members.map(({ digest, weight }) => ({ digest, weight })),
    energy_by_rank: [...energyByRank],
    conflicts:
      conflicts?.map(({ members: [a, b], layers, cosine, opposedSigns, angle }) => ({
        members: [a, b],
        layers,
        cosine,
        opposed_signs: opposedSigns,
        angle,
      })) ?? null,
  };
}

function viewCloseness({ norm, keptNorm, relativeError, keptEnergy }: Closeness) {
  return { norm, kept_norm: keptNorm, relative_error: relativeError, kept_energy: keptEnergy };
}
