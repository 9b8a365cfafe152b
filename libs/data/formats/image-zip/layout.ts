/** How people pack images: a folder for each class, or rows in a file that name them. */
import { posix } from 'node:path';
import { ArchiveProblem, type Member } from '#data/formats/image-zip/archive.js';

const images = /\.(png|jpe?g|webp|gif|tiff?|bmp)$/i;
const rows = /\.(jsonl|csv|tsv)$/i;
/** What data sets of the hub call it, where there are others. */
const usualRows = /(^|\/)metadata\.(jsonl|csv|tsv)$/i;

export const isImage = (name: string): boolean => images.test(name);

export interface LabelledMember {
  readonly member: Member;
  readonly label: string;
}

/** The file of rows; undefined where there is none. Throws ArchiveProblem where there are several. */
export function rowsFileOf(members: readonly Member[]): Member | undefined {
  const found = members.filter(({ name }) => rows.test(name));
  const usual = found.filter(({ name }) => usualRows.test(name));
  const [only, ...others] = usual.length > 0 ? usual : found;
  if (others.length === 0) return only;
  const names = [only!, ...others.slice(0, 3)].map(({ name }) => name).join(', ');
  throw new ArchiveProblem(
    'several_files',
    `the ZIP archive has several files of rows (${names}). Pack one; training and validation rows are files of their own.`,
  );
}

/**
 * Images with the names of their folders, those of the classes in turn: the beginning then tells of all. Folders around all of them do not
 * count. Throws ArchiveProblem for one that is in no folder of a class, or deeper.
 */
export function byFolder(members: readonly Member[]): LabelledMember[] {
  const folders = new Map<string, LabelledMember[]>();
  const parents = members.map(({ name }) => posix.dirname(name));
  const around = commonFolder(parents.map((folder) => posix.dirname(folder)));
  for (const [i, member] of members.entries()) {
    const label = around === '.' ? parents[i]! : parents[i]!.slice(around.length + 1);
    if (label === '' || label === '.' || label.includes('/')) {
      const where = label.includes('/') ? 'in a folder of a folder of classes' : 'in no folder of a class';
      throw new ArchiveProblem(
        'no_class',
        `${member.name} lies ${where}. Put images right into a folder for each class, or name their classes in metadata.jsonl: ` +
          '{"file_name": "cats/1.png", "label": "cat"}.',
      );
    }
    const folder = folders.get(label);
    if (folder) folder.push({ member, label });
    else folders.set(label, [{ member, label }]);
  }
  const longest = [...folders.values()].reduce((most, { length }) => Math.max(most, length), 0);
  const turns = Array.from({ length: longest }, (_, i) =>
    [...folders.values()].flatMap((each) => each[i] ?? []),
  );
  return turns.flat();
}

/** The longest path that all of them begin with; `.` for none. */
function commonFolder(folders: readonly string[]): string {
  let common: readonly string[] | undefined;
  for (const folder of folders) {
    const parts = folder.split('/');
    const end = common?.findIndex((part, i) => part !== parts[i]) ?? -1;
    if (common === undefined) common = parts;
    else if (end >= 0) common = common.slice(0, end);
    if (common.length === 0) return '.';
  }
  return common?.join('/') ?? '.';
}
