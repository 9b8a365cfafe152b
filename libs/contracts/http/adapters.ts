/** Adapters: what jobs made and what was imported, in PEFT's files. */
import { z } from 'zod';
import { runsOnVerdicts } from '#contracts/http/runs-on.js';
import { compositionMember, suffixSyntax } from '#contracts/http/compositions.js';
import { objectId, pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';

export const adapterFile = z.object({
  name: z.string(),
  bytes: z.int(),
  /** Hexadecimal. */
  sha256: z.string(),
});

/** What a composition was made of, as lowrank_recipe.json says it, and the members by the ids that were asked for. */
export const adapterRecipe = z
  .looseObject({
    /** Digest of `recipe`: equal recipes give equal bytes. */
    id: z.string(),
    members: z.array(compositionMember),
    recipe: z.looseObject({
      form: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('stacked') }),
        z.object({ kind: z.literal('rank'), rank: z.int() }),
        z.object({ kind: z.literal('energy'), energy: z.number() }),
      ]),
    }),
    result: z.looseObject({ kept_energy: z.number(), relative_error: z.number() }),
  })
  .meta({ id: 'AdapterRecipe' });
export type AdapterRecipe = z.infer<typeof adapterRecipe>;

export const adapterObject = z
  .object({
    id: z.string(),
    object: z.literal('adapter'),
    created_at: unixSeconds,
    /** The model name that clients use: `ft:BASE:PROJECT:SUFFIX:ID`. */
    name: z.string(),
    /** Name of the base model. */
    model: z.string(),
    base_identity: z.string().nullable(),
    /** The job that made it; null for an import and for a composition. */
    job: z.string().nullable(),
    /** The composition that it is the result of, and what that was made of: digests, weights, form, what is kept. */
    composition: z.string().nullable().default(null),
    recipe: adapterRecipe.nullable().default(null),
    /** adapter_config.json. */
    config: z.record(z.string(), z.unknown()),
    /** Names of the classes of the head that it brings, in the order of its logits; null for one without. */
    classes: z.array(z.string()).nullable().default(null),
    runs_on: runsOnVerdicts,
    /** What was noticed at its import, such as fields of a newer PEFT that are ignored. */
    notes: z.array(z.string()).default([]),
    files: z.array(adapterFile),
    bytes: z.int(),
    /** Of adapter_model.safetensors. */
    sha256: z.string(),
  })
  .meta({ id: 'Adapter' });
export type AdapterObject = z.infer<typeof adapterObject>;

export const adapterPage = pageOf(adapterObject).meta({ id: 'AdapterPage' });
export const adapterListQuery = z.strictObject({ ...pageQuery(20), model: objectId.optional() });

/** The fields of the multipart body. For documents: imports are read as they come. */
export const adapterImport = z.object({
  /**
   * A PEFT folder as .tar, .tar.gz or .zip: adapter_config.json, adapter_model.safetensors, perhaps README.md. Other files
   * are passed over. Or one .safetensors by itself, as kohya-ss/sd-scripts writes adapters of linear layers and convolutions.
   */
  file: z.string().meta({ format: 'binary' }),
  /** Name of the base model; default: what adapter_config.json, or ss_sd_model_name of kohya's form, says. */
  model: objectId.optional(),
  /** Part of the adapter's name. */
  suffix: z.string().regex(suffixSyntax).max(64).optional(),
});
