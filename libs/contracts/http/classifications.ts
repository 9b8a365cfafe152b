/** Texts and images told apart by a model with a classification head. */
import { z } from 'zod';
import { boundedArray } from '#base/bounded-schemas.js';
import { maxMembers, memberFields } from '#contracts/http/compositions.js';
import { objectId, unixSeconds } from '#contracts/http/pages.js';

const text = z.string().max(10_000_000);

/** That one request may ask for. */
export const maxClassified = 256;

/** JSON of a request: what an image of some megabytes is in base64. */
export const maxClassificationBytes = 16 * 1024 * 1024;

/** A PNG, JPEG, WebP, GIF (its first frame) or TIFF as `data:image/png;base64,...`; nothing is fetched from elsewhere. */
const dataUrl = z.string().max(maxClassificationBytes);

/**
 * A text, a pair of texts, of which the model says how they belong together, or an image; an image also as the content
 * parts of chats have it.
 */
const classified = z.union([
  text,
  z.strictObject({ text, text_pair: text.nullish() }),
  z.strictObject({ image: dataUrl }),
  z.strictObject({
    type: z.literal('image_url'),
    image_url: z.strictObject({ url: dataUrl }),
  }),
]);
export type Classified = z.output<typeof classified>;

export const classificationCreate = z
  .strictObject({
    /** A base model with a classification head, or a fine-tuned model of one, by name or id. */
    model: objectId,
    /** A text, a pair as `{"text", "text_pair"}`, an image as `{"image": "data:image/png;base64,..."}`, or a list of them. */
    input: z.union([classified, boundedArray(classified, { min: 1, max: maxClassified })]),
    /** Adapters to add to the base model `model`. */
    members: z
      .array(z.strictObject({ ...memberFields, weight: z.number() }))
      .min(1)
      .max(maxMembers)
      .nullish(),
  })
  .meta({ id: 'CreateClassification' });
export type ClassificationCreate = z.input<typeof classificationCreate>;
export type ClassificationRequest = z.output<typeof classificationCreate>;

export const classification = z
  .object({
    id: z.string(),
    object: z.literal('classification'),
    created: unixSeconds,
    model: z.string(),
    results: z.array(
      z.object({
        /** Of the input in the request. */
        index: z.int(),
        /** The likeliest class. */
        label: z.string(),
        /** Of every class, in the order of the model's labels; together 1. */
        probabilities: z.array(z.object({ label: z.string(), probability: z.number() })),
      }),
    ),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: 'Classification' });
export type Classification = z.infer<typeof classification>;
