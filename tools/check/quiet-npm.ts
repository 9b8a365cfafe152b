/**
 * Fails unless `npm ci` and the usual commands work in a fresh clone of what is committed, without a word of warning and
 * without a request to anything but the registry, with each Node and npm that is supported. It takes a while.
 *
 *     npm run check:npm [-- NODE:NPM ...]          such as 22:10; all of them by default
 */
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { programRoot } from '#platform/program.js';

/** The oldest Node that package.json claims, and the newest of each line; with the npm that they bring and the next. */
const combinations = ['20.19.0:10', '20:11', '22:10', '22:11', '24:10', '24:11'];
const commands = [
  ['npm', 'ci', '--loglevel=http'],
  ['npm', 'ls'],
  ['npm', 'run', 'build'],
  ['npx', 'lowrank', '--version'],
  ['npm', 'run', 'trainer', '--', '--help'],
];
const telling = /\bwarn(ing)?\b|deprecat|EBADENGINE|ERR!/i;

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

async function run(
  command: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const [program, ...args] = command;
  const child = spawn(program!, args, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { code, output };
}

/** What this process has from npm would reach npm there: its settings, its own flags. */
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) && name !== 'NODE_OPTIONS'),
);

async function problemsOf(combination: string, folder: string): Promise<string[]> {
  const [node, npm] = combination.split(':') as [string, string];
  const tools = path.join(folder, 'tools');
  const clone = path.join(folder, 'clone');
  await mkdir(tools, { recursive: true });
  // The package `node` puts the program in place by its install script; this one holds it.
  const program = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const fetched = await run(
    ['npm', 'install', '--prefix', tools, '--no-save', `${program}@${node}`, `npm@${npm}`],
    tools,
    inherited,
  );
  if (fetched.code !== 0) return [`Node ${node} and npm ${npm} cannot be fetched: ${fetched.output}`];
  const cloned = await run(['git', 'clone', '--quiet', programRoot, clone], folder, inherited);
  if (cloned.code !== 0) return [`the repository cannot be cloned: ${cloned.output}`];
  const userConfiguration = path.join(folder, 'npmrc');
  await writeFile(userConfiguration, '');
  const bins = [path.join(tools, 'node_modules', program, 'bin'), path.join(tools, 'node_modules/.bin')];
  const environment = {
    ...inherited,
    npm_config_userconfig: userConfiguration,
    npm_config_update_notifier: 'false',
    PATH: [...bins, process.env['PATH']].join(path.delimiter),
  };
  const { output: versions } = await run(['npm', 'version', '--json'], tools, environment);
  const found = JSON.parse(versions) as { node: string; npm: string };
  console.log(`Node ${found.node}, npm ${found.npm}`);
  const problems: string[] = [];
  for (const command of commands) {
    const start = Date.now();
    const { code, output } = await run(command, clone, environment);
    const lines = output.split('\n');
    const notices = lines.filter((line) => telling.test(line) && !line.startsWith('npm http fetch '));
    const hosts = new Set(
      lines.flatMap((line) => /^npm http fetch \w+ \d+ https?:\/\/([^/\s]+)/.exec(line)?.[1] ?? []),
    );
    const about = `${command.join(' ')}: ${((Date.now() - start) / 1000).toFixed(0)} s`;
    console.log(`  ${about}${hosts.size > 0 ? `, requests to ${[...hosts].join(', ')}` : ''}`);
    if (code !== 0) problems.push(`${command.join(' ')} ended with ${code}:\n${lines.slice(-20).join('\n')}`);
    if (hosts.size > 1) problems.push(`${command.join(' ')} asked ${[...hosts].join(', ')}`);
    problems.push(...notices.map((line) => `${command.join(' ')}: ${line}`));
  }
  return problems;
}

for (const combination of process.argv.length > 2 ? process.argv.slice(2) : combinations) {
  const folder = await mkdtemp(path.join(tmpdir(), 'lowrank-npm-'));
  try {
    for (const problem of await problemsOf(combination, folder)) {
      console.error(`  ${problem}`);
      process.exitCode = 1;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
