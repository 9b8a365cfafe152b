/**
 * JSON Schema as a grammar: every text of the grammar is a document that the schema allows. Of several orders and
 * spellings it knows one: properties come as the schema lists them, and none that it does not list.
 */
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { choice, type Grammar, literal, nothing, rule, sequence } from '#generation/grammar/grammar.js';
import {
  boolean,
  exactly,
  formats,
  integer,
  list,
  map,
  member,
  none,
  number,
  object,
  space,
  string,
  value,
} from '#generation/grammar/json.js';

type Schema = Readonly<Record<string, unknown>>;

/** Says nothing about what is allowed. */
const annotations = [
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
];
const ofType: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'format'],
  integer: [],
  number: [],
  boolean: [],
  null: [],
};
const maxDepth = 64;
const maxNodes = 5000;
const maxLength = 10_000;

/** Keywords that a schema may have here, for documents. */
export const knownKeywords: readonly string[] = [
  'type',
  'enum',
  'const',
  'anyOf',
  '$ref',
  ...Object.values(ofType).flat(),
];
/** Formats of strings that it may name. */
export const knownFormats: readonly string[] = Object.keys(formats);

/**
 * The grammar of the documents that a schema allows; `path` is where it stands, for messages.
 *
 * Throws UnsupportedError for what is not done, and `invalid_request` for what is no schema, with the path in
 * `details.param`.
 */
export function schemaGrammar(schema: unknown, path: string): Grammar {
  return new Reader(schema, path).read(schema, path, 0);
}

class Reader {
  private readonly rules = new Map<string, Grammar>();
  private count = 0;

  constructor(
    private readonly root: unknown,
    private readonly rootPath: string,
  ) {}

  read(schema: unknown, path: string, depth: number): Grammar {
    if (schema === true) return value;
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      throw invalid(path, 'is no schema: give an object such as {"type": "string"}');
    }
    if (depth > maxDepth || ++this.count > maxNodes) {
      throw unsupported(path, `schemas are at most ${maxDepth} deep and have ${maxNodes} parts`);
    }
    const one = schema as Schema;
    if ('$ref' in one) {
      this.requireOnly(one, ['$ref'], path);
      return this.reference(one['$ref'], `${path}.$ref`);
    }
    if ('anyOf' in one) {
      this.requireOnly(one, ['anyOf'], path);
      const options = one['anyOf'];
      if (!Array.isArray(options) || options.length === 0)
        throw invalid(`${path}.anyOf`, 'is no list of schemas');
      return choice(...options.map((option, i) => this.read(option, `${path}.anyOf.${i}`, depth + 1)));
    }
    if ('const' in one || 'enum' in one) return this.listed(one, path);
    return this.typed(one, path, depth);
  }

  private listed(schema: Schema, path: string): Grammar {
    // The type says no more than the values, if it says the same.
    this.requireOnly(schema, ['const', 'enum', 'type'], path);
    const values = 'const' in schema ? [schema['const']] : schema['enum'];
    if (!Array.isArray(values) || values.length === 0) throw invalid(`${path}.enum`, 'is no list of values');
    const types = 'type' in schema ? typesOf(schema, path) : undefined;
    const fitting = values.filter((one) => types?.some((type) => isOf(type, one)) ?? true);
    if (fitting.length === 0) throw invalid(path, 'allows no value: none that it lists is of its type');
    return choice(...fitting.map(exactly));
  }

  private typed(schema: Schema, path: string, depth: number): Grammar {
    if (!('type' in schema)) {
      const type = Object.keys(ofType).find((name) => ofType[name]!.some((keyword) => keyword in schema));
      if (type === undefined) {
        this.requireOnly(schema, [], path);
        return value;
      }
      return this.typed({ ...schema, type }, path, depth);
    }
    const types = typesOf(schema, path);
    this.requireOnly(schema, ['type', ...types.flatMap((type) => ofType[type]!)], path);
    return choice(...types.map((type) => this.ofType(type, schema, path, depth)));
  }

  private ofType(type: string, schema: Schema, path: string, depth: number): Grammar {
    switch (type) {
      case 'object':
        return this.object(schema, path, depth);
      case 'array': {
        const [least, most] = bounds(schema, 'minItems', 'maxItems', path);
        const item = 'items' in schema ? this.read(schema['items'], `${path}.items`, depth + 1) : value;
        return list(item, least, most);
      }
      case 'string': {
        if ('format' in schema) {
          const format = String(schema['format']);
          this.requireOnly(schema, ['type', 'format', ...ofType['object']!, ...ofType['array']!], path);
          const known = Object.hasOwn(formats, format) ? formats[format] : undefined;
          if (!known) throw unsupported(`${path}.format`, `formats are ${knownFormats.join(', ')}`);
          return known;
        }
        const [least, most] = bounds(schema, 'minLength', 'maxLength', path);
        return string(least, most);
      }
      case 'integer':
        return integer;
      case 'number':
        return number;
      case 'boolean':
        return boolean;
      default:
        return none;
    }
  }

  private object(schema: Schema, path: string, depth: number): Grammar {
    const { properties = {}, required = [], additionalProperties: further = false } = schema;
    if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) {
      throw invalid(`${path}.properties`, 'is no object of schemas');
    }
    if (!Array.isArray(required)) throw invalid(`${path}.required`, 'is no list of names');
    const names = Object.keys(properties);
    const missing = (required as unknown[]).find((name) => !names.includes(String(name)));
    if (missing !== undefined) {
      throw invalid(
        `${path}.required`,
        `names ${JSON.stringify(missing)}, which is not among the properties`,
      );
    }
    if (names.length === 0) {
      // Of an object without a word about its members any will do.
      if (further === false)
        return 'additionalProperties' in schema || 'properties' in schema ? emptyObject : object;
      return map(this.read(further, `${path}.additionalProperties`, depth + 1));
    }
    // Read for its mistakes: what is listed is all that is written.
    if (further !== false) this.read(further, `${path}.additionalProperties`, depth + 1);
    const members = names.map((name) => ({
      isRequired: (required as unknown[]).includes(name),
      grammar: member(
        literal(JSON.stringify(name)),
        this.read((properties as Schema)[name], `${path}.properties.${name}`, depth + 1),
      ),
    }));
    return sequence(literal('{'), space, this.membersFrom(members), literal('}'));
  }

  /** The members in their order, each of the optional ones or not. */
  private membersFrom(members: readonly { isRequired: boolean; grammar: Grammar }[]): Grammar {
    let first: Grammar = nothing;
    let later: Grammar = space;
    for (const { isRequired, grammar } of members.toReversed()) {
      const [nextFirst, nextLater] = [first, later];
      const begun = sequence(grammar, nextLater);
      const goneOn = sequence(space, literal(','), space, grammar, nextLater);
      first = isRequired ? begun : choice(begun, nextFirst);
      later = isRequired ? goneOn : choice(goneOn, nextLater);
    }
    return first;
  }

  private reference(reference: unknown, path: string): Grammar {
    if (typeof reference !== 'string' || !reference.startsWith('#')) {
      throw unsupported(path, 'references lead to places of the same schema, such as "#/$defs/node"');
    }
    const known = this.rules.get(reference);
    if (known) return known;
    let target: unknown = this.root;
    const parts = reference.slice(1).split('/').slice(1);
    for (const part of parts) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      target =
        typeof target === 'object' && target !== null && Object.hasOwn(target, key)
          ? (target as Schema)[key]
          : undefined;
    }
    if (target === undefined) throw invalid(path, `leads nowhere: there is no ${reference}`);
    let made: Grammar | undefined;
    const grammar = rule(() => made!);
    this.rules.set(reference, grammar);
    made = this.read(target, [this.rootPath, ...parts].join('.'), 0);
    if (made === grammar) throw invalid(path, 'refers to itself and nothing else');
    return grammar;
  }

  private requireOnly(schema: Schema, keywords: readonly string[], path: string): void {
    const other = Object.keys(schema).find((key) => !keywords.includes(key) && !annotations.includes(key));
    if (other === undefined) return;
    const beside = keywords.length === 0 ? '' : ` beside ${keywords.slice(0, 3).join(', ')}`;
    throw unsupported(
      `${path}.${other}`,
      `it is not done${knownKeywords.includes(other) ? beside : ''}; leave it out`,
    );
  }
}

const emptyObject = sequence(literal('{'), space, literal('}'));

function typesOf({ type }: Schema, path: string): string[] {
  const types: unknown[] = Array.isArray(type) ? type : [type];
  const unknown = types.find((one) => typeof one !== 'string' || !Object.hasOwn(ofType, one));
  if (types.length === 0 || unknown !== undefined) {
    throw invalid(`${path}.type`, `is none of ${Object.keys(ofType).join(', ')}`);
  }
  return types as string[];
}

function isOf(type: string, one: unknown): boolean {
  if (type === 'null') return one === null;
  if (type === 'array') return Array.isArray(one);
  if (type === 'integer') return Number.isInteger(one);
  if (type === 'object') return typeof one === 'object' && one !== null && !Array.isArray(one);
  return typeof one === type;
}

function bounds(
  schema: Schema,
  minName: string,
  maxName: string,
  path: string,
): [least: number, most: number] {
  const read = (name: string, standard: number) => {
    if (!(name in schema)) return standard;
    const bound = schema[name];
    if (!Number.isInteger(bound) || (bound as number) < 0)
      throw invalid(`${path}.${name}`, 'is no whole number from 0 up');
    if ((bound as number) > maxLength)
      throw unsupported(`${path}.${name}`, `lengths are at most ${maxLength}`);
    return bound as number;
  };
  const least = read(minName, 0);
  const most = read(maxName, Infinity);
  if (least > most) throw invalid(`${path}.${minName}`, `is more than ${maxName}`);
  return [least, most];
}

function invalid(param: string, problem: string): LowrankError {
  return new LowrankError('invalid_request', problem, { details: { param } });
}

function unsupported(param: string, why: string): UnsupportedError {
  return new UnsupportedError(`is not supported: ${why}`, { param });
}
