/** Schemas of what callers write whose size has a bound that JSON schemas show too. */
import { z } from 'zod';
import { quote } from '#base/quote.js';

/** An object with at most `max` entries. */
export function boundedRecord<K extends z.ZodString, V extends z.ZodType>(key: K, value: V, max: number) {
  return z
    .record(key, value)
    .refine((entries) => Object.keys(entries).length <= max, `has more than ${max} entries`)
    .meta({ maxProperties: max });
}

/** The name under which documents show how long the JSON of a value of any type may be. */
export const longestJson = 'x-max-json-length';

/** A value of any type. */
export function anyValue(max = 16_384) {
  return z
    .unknown()
    .refine((value) => quote(value, max).length <= max, `is longer than ${max} characters of JSON`)
    .meta({ [longestJson]: max });
}

/** Problems that are told of one list. */
const maxIssues = 20;

/** A list whose entries are read until some are wrong: zod's own keeps an issue for each of thousands. */
export function boundedArray<T extends z.ZodType>(
  item: T,
  { min = 0, max }: { readonly min?: number; readonly max: number },
): z.ZodType<z.output<T>[], z.input<T>[]> {
  const { $schema: _, ...items } = z.toJSONSchema(item, { io: 'input', unrepresentable: 'any' });
  const list = z
    .array(z.unknown())
    .min(min)
    .max(max)
    .transform((entries, context) => {
      const read: z.output<T>[] = [];
      for (const [i, entry] of entries.entries()) {
        const parsed = item.safeParse(entry);
        if (parsed.success) read.push(parsed.data);
        else {
          const issues = parsed.error.issues.slice(0, maxIssues - context.issues.length);
          const within = issues.map((issue) => ({ ...issue, path: [i, ...issue.path], input: entry }));
          context.issues.push(...(within as typeof context.issues));
          if (context.issues.length >= maxIssues) break;
        }
      }
      return read;
    })
    .meta({ items });
  return list as unknown as z.ZodType<z.output<T>[], z.input<T>[]>;
}
