/** A ZIP archive of images, with a folder for each class or with a file of rows that name them. */
import { posix } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { nearestNames } from '#base/nearest-names.js';
import { Archive, ArchiveProblem, type Member } from '#data/formats/image-zip/archive.js';
import { byFolder, isImage, rowsFileOf } from '#data/formats/image-zip/layout.js';
import type { RandomAccess } from '#data/formats/random-access.js';
import type {
  DataRecord,
  Fields,
  FileHead,
  RandomContext,
  RandomSource,
  RowSource,
} from '#data/formats/row-source.js';
import { formatOf } from '#images/image-format.js';
import { maxImageBytes } from '#images/limits.js';

/** Names of classes and paths, no images. */
const maxRowBytes = 256 * 1024 * 1024;
/** Images do not shrink when they are packed; up to the least size an archive may, since a small one harms nobody. */
const maxTimes = 200;
const minBomb = 256 * 1024 * 1024;
/** What data sets call the path of an image. */
const pathFields = ['image', 'file_name'];

/** How a row file inside is read, which may be of any format but this. */
export type ChooseSource = (bytes: Buffer) => { source: RowSource; head: FileHead } | { message: string };

/** Whether an archive has images. One that cannot be listed has them if its first file is one. Throws the errors of the file. */
export async function hasImages(file: RandomAccess): Promise<boolean> {
  try {
    return (await Archive.open(file)).members.some(({ name }) => isImage(name));
  } catch (error) {
    if (!(error instanceof ArchiveProblem)) throw error;
    const header = await file.read(0, 30 + 1024);
    const length = header.length < 30 ? 0 : header.readUInt16LE(26);
    return isImage(header.toString('utf8', 30, 30 + length));
  }
}

export function imageZip(chooseSource: ChooseSource): RandomSource {
  return {
    name: 'images in zip',
    isTable: false,
    place: 'row',
    detects: ({ bytes }) => bytes.subarray(0, 4).toString('latin1') === 'PK\u0003\u0004',
    async *readAnywhere(context) {
      try {
        yield* new ImageReader(context, await Archive.open(context.file)).batches(chooseSource);
      } catch (error) {
        if (!(error instanceof ArchiveProblem)) throw error;
        context.problems.add(0, '', error.code, error.message);
        context.problems.stop();
      }
    },
  };
}

class ImageReader {
  private readonly byName: ReadonlyMap<string, Member>;
  private readonly used = new Set<string>();
  private unpackedBytes = 0;
  private packedBytes = 0;

  constructor(
    private readonly context: RandomContext,
    private readonly archive: Archive,
  ) {
    this.byName = new Map(archive.members.map((member) => [member.name, member]));
  }

  async *batches(chooseSource: ChooseSource): AsyncGenerator<readonly DataRecord[]> {
    const { members } = this.archive;
    const rows = rowsFileOf(members);
    if (rows) yield* this.namedByRows(rows, chooseSource);
    else yield* this.inFolders();
    if (this.context.problems.isFull || this.isEnough()) return;
    const unused = members.filter((member) => member !== rows && !this.used.has(member.name));
    if (unused.length === 0) return;
    const names = unused.slice(0, 3).map(({ name }) => name);
    const what = rows ? `${rows.name} does not name them` : 'they are no images';
    const some = `${names.join(', ')}${unused.length > names.length ? ', ...' : ''}`;
    const message = `${unused.length} files of the ZIP archive are not read, since ${what}: ${some}.`;
    this.context.onWarning({ code: 'unread_files', message });
  }

  private async *inFolders(): AsyncGenerator<readonly DataRecord[]> {
    const { problems } = this.context;
    const labelled = byFolder(this.archive.members.filter(({ name }) => isImage(name)));
    for (const [i, { member, label }] of labelled.entries()) {
      if (problems.isFull || this.isEnough()) return;
      const line = i + 1;
      const image = await this.imageOf(member, line);
      if (image) yield [{ line, fields: { image, label } }];
    }
  }

  private async *namedByRows(
    rows: Member,
    chooseSource: ChooseSource,
  ): AsyncGenerator<readonly DataRecord[]> {
    const { problems, maxRecordBytes } = this.context;
    const content = await this.archive.read(rows, maxRowBytes);
    this.count(rows);
    const chosen = chooseSource(content);
    if ('message' in chosen || !('read' in chosen.source)) {
      const message =
        'message' in chosen ? chosen.message : `${chosen.source.name} inside of a ZIP archive is not read.`;
      throw new ArchiveProblem('unsupported_format', `${rows.name}: ${message}`);
    }
    const { source, head } = chosen;
    problems.within(rows.name, source.place ?? 'line');
    const chunks = oneChunk(content);
    for await (const records of source.read({ chunks, problems, maxRecordBytes, head, isCut: () => false })) {
      for (const record of records) {
        if (problems.isFull || this.isEnough()) return;
        const fields = await this.withImage(record, posix.dirname(rows.name));
        if (fields) yield [{ line: record.line, fields }];
      }
    }
  }

  /** Fields with the bytes of the image in place of its path; undefined where a problem was added. */
  private async withImage({ line, fields }: DataRecord, folder: string): Promise<Fields | undefined> {
    const { problems, isRead } = this.context;
    const pathOf = (field: string) => posix.normalize(posix.join(folder, String(fields[field])));
    const isPath = (field: string) => typeof fields[field] === 'string' && field !== 'label' && isRead(field);
    const field =
      pathFields.find((each) => typeof fields[each] === 'string') ??
      Object.keys(fields).find((each) => isPath(each) && this.byName.has(pathOf(each)));
    if (field === undefined) return fields;
    const { [field]: given, ...others } = fields as Record<string, string>;
    if (/^\s*data:/i.test(given!)) return fields;
    const member = this.byName.get(pathOf(field));
    if (!member || !isImage(member.name)) {
      const [nearest] = nearestNames(pathOf(field), [...this.byName.keys()].slice(0, 2000), 1);
      const fix = nearest === undefined ? '' : ` Is it ${nearest}?`;
      const quoted = JSON.stringify(given!.slice(0, 200));
      problems.add(line, field, 'image_missing', `the ZIP archive has no image ${quoted}.${fix}`);
      return undefined;
    }
    const image = await this.imageOf(member, line, field);
    return image && { ...others, [field === 'file_name' ? 'image' : field]: image };
  }

  private async imageOf(member: Member, line: number, field = ''): Promise<Buffer | undefined> {
    const { problems } = this.context;
    this.used.add(member.name);
    this.count(member);
    try {
      const image = await this.archive.read(member, maxImageBytes);
      formatOf(image);
      return image;
    } catch (error) {
      if (error instanceof LowrankError)
        problems.add(line, field, error.code, `${member.name} ${error.message}.`);
      else if (error instanceof ArchiveProblem) problems.add(line, field, error.code, error.message);
      else throw error;
      return undefined;
    }
  }

  private count({ bytes, packedBytes }: Member): void {
    const { file, onRead } = this.context;
    this.unpackedBytes += bytes;
    this.packedBytes += packedBytes;
    if (this.unpackedBytes > minBomb && this.unpackedBytes > maxTimes * file.size) {
      const message = `the ZIP archive unpacks to more than ${maxTimes} times its size, as no images do.`;
      throw new ArchiveProblem('unpacks_too_far', message);
    }
    onRead(Math.min(file.size, this.packedBytes));
  }

  /** Whether as much was read as is wanted; tells it then. */
  private isEnough(): boolean {
    if (this.unpackedBytes < this.context.maxBytes) return false;
    this.context.onCut();
    return true;
  }
}

async function* oneChunk(content: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield content;
}
