/** Measures a training step against its own bare matrix products and against PEFT, in turns. */
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { randomModelFolder, type Turn } from './child.js';
import { type BenchOptions, parseOptions, usage } from './options.js';
import { type Program, startOurs, startPeer } from './programs.js';
import { smolLM2Sizes, writeRandomBase } from '#training/speed/random-base.js';

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
  if (!options.model) await writeRandomBase(folder, smolLM2Sizes);
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${options.threads} threads`);
  console.log(
    `${folder}: ${options.batch} x ${options.length} tokens, ${options.lossShare} of them in the loss`,
  );

  const bare = await startOurs('bare', folder, options);
  const step = await startOurs('step', folder, options);
  const others: Program[] = [];
  for (const precision of options.basePrecisions) others.push(await startOurs(precision, folder, options));
  if (options.peer) {
    for (const dtype of options.peerDtypes) others.push(await startPeer(folder, dtype, options));
  }
  const programs = [bare, step, ...others];
  const turns = await takeTurns(programs, options.rounds, (line) => console.log(line));
  programs.forEach((program) => program.stop());

  /** How many times as fast as others one of the programs is. */
  const ratio = (own: number, other: number) => median(turns.map((row) => row[other]!.ms / row[own]!.ms));
  const results = programs.map(({ name, ready }, own) => ({
    name,
    tokens_per_second: (options.batch * options.length * 1000) / median(turns.map((row) => row[own]!.ms)),
    peak_bytes: turns.at(-1)![own]!.peakBytes,
    predicted_peak_bytes: ready?.predictedBytes ?? null,
    trace_ms: ready?.traceMs ?? null,
    session_ms: ready?.sessionMs ?? null,
    /** By the names of the other programs. */
    times_as_fast_as: Object.fromEntries(
      programs.flatMap(({ name }, other) => (other === own ? [] : [[name, ratio(own, other)]])),
    ),
  }));
  for (const { name, times_as_fast_as: times, ...result } of results) {
    const { tokens_per_second: speed, peak_bytes: peak, predicted_peak_bytes: predicted } = result;
    const plan = predicted ? `, predicted ${megabytes(predicted)}` : '';
    console.log(`${name}: ${speed.toFixed(0)} tokens/s, peak ${megabytes(peak)}${plan}`);
    const ratios = Object.entries(times).map(([other, value]) => `${value.toFixed(2)} times ${other}`);
    console.log(`  ${ratios.join(', ')}`);
  }
  const result = Object.fromEntries(results.map(({ name, ...rest }) => [name, rest]));
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
