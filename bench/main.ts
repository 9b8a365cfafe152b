/** Measures a training step against its own bare matrix products and against PEFT, in turns. */
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { randomModelFolder, type Turn } from './child.js';
import { type BenchOptions, parseOptions, usage } from './options.js';
import { type Program, startOurs, startPeer } from './programs.js';
import { writeRandomModel } from './random-model.js';

/** Threads of a program that has just run may still wait busily; the next turn starts when they sleep. */
const settleMs = 400;

const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

async function takeTurns(
  programs: readonly Program[],
  rounds: number,
  say: (line: string) => void,
): Promise<Turn[][]> {
  const turns: Turn[][] = [];
  for (let round = 1; round <= rounds; round++) {
    const row: Turn[] = [];
    for (const program of programs) {
      await pause(settleMs);
      row.push(await program.turn());
    }
    turns.push(row);
    const times = programs.map(({ name }, i) => `${name} ${row[i]!.ms.toFixed(0)} ms`);
    say(`round ${round}: ${times.join(', ')}`);
  }
  return turns;
}

async function bench(options: BenchOptions): Promise<void> {
  const folder = options.model ?? randomModelFolder;
  if (!options.model) await writeRandomModel(folder);
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${options.threads} threads`);
  console.log(
    `${folder}: ${options.batch} x ${options.length} tokens, ${options.lossShare} of them in the loss`,
  );

  const bare = await startOurs('bare', folder, options);
  const step = await startOurs('step', folder, options);
  const peers: Program[] = [];
  if (options.peer) {
    for (const dtype of options.peerDtypes) peers.push(await startPeer(folder, dtype, options));
  }
  const programs = [bare, step, ...peers];
  const turns = await takeTurns(programs, options.rounds, (line) => console.log(line));
  programs.forEach((program) => program.stop());

  const ratios = (other: number) => median(turns.map((row) => row[other]!.ms / row[1]!.ms));
  const { traceMs, sessionMs, predictedBytes: predicted } = step.ready!;
  const peakBytes = turns.at(-1)![1]!.peakBytes;
  const result = {
    tokens_per_second: (options.batch * options.length * 1000) / median(turns.map((row) => row[1]!.ms)),
    share_of_bare: ratios(0),
    peak_bytes: peakBytes,
    predicted_peak_bytes: predicted,
    trace_ms: traceMs,
    session_ms: sessionMs,
    peers: Object.fromEntries(
      peers.map(({ name }, i) => [
        name,
        { ratio: ratios(i + 2), peak_bytes: turns.at(-1)![i + 2]!.peakBytes },
      ]),
    ),
  };
  console.log(
    `${result.tokens_per_second.toFixed(0)} tokens/s, ${(100 * result.share_of_bare).toFixed(0)}% of the bare rate`,
  );
  console.log(`peak ${megabytes(peakBytes)}, predicted ${megabytes(predicted)}`);
  for (const [name, { ratio, peak_bytes }] of Object.entries(result.peers)) {
    console.log(`${ratio.toFixed(2)} times ${name}, whose peak is ${megabytes(peak_bytes)}`);
  }
  if (options.json) console.log(JSON.stringify(result));
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') console.log(usage);
  else await bench(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 1;
}
