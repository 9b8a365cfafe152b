/** Webhooks: addresses that are told when jobs end, in OpenAI's events. The routes are our own. */
import { z } from 'zod';
import { pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';

/** OpenAI's names. */
export const webhookEvents = [
  'fine_tuning.job.succeeded',
  'fine_tuning.job.failed',
  'fine_tuning.job.cancelled',
] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

/** What is sent, as OpenAI sends it. */
export const webhookEvent = z.object({
  id: z.string(),
  object: z.literal('event'),
  created_at: unixSeconds,
  type: z.enum(webhookEvents),
  /** The job. */
  data: z.object({ id: z.string() }),
});

const webhookUrl = z
  .string()
  .max(2048)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  }, 'is no http or https address without a user and password');

export const webhookCreate = z
  .strictObject({
    url: webhookUrl,
    /** All of them unless given. */
    events: z
      .array(z.enum(webhookEvents))
      .min(1)
      .max(webhookEvents.length)
      .default([...webhookEvents]),
  })
  .meta({ id: 'CreateWebhook' });
export type WebhookCreate = z.input<typeof webhookCreate>;
export type WebhookRequest = z.output<typeof webhookCreate>;

export const webhookObject = z
  .object({
    id: z.string(),
    object: z.literal('webhook'),
    created_at: unixSeconds,
    url: z.string(),
    events: z.array(z.string()),
    /** What signatures are checked with: told once, when the webhook is made. */
    secret: z.string().nullable(),
    /** When it last took an event. */
    delivered_at: unixSeconds.nullable(),
    /** Why the last delivery failed; null after one that did not. */
    last_error: z.string().nullable(),
    /** Events that are still to be told. */
    pending: z.int(),
  })
  .meta({ id: 'Webhook' });
export type WebhookObject = z.infer<typeof webhookObject>;
export const webhookPage = pageOf(webhookObject).meta({ id: 'WebhookPage' });
export const webhookListQuery = z.strictObject(pageQuery(20));

/** What became of an event that was sent to try a webhook. */
export const webhookTest = z
  .object({
    id: z.string(),
    object: z.literal('webhook.test'),
    delivered: z.boolean(),
    /** What went wrong. */
    error: z.string().nullable(),
  })
  .meta({ id: 'WebhookTest' });
export type WebhookTest = z.infer<typeof webhookTest>;
