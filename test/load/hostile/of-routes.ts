/** What is hostile about one kind of body only: changes to a sound one, or a whole one. */
import type { World } from './routes.js';
import { hostileExpressions } from './values.js';

export type Changes = readonly (readonly [what: string, changes: object | string])[];

const none: Changes = [];
const names = (count: number, long: number) =>
  Array.from({ length: count }, (_, i) => `${'model.layer_'.repeat(long)}${i}`);

/** Expressions in every field that has some, and lists of names. */
export function hostileJobs(path: string): Changes {
  if (!['/v1/fine_tuning/jobs', '/v1/fine_tuning/plan'].includes(path)) return none;
  const within = (text: string) => [
    { target_modules: text },
    { target_modules: ['q_proj'], exclude_modules: text },
    { target_modules: ['q_proj'], rank_pattern: { [text]: 2 } },
    { target_modules: ['q_proj'], layers_to_transform: [0], layers_pattern: text },
  ];
  return [
    ...hostileExpressions.flatMap(([what, text]) =>
      within(text).map((lora) => [`an expression ${what} in ${Object.keys(lora).at(-1)}`, { lora }] as const),
    ),
    ['4,600 unknown names', { lora: { target_modules: names(4600, 2) } }],
    ['9,900 unknown names', { lora: { target_modules: names(9900, 5) } }],
    ['9,900 names that are left out', { lora: { exclude_modules: names(9900, 5) } }],
    ['1,900 ranks', { lora: { rank_pattern: Object.fromEntries(names(1900, 2).map((name) => [name, 1])) } }],
    [
      '60 ranks that backtrack',
      {
        lora: {
          alpha_pattern: Object.fromEntries(names(60, 0).map((name) => [`(([a-z_.]+)+)+${name}!`, 1])),
        },
      },
    ],
    [
      'all layers there could be',
      { lora: { layers_to_transform: Array.from({ length: 9000 }, (_, i) => i) } },
    ],
    ['a rank without end', '{"model":"tiny","training_file":"x","lora":{"r":1e999,"lora_alpha":-1e999}}'],
    ['the largest rank', { lora: { r: 2 ** 31, lora_alpha: 1e308 } }],
    [
      'long prompts for samples',
      { training: { sample_prompts: Array.from({ length: 16 }, () => 'word '.repeat(12_000)) } },
    ],
    ['steps without end', { training: { max_steps: 2 ** 53, block_length: 2 ** 31, batch_size: 2 ** 31 } }],
    ['metadata beyond measure', { metadata: Object.fromEntries(names(3000, 3).map((name) => [name, 'a'])) }],
  ];
}

/** Long and odd conversations, and everything that a prompt may bring. */
export function hostilePrompts(path: string, { adapters }: World): Changes {
  if (!path.endsWith('/completions')) return none;
  const isChat = path.includes('chat');
  const asked = (content: unknown) =>
    isChat ? { messages: [{ role: 'user', content }] } : { prompt: content };
  return [
    ['a prompt of 900,000 letters', asked('a'.repeat(900_000))],
    ['a prompt of 150,000 words', asked('word '.repeat(150_000))],
    ['a prompt of marks', asked('e\u0301\u0323'.repeat(120_000))],
    ['a prompt of spaces', asked(' '.repeat(900_000))],
    ['a prompt of special tokens', asked('<s></s><|begin_of_text|>'.repeat(30_000))],
    [
      'as much as there may be of it',
      isChat
        ? { messages: Array.from({ length: 4096 }, () => ({ role: 'user', content: 'a'.repeat(150) })) }
        : { prompt: Array.from({ length: 300_000 }, () => 5) },
    ],
    ['texts that end it', { stop: ['a'.repeat(1000), 'b'.repeat(1000), '\n', 'c'], max_tokens: 20 }],
    [
      'a bias for 4,000 tokens',
      { logit_bias: Object.fromEntries(names(4000, 0).map((name, i) => [i, name.length])) },
    ],
    ['many answers', { n: 128, max_tokens: 1 }],
    ['weights without end', `{"model":"tiny","members":[{"adapter":"${adapters[0]}","weight":1e999}]}`],
    [
      'a mixture of 64',
      {
        model: undefined,
        members: Array.from({ length: 64 }, (_, i) => ({
          adapter: adapters[i % adapters.length],
          weight: 1e30,
        })),
      },
    ],
    ['deep metadata', { metadata: { a: 'a'.repeat(100_000) }, user: 'u'.repeat(100_000) }],
    [
      'tools beyond measure',
      { tools: names(2000, 4).map((name) => ({ type: 'function', function: { name } })) },
    ],
  ];
}

export function hostileCompositions(path: string, { adapters }: World): Changes {
  if (path !== '/v1/compositions') return none;
  const members = (count: number, weight: number) =>
    Array.from({ length: count }, (_, i) => ({ adapter: adapters[i % adapters.length], weight }));
  return [
    ['64 members', { members: members(64, 0.5) }],
    ['64 members that are kept', { members: members(64, 0.5), preview: false }],
    ['huge weights', { members: members(2, 1e308) }],
    ['tiny weights', { members: members(2, 5e-324) }],
    ['a huge rank', { members: members(2, 1), rank: 1_000_000 }],
    ['an energy of nothing', { members: members(2, 1), energy: 1e-300 }],
  ];
}

export function hostileFolders(path: string): Changes {
  if (path !== '/v1/base_models') return none;
  const folders = ['/', '/proc/self', '/dev', '/dev/zero', '/proc/self/fd', '/etc', '~root', '.', '\\\\a\\b'];
  return folders.map((folder) => [`the folder ${folder}`, { folder }] as const);
}
