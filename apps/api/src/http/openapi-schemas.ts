/** zod schemas as OpenAPI 3.1 has them. */
import { z } from 'zod';

/** Names what a JSON schema refers to; transforms and refinements are left out. */
export function toOpenApi(schema: z.ZodType, io: 'input' | 'output') {
  const {
    $defs,
    $schema: _,
    ...json
  } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
  });
  return { schema: json, components: ($defs ?? {}) as Record<string, object> };
}
