/** Our HTTP contracts held against the types of the stock client, field by field: the table of docs/openai-api.md. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { chatFields, type FieldRule, textFields } from '#contracts/http/completion-fields.js';
import { chatCompletion, chatCompletionChunk, textCompletion } from '#contracts/http/completions.js';
import { fileListQuery, fileObject, fileUpload } from '#contracts/http/files.js';
import { jobCreate } from '#contracts/http/job-create.js';
import { jobListQuery, jobObject } from '#contracts/http/jobs.js';
import { modelObject } from '#contracts/http/models.js';
import { permissionCreate, permissionListQuery, permissionObject } from '#contracts/http/permissions.js';
import {
  checkpointListQuery,
  checkpointObject,
  eventListQuery,
  eventObject,
} from '#contracts/http/streams.js';
import {
  uploadComplete,
  uploadCreate,
  uploadObject,
  uploadPartForm,
  uploadPartObject,
} from '#contracts/http/uploads.js';
import { webhookEvent } from '#contracts/http/webhooks.js';

interface Compared {
  readonly what: string;
  /** File and interface of the types of the `openai` package. */
  readonly types: readonly [file: string, name: string];
  /** Names of our fields. */
  readonly ours: readonly string[];
  /** Of fields that are taken with some values only, or with any and to no effect. */
  readonly rules?: Readonly<Record<string, FieldRule>>;
}

const shapeOf = ({ shape }: z.ZodObject) => Object.keys(shape);
const uploads = 'uploads/uploads';
const jobs = 'fine-tuning/jobs/jobs';
const permissions = 'fine-tuning/checkpoints/permissions';
const chat = 'chat/completions/completions';

const compared: readonly Compared[] = [
  { what: 'file', types: ['files', 'FileObject'], ours: shapeOf(fileObject) },
  { what: 'upload of a file', types: ['files', 'FileCreateParams'], ours: shapeOf(fileUpload) },
  { what: 'list of files', types: ['files', 'FileListParams'], ours: shapeOf(fileListQuery) },
  { what: 'upload in parts', types: [uploads, 'Upload'], ours: shapeOf(uploadObject) },
  { what: 'new upload in parts', types: [uploads, 'UploadCreateParams'], ours: shapeOf(uploadCreate) },
  { what: 'part', types: ['uploads/parts', 'UploadPart'], ours: shapeOf(uploadPartObject) },
  { what: 'new part', types: ['uploads/parts', 'PartCreateParams'], ours: shapeOf(uploadPartForm) },
  {
    what: 'end of an upload in parts',
    types: [uploads, 'UploadCompleteParams'],
    ours: shapeOf(uploadComplete),
  },
  { what: 'job', types: [jobs, 'FineTuningJob'], ours: shapeOf(jobObject) },
  { what: 'new job', types: [jobs, 'JobCreateParams'], ours: shapeOf(jobCreate) },
  { what: 'list of jobs', types: [jobs, 'JobListParams'], ours: shapeOf(jobListQuery) },
  { what: 'event of a job', types: [jobs, 'FineTuningJobEvent'], ours: shapeOf(eventObject) },
  { what: 'list of events', types: [jobs, 'JobListEventsParams'], ours: shapeOf(eventListQuery) },
  {
    what: 'checkpoint',
    types: ['fine-tuning/jobs/checkpoints', 'FineTuningJobCheckpoint'],
    ours: shapeOf(checkpointObject),
  },
  {
    what: 'list of checkpoints',
    types: ['fine-tuning/jobs/checkpoints', 'CheckpointListParams'],
    ours: shapeOf(checkpointListQuery),
  },
  { what: 'permission', types: [permissions, 'PermissionListResponse'], ours: shapeOf(permissionObject) },
  {
    what: 'new permissions',
    types: [permissions, 'PermissionCreateParams'],
    ours: shapeOf(permissionCreate),
  },
  {
    what: 'list of permissions',
    types: [permissions, 'PermissionListParams'],
    ours: shapeOf(permissionListQuery),
  },
  { what: 'model', types: ['models', 'Model'], ours: shapeOf(modelObject) },
  {
    what: 'event of a webhook',
    types: ['webhooks/webhooks', 'FineTuningJobSucceededWebhookEvent'],
    ours: shapeOf(webhookEvent),
  },
  {
    what: 'request of a chat',
    types: [chat, 'ChatCompletionCreateParamsBase'],
    ours: Object.keys(chatFields.own),
    rules: chatFields.own,
  },
  { what: 'answer of a chat', types: [chat, 'ChatCompletion'], ours: shapeOf(chatCompletion) },
  { what: 'piece of a chat', types: [chat, 'ChatCompletionChunk'], ours: shapeOf(chatCompletionChunk) },
  {
    what: 'request of a completion',
    types: ['completions', 'CompletionCreateParamsBase'],
    ours: Object.keys(textFields.own),
    rules: textFields.own,
  },
  { what: 'answer of a completion', types: ['completions', 'Completion'], ours: shapeOf(textCompletion) },
];

/** Why a field of theirs is not here. */
const reasons: Readonly<Record<string, string>> = {
  status_details: 'deprecated; a file that is wrong is refused with its lines',
  system_fingerprint: 'deprecated',
  moderation: 'nothing is moderated',
};

const folder = join(dirname(createRequire(import.meta.url).resolve('openai')), 'resources');

/** Fields of an interface of the client; those of the pages that lists share stand in another file. */
function fieldsOf([file, name]: Compared['types']): string[] {
  const text = readFileSync(join(folder, `${file}.d.ts`), 'utf8');
  const found = new RegExp(`export interface ${name}( extends (\\w+))? \\{(.*?)\\n\\}`, 's').exec(text);
  if (!found) throw new Error(`the openai package has no ${name} in ${file}`);
  const paging = found[2] === undefined ? [] : ['after', 'limit'];
  return [...paging, ...[...found[3]!.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field!)];
}

const listed = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ') || '-';

/** The table. Throws where a field of the client is neither here nor explained. */
export function openaiFieldTable(): string {
  const rows = compared.map(({ what, types, ours, rules }) => {
    const theirs = fieldsOf(types);
    const kind = (name: string) => rules?.[name]?.kind ?? 'honoured';
    const shared = theirs.filter((name) => ours.includes(name));
    const missing = theirs.filter((name) => !ours.includes(name));
    const apart = [
      ...shared
        .filter((name) => kind(name) === 'neutral')
        .map((name) => `\`${name}\`: only where it asks for nothing`),
      ...shared.filter((name) => kind(name) === 'ignored').map((name) => `\`${name}\`: changes nothing here`),
      ...missing.map((name) => {
        const reason = reasons[name];
        if (reason === undefined)
          throw new Error(`${what}: ${name} of ${types.join(' ')} is neither here nor explained`);
        return `\`${name}\`: ${reason}`;
      }),
    ];
    const more = ours.filter((name) => !theirs.includes(name));
    return [
      what,
      listed(shared.filter((name) => kind(name) === 'honoured')),
      listed(more),
      apart.join('; ') || '-',
    ];
  });
  const lines = [['object', 'the same', 'ours beside', 'not done'], ['-', '-', '-', '-'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
