/** What the benchmark is asked for on the command line. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type BasePrecision, basePrecisions, defaultPrecision } from '#training/base-precision/declared.js';

const peerDtypes = ['f32', 'bf16'] as const;
export type PeerDtype = (typeof peerDtypes)[number];

export interface BenchOptions {
  /** Folder of a model; none = random weights in the shapes of SmolLM2-135M. */
  readonly model: string | undefined;
  readonly batch: number;
  readonly length: number;
  /** Share of the positions that have a target. */
  readonly lossShare: number;
  /** Measures a step in these precisions too, in turns with the one as stored. */
  readonly basePrecisions: readonly BasePrecision[];
  /** How many layers are recomputed in the backward pass; 'all' for every one. */
  readonly recompute: number | 'all';
  readonly threads: number;
  readonly rounds: number;
  /** A Python with torch, transformers and peft, to measure PEFT in turns with us. */
  readonly peer: string | undefined;
  /** Which of its number formats take turns. */
  readonly peerDtypes: readonly PeerDtype[];
  /** The ends of the names of the layers that the adapter changes. */
  readonly targets: readonly string[];
  readonly json: boolean;
}

export const usage = `npm run bench -- [options]
  --model FOLDER      a model's folder; else random weights in the shapes of SmolLM2-135M
  --tokens BxL        blocks and tokens of a block (2x256)
  --loss-share S      share of the positions that have a target (1)
  --base-precision P  measures a step in other precisions too: int8, int4 or int8,int4
  --recompute N|all   layers recomputed in the backward pass (0)
  --threads N         threads of every program (all processors)
  --rounds N          turns of each program (5)
  --targets LIST      layers that the adapter changes (q_proj,v_proj)
  --peer PYTHON       measure PEFT too, in this Python
  --peer-dtypes LIST  of f32 and bf16, those that PEFT is measured in (f32,bf16)
  --json              last line: one JSON object
  --help              show this text`;

/** Reads the options; 'help' if that is asked for. Throws an Error that says what is wrong. */
export function parseOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      model: { type: 'string' },
      tokens: { type: 'string', default: '2x256' },
      'loss-share': { type: 'string', default: '1' },
      'base-precision': { type: 'string', default: 'as-stored' },
      recompute: { type: 'string', default: '0' },
      threads: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      targets: { type: 'string', default: 'q_proj,v_proj' },
      peer: { type: 'string' },
      'peer-dtypes': { type: 'string', default: peerDtypes.join(',') },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const [batch, length] = values.tokens.split('x').map(Number);
  const options: BenchOptions = {
    model: values.model,
    batch: batch ?? 0,
    length: length ?? 0,
    lossShare: Number(values['loss-share']),
    basePrecisions: (values['base-precision'].split(',') as BasePrecision[]).filter(
      (name) => name !== defaultPrecision,
    ),
    recompute: values.recompute === 'all' ? 'all' : Number(values.recompute),
    threads: Number(values.threads ?? availableParallelism()),
    rounds: Number(values.rounds),
    peer: values.peer,
    peerDtypes: peerDtypes.filter((dtype) => values['peer-dtypes'].split(',').includes(dtype)),
    targets: values.targets.split(','),
    json: values.json,
  };
  const whole = {
    batch: options.batch,
    length: options.length,
    threads: options.threads,
    rounds: options.rounds,
  };
  for (const [name, value] of Object.entries(whole)) {
    if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number from 1 on`);
  }
  if (options.peerDtypes.join() !== values['peer-dtypes']) {
    throw new Error(`--peer-dtypes must be ${peerDtypes.join(',')} or one of them`);
  }
  if (!(options.lossShare > 0 && options.lossShare <= 1))
    throw new Error('--loss-share must be over 0, at most 1');
  if (!options.basePrecisions.every((name) => basePrecisions.includes(name))) {
    throw new Error(`--base-precision must be of ${basePrecisions.join(', ')}`);
  }
  if (options.recompute !== 'all' && !Number.isInteger(options.recompute)) {
    throw new Error('--recompute must be a whole number or all');
  }
  return options;
}
