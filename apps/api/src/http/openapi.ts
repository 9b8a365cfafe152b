/** The API's document and its page. */
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { INestApplication } from '@nestjs/common';
import { z } from 'zod';
import { programVersion } from '#platform/program.js';
import { toOpenApi } from './openapi-schemas.js';

export function buildDocument(app: INestApplication, prefix = ''): OpenAPIObject {
  const description =
    'Fine-tuning with LoRA in the shapes of the OpenAI API: files, fine-tuning jobs and models, and beside them plans, metrics, streams and adapters.';
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Lowrank')
    .setDescription(description)
    .setVersion(programVersion)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A key that `lowrank keys create` made' });
  if (prefix !== '') builder.addServer(prefix);
  return SwaggerModule.createDocument(app, builder.build(), {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
    standardSchemaConverter: (schema, { schemaType }) =>
      schema instanceof z.ZodType ? toOpenApi(schema, schemaType) : undefined,
  });
}

/** Serves the document at /docs-json and a page for it at /docs. */
export function serveDocument(app: INestApplication, prefix = ''): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app, prefix), {
    jsonDocumentUrl: 'docs-json',
    raw: ['json'],
  });
}
