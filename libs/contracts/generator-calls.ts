/**
 * What the API asks of the process that answers prompts. The arguments of the process are the folder for its caches and
 * the bytes of its own memory beyond which it lets models go that wait for another prompt.
 */
import { z } from 'zod';
import { memberFolder } from '#contracts/member-folder.js';
import type { Methods } from '#contracts/process-calls.js';
import { basePrecisions } from '#training/base-precision/declared.js';

const wantedModel = {
  base: z.object({
    folder: z.string(),
    identity: z.string(),
    /** Whether its files were seen to be those of the identity just now. */
    verified: z.boolean(),
    /** In what numbers it answers. */
    precision: z.enum(basePrecisions),
  }),
  /** Empty for the base model alone. */
  members: z.array(memberFolder),
};

/** One prompt. */
export const generatorTask = z.object({
  ...wantedModel,
  /** A text to go on with or its token ids, none of which begin a new document; or a conversation whose next turn is the assistant's. */
  prompt: z.union([
    z.string(),
    z.array(z.int()),
    z.array(z.looseObject({ role: z.string(), content: z.string().nullable() })),
  ]),
  /** Null for as many as the model takes. */
  max_tokens: z.int().nullable(),
  temperature: z.number(),
  top_p: z.number(),
  seed: z.int(),
  /** Tells apart several answers to one prompt under one seed. */
  request: z.int(),
  stop: z.array(z.string()),
  /** Taken off the logits of tokens that the answer has: each time, and once. Left out = 0. */
  frequency_penalty: z.number().optional(),
  presence_penalty: z.number().optional(),
  /** Added to the logits of token ids. */
  logit_bias: z.record(z.string(), z.number()).optional(),
  /** How many likeliest tokens to tell with each token; left out = tell no probabilities. */
  logprobs: z.int().optional(),
  /** Tools as OpenAI writes them; the answer then comes in one piece, with the calls apart. */
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).optional(),
  /** Whether the answer must be a call of one of the tools. */
  must_call: z.boolean().optional(),
  /** That the answer must be a JSON object, or what a JSON schema allows. */
  format: z.object({ schema: z.unknown().optional() }).optional(),
});
export type GeneratorTask = z.infer<typeof generatorTask>;

export const generatedAnswer = z.object({
  finish_reason: z.enum(['stop', 'length']),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  /** The calls of tools in it, whose text is none of its pieces. */
  tool_calls: z.array(z.object({ name: z.string(), arguments: z.string() })).optional(),
});
export type GeneratedAnswer = z.infer<typeof generatedAnswer>;

/** Paths of the parts of a conversation that the model's chat template does not show, such as `messages.0.name`. */
const hiddenParts = z.object({ hidden: z.array(z.string()) });

const scoredToken = z.object({
  /** As it stands in a text; half a character is U+FFFD. */
  text: z.string(),
  bytes: z.array(z.int()),
  logprob: z.number(),
});
/** A piece with its tokens, where probabilities are to be told. A token may show in a later piece than its own. */
const scoredPiece = z.object({
  text: z.string(),
  tokens: z.array(scoredToken.extend({ top: z.array(scoredToken) })),
});
export type ScoredText = z.infer<typeof scoredPiece>['tokens'][number];

/** A piece of the answer, all of which are the answer; or, before the first, what the model does not see. */
const answerUpdate = z.union([z.string(), scoredPiece, hiddenParts]);
export type AnswerUpdate = z.infer<typeof answerUpdate>;

/** A text, a pair of texts, or an image as a data URL. */
const classifierInput = z.union([
  z.object({ text: z.string(), pair: z.string().nullable() }),
  z.object({ image: z.string() }),
]);
export type ClassifierInput = z.infer<typeof classifierInput>;

/** Texts, pairs of texts or images to tell apart. */
export const classifierTask = z.object({ ...wantedModel, inputs: z.array(classifierInput) });
export type ClassifierTask = z.infer<typeof classifierTask>;

export const classifiedInputs = z.object({
  labels: z.array(z.string()),
  /** Of each input, in their order; an image has no tokens. */
  results: z.array(z.object({ probabilities: z.array(z.number()), tokens: z.int() })),
});
export type ClassifiedInputs = z.infer<typeof classifiedInputs>;

export const generatorMethods = {
  /** A cancelled one ends at its next token. */
  answer: { input: generatorTask, update: answerUpdate, result: generatedAnswer },
  /** A cancelled one ends at its next input. */
  classify: { input: classifierTask, update: z.never(), result: classifiedInputs },
} satisfies Methods;
