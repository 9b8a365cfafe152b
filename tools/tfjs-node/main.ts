/** Installs tfjs-node from the command line: `node dist/tools/tfjs-node/main.js KIND [--folder FOLDER]`. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LowrankError } from '#base/errors.js';
import { isTfjsNodeKind, tfjsNodeKinds } from '#runtime/device.js';
import { installTfjsNode } from './install.js';

const usage = `usage: main.js ${tfjsNodeKinds.join('|')} [--folder FOLDER]

Builds the package's addon and puts it into FOLDER (default: tfjs-node in LOWRANK_HOME, which is ~/.lowrank).`;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { folder: { type: 'string' } },
  });
  const [kind, ...more] = positionals;
  if (kind === undefined || !isTfjsNodeKind(kind) || more.length > 0) {
    console.error(usage);
    return 2;
  }
  const home = process.env['LOWRANK_HOME'] || join(homedir(), '.lowrank');
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => abort.abort(new LowrankError('interrupted', `ended by ${signal}`)));
  }
  const { isNew, folder, tensorflow, gpu } = await installTfjsNode({
    kind,
    folder: values.folder ?? join(home, 'tfjs-node'),
    say: (line) => console.log(line),
    environment: process.env,
    signal: abort.signal,
  });
  const outcome = isNew ? `${kind} is installed in ${folder}` : `${kind} is in ${folder} already`;
  console.log(`${outcome} and works: TensorFlow ${tensorflow}, ${gpu ? 'on a GPU' : 'on the CPU'}`);
  if (kind === 'tfjs-node-gpu' && !gpu) {
    console.log(
      'TensorFlow finds no GPU here: look for one with nvidia-smi, and at the driver (525 or newer)',
    );
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof LowrankError ? error.message : error);
  process.exitCode = 1;
}
