/** Lists in pages, as OpenAI has them: the last id of one page is the `after` of the next. */
import { z } from 'zod';

/** Seconds since 1970, as OpenAI counts time. */
export const unixSeconds = z.int().nonnegative();

/** A page of objects. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  });
}

export interface Page<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

/** Ids of objects, and names of models, which are the longer ones. */
export const objectId = z.string().min(1).max(500);
/** The rest of an address, whose parts routers give one by one. */
export const filePath = z.preprocess((path) => (Array.isArray(path) ? path.join('/') : path), objectId);

/** Text in a query is digits where a number is meant. */
const digits = z
  .string()
  .regex(/^\d{1,9}$/)
  .max(9);

/** How many objects a page may have. */
export function limitOf(standard: number, most: number) {
  return digits
    .transform(Number)
    .pipe(z.int().min(1).max(most))
    .default(standard)
    .meta({ type: 'integer', minimum: 1, maximum: most, default: standard });
}

/** The id that the page before ended with. */
export const afterId = z.string().min(1).max(200).optional();

/** Which page is wanted. */
export function pageQuery(standard: number, most = 100) {
  return { after: afterId, limit: limitOf(standard, most) };
}

export const order = z.enum(['asc', 'desc']);

/** `stream=true` asks for server-sent events instead of a page. */
export const streamFlag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((flag) => flag === 'true')
  .meta({ type: 'boolean', default: false });

/** What a deleted object is answered with. */
export const deleted = z
  .object({ id: z.string(), object: z.string(), deleted: z.boolean() })
  .meta({ id: 'Deleted' });
export type Deleted = z.infer<typeof deleted>;
