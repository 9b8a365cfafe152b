/** zod schemas as OpenAPI 3.1 has them. */
import type { ApiBodyOptions } from '@nestjs/swagger';
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

/** The body of an upload, for the document: what is sent is read as it comes. */
export function formBody(schema: z.ZodObject): ApiBodyOptions {
  return { schema: toOpenApi(schema, 'input').schema as never };
}
