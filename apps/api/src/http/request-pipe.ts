/** Reads bodies, queries and ids by their zod schemas; every problem is named by its field. */
import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { ApiError } from '../errors/api-error.js';
import { type FieldGuide, findProblems, throwFindings } from '#base/field-problems.js';
import { jobCreate, parseJobCreate } from '#contracts/http/job-create.js';
import { findExcess } from './request-bounds.js';
import { refuse } from './refuse-field.js';
import { findUnsound } from '#base/sound-values.js';
import { noteUnknownFields } from './unknown-fields.js';

/** Bodies with a reader of their own, which knows more than the schema. */
const readers = new Map<unknown, (input: unknown) => unknown>([[jobCreate, parseJobCreate]]);

@Injectable()
export class RequestPipe implements PipeTransform {
  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    const { schema, type } = metadata;
    if (type === 'custom') return value;
    const name = metadata.data ?? type;
    refuse(findUnsound(value), name);
    if (!(schema instanceof z.ZodType)) return value;
    refuse(findExcess(schema, value), name);
    if (type === 'param') {
      const parsed = schema.safeParse(value);
      if (!parsed.success)
        refuse({ field: name, problem: 'is not an id', fix: 'see the API documentation' }, name);
      return parsed.data;
    }
    if (type === 'body' && value === undefined) {
      throw new ApiError(
        'invalid_request',
        'the request needs a JSON object as its body: send it with Content-Type: application/json',
      );
    }
    const read = readers.get(schema);
    return read ? read(value) : readBySchema(schema, value, type);
  }
}

function readBySchema(schema: z.ZodType, value: unknown, type: ArgumentMetadata['type']): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    noteUnknownFields(value, parsed.data);
    return parsed.data;
  }
  const what = type === 'query' ? 'the query' : 'the request';
  throwFindings('invalid_request', what, findProblems(parsed.error, value, guideOf(schema)));
}

/** What a schema itself tells about its fields. */
function guideOf(schema: z.ZodType): FieldGuide {
  const shape = schema instanceof z.ZodObject ? (schema.shape as Record<string, z.ZodType>) : {};
  const fixes = Object.entries(shape).map(([name, field]) => [name, describeField(field)]);
  return { fixes: Object.fromEntries(fixes), aliases: {}, unsupported: [] };
}

function describeField(field: z.ZodType): string {
  const schema = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' });
  // Null is as good as nothing, and no help.
  const said = schema.anyOf?.filter(({ type }) => type !== 'null');
  const { type, enum: values, minimum, maximum } = said?.length === 1 ? said[0]! : schema;
  if (values) return `give one of ${values.map(String).join(', ')}`;
  const bounds = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
  if (type === 'integer') return `give a whole number${bounds}`;
  return typeof type === 'string' ? `give a ${type}${bounds}` : 'see the API documentation';
}
