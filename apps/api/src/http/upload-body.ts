import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import type { z } from 'zod';
import { toOpenApi } from './openapi-schemas.js';

export const IS_UPLOAD = 'lowrank:upload';

/** Routes that read a form themselves, as it comes; the schema is for the document. */
export function UploadBody(form: z.ZodObject): MethodDecorator {
  return applyDecorators(
    SetMetadata(IS_UPLOAD, true),
    ApiConsumes('multipart/form-data'),
    ApiBody({ schema: toOpenApi(form, 'input').schema as never }),
  );
}
