/** What an answer must look like, as requests say it, and the grammar of that. */
import type { CallForm } from '#data/call-forms.js';
import { choice, type Grammar, literal, sequence } from '#generation/grammar/grammar.js';
import { object } from '#generation/grammar/json.js';
import { schemaGrammar } from '#generation/grammar/json-schema.js';

/** A tool as OpenAI writes it. */
export interface Tool {
  readonly function: { readonly name: string; readonly parameters?: unknown };
}

/** Any object, or what a JSON schema allows; `path` is where the schema stands in the request. */
export function jsonGrammar(schema: unknown, path: string): Grammar {
  return schema === undefined ? object : schemaGrammar(schema, path);
}

/** One call of one of the tools. Throws as `schemaGrammar` does for their parameters. */
export function callGrammar({ before, argumentsKey, after }: CallForm, tools: readonly Tool[]): Grammar {
  const calls = tools.map(({ function: { name, parameters } }, i) =>
    sequence(
      literal(`${before}{"name": ${JSON.stringify(name)}, "${argumentsKey}": `),
      jsonGrammar(parameters, `tools.${i}.function.parameters`),
      literal(`}${after}`),
    ),
  );
  return choice(...calls);
}
