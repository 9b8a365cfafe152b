/** `lowrank doctor`: what works on this machine, and what the rest lacks. */
import { type Command, Option } from 'commander';
import { LowrankError } from '#base/errors.js';
import type { CommandContext, Run } from '../context.js';
import type { Installable } from '../doctor/install.js';
import { exitCodes } from '#base/error-codes.js';

const kinds = ['cuda', 'tfjs-node', 'tfjs-node-gpu'] as const satisfies readonly Installable[];

interface DoctorOptions {
  readonly install?: (typeof kinds)[number];
}

export function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('try every device and part of the service on this machine, and say what is missing')
    .addOption(new Option('--install <kind>', 'install the libraries of a device').choices(kinds))
    .action(
      run<DoctorOptions>(async (context, _, { install: kind }) => {
        if (!kind) return examine(context);
        const { install } = await import('../doctor/install.js');
        return install(context, kind);
      }),
    );
}

async function examine({ environment, output, signal }: CommandContext): Promise<number> {
  const { parseConfiguration } = await import('#platform/config.js');
  const { checkDevices, isBuilt } = await import('../doctor/device-checks.js');
  const { checkMachine } = await import('../doctor/machine-checks.js');
  if (!isBuilt()) throw new LowrankError('not_built', 'the program is not built: run "npm run build" first');
  const configuration = parseConfiguration(environment);
  const machine = await checkMachine(configuration);
  output.note('trying the devices ...');
  const { home, cudaFolder } = configuration;
  const devices = await checkDevices({ home, cudaFolder, signal });
  output.result({ machine, devices }, () => {
    const lines = [...machine, ...devices].flatMap(({ name, ok, about, fix }) => {
      const mark = ok ? output.paint('ok', 'green') : output.paint('no', 'yellow');
      return [`${name.padEnd(14)} ${mark}  ${about}`, ...(ok || !fix ? [] : [`${''.padEnd(18)}${fix}`])];
    });
    return lines.join('\n');
  });
  const canTrain = devices.some(({ name, ok }) => name === 'cpu' && ok);
  return canTrain && machine.every(({ ok }) => ok) ? exitCodes.done : exitCodes.failed;
}
