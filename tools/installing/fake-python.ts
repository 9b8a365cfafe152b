/**
 * A python3 for tests: its pip takes wheels from a folder and checks their digests, and a "wheel" is a JSON object of
 * paths and contents.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Wheel } from './wheels.js';

const program = `#!${process.execPath}
const fs = require('node:fs');
const path = require('node:path');
const crypto = require('node:crypto');
const index = path.join(__dirname, '../index');
const args = process.argv.slice(2);
const fail = (text) => { console.error(text); process.exit(1); };
if (args[0] === '-I') {
  const [, , , wheel, folder, ...rules] = args;
  for (const [name, content] of Object.entries(JSON.parse(fs.readFileSync(wheel, 'utf8')))) {
    for (let i = 0; i < rules.length; i += 2) {
      const found = new RegExp('^(?:' + rules[i] + ')$').exec(name);
      if (!found) continue;
      const target = path.join(folder, rules[i + 1].replace('\\\\1', found[1]));
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, content);
    }
  }
} else if (args.includes('download')) {
  const [, name, version, sha256] = /^(\\S+)==(\\S+) --hash=sha256:(\\S+)/.exec(fs.readFileSync(args.at(-1), 'utf8'));
  fs.appendFileSync(path.join(index, 'log'), name + '\\n');
  const said = path.join(index, 'says');
  if (fs.existsSync(said)) fail(fs.readFileSync(said, 'utf8'));
  const file = path.join(index, name + '-' + version + '.whl');
  if (!fs.existsSync(file)) fail('ERROR: No matching distribution found for ' + name);
  const bytes = fs.readFileSync(file);
  if (crypto.createHash('sha256').update(bytes).digest('hex') !== sha256) {
    fail('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.');
  }
  const dest = args.find((arg) => arg.startsWith('--dest=')).slice('--dest='.length);
  fs.writeFileSync(path.join(dest, name + '-' + version + '-py3-none-any.whl'), bytes);
}
`;

export interface FakeIndex {
  /** With the python3 on its PATH. */
  readonly environment: NodeJS.ProcessEnv;
  /** Adds a wheel with these files. */
  add(name: string, files: Readonly<Record<string, string>>): Promise<Wheel>;
  /** Lets pip fail with these words; none lets it work again. */
  say(words: string | undefined): Promise<void>;
  /** Names of what was asked for, in order. */
  asked(): Promise<string[]>;
}

export async function fakeIndex(folder: string): Promise<FakeIndex> {
  const [bin, index] = [join(folder, 'bin'), join(folder, 'index')];
  await mkdir(bin, { recursive: true });
  await mkdir(index);
  await writeFile(join(bin, 'python3'), program);
  await chmod(join(bin, 'python3'), 0o755);
  await writeFile(join(bin, 'package.json'), '{"type": "commonjs"}');
  const words = join(index, 'says');
  return {
    environment: { PATH: bin },
    add: async (name, files) => {
      const bytes = Buffer.from(JSON.stringify(files));
      await writeFile(join(index, `${name}-1.0.whl`), bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { name, version: '1.0', sha256, bytes: bytes.length };
    },
    say: async (text) => {
      if (text === undefined) await rm(words, { force: true });
      else await writeFile(words, text);
    },
    asked: async () =>
      (await readFile(join(index, 'log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
  };
}
