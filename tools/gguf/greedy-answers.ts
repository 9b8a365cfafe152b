/** Greedy answers as this program gives them, to be held against those of llama.cpp. */
import { flatAdapter } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { BucketModel } from '#generation/bucket-model.js';
import { openModelFolder } from '#models/model-folder.js';

/** What llama.cpp computes in another order may decide between tokens whose logits are this close. */
const closeCall = 2e-3;

export interface OurAnswer {
  readonly tokens: number[];
  /** Between the likeliest token and the next, at each place. */
  readonly margins: number[];
}

/** Greedy answers of a model in a folder, with an adapter in another beside it. */
export async function answersHere(
  folder: string,
  adapter: string | undefined,
  prompts: readonly number[][],
  tokens: number,
): Promise<OurAnswer[]> {
  const model = await openModelFolder(folder);
  const read = adapter === undefined ? undefined : await readAdapter(adapter, { model: model.tree });
  const flat = read && flatAdapter(read);
  const answers = BucketModel.create({
    model,
    modules: flat?.modules ?? [],
    runner: { kind: 'compiled', device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  });
  const found: OurAnswer[] = [];
  for (const prompt of prompts) {
    const sequence = answers.open(flat && { parameters: flat.parameters });
    const answer: OurAnswer = { tokens: [], margins: [] };
    for (let next = prompt; answer.tokens.length < tokens; next = [answer.tokens.at(-1)!]) {
      const logits = await sequence.extend(next);
      const best = logits.reduce((most, value, i) => (value > logits[most]! ? i : most), 0);
      const second = logits.reduce(
        (most, value, i) => (i !== best && value > most ? value : most),
        -Infinity,
      );
      answer.tokens.push(best);
      answer.margins.push(logits[best]! - second);
    }
    found.push(answer);
  }
  await answers.close();
  return found;
}

/** Where answers of llama.cpp differ from ours; undefined where they do not. */
export function difference(
  ours: readonly OurAnswer[],
  theirs: readonly (readonly number[])[],
): string | undefined {
  for (const [i, { tokens, margins }] of ours.entries()) {
    const at = tokens.findIndex((token, place) => token !== theirs[i]?.[place]);
    if (at < 0 || margins[at]! < closeCall) continue;
    return `prompt ${i} differs at token ${at} (margin ${margins[at]!.toFixed(4)}): here ${tokens.slice(0, at + 1).join()}, there ${theirs[i]?.slice(0, at + 1).join()}`;
  }
  return undefined;
}
