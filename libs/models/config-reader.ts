/** How families read config.json: everything that is wrong is told at once, what is not done is refused by name. */
import { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';

/** What is wrong at a path inside config.json. */
export type ConfigProblem = readonly [field: string, problem: string];

/** In the place of a field, for what is wrong with the file as a whole. */
export const wholeFile = '(file)';

/** A config.json that cannot be read: every problem with its field. */
export class ModelConfigError extends LowrankError {
  constructor(source: string, problems: readonly ConfigProblem[]) {
    const list = problems.map(([field, problem]) => `${field}: ${problem}`).join('; ');
    const [[field, problem] = []] = problems;
    const said = field === wholeFile ? problem : `does not describe a model: ${list}`;
    super('model_config_invalid', `${source} ${said}`, { details: { problems } });
  }
}

export class ConfigReader {
  private readonly problems: ConfigProblem[];
  /** Options that are read and do nothing. */
  readonly warnings: string[];

  /** `source` names the file in messages. */
  constructor(
    readonly json: Readonly<Record<string, unknown>>,
    readonly architecture: string,
    readonly modelType: string,
    private readonly source: string,
    notes: { problems: ConfigProblem[]; warnings: string[] } = { problems: [], warnings: [] },
  ) {
    this.problems = notes.problems;
    this.warnings = notes.warnings;
  }

  /** The fields of a schema. Throws ModelConfigError with every field that is wrong. */
  fields<S extends z.ZodRawShape>(shape: S): z.infer<z.ZodObject<S>> {
    const parsed = z.object(shape).safeParse(this.json);
    if (parsed.success) return parsed.data;
    throw new ModelConfigError(
      this.source,
      parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message]),
    );
  }

  /** The same file with values for fields that it leaves out or has null. */
  withDefaults(defaults: Readonly<Record<string, unknown>>): ConfigReader {
    const given = Object.entries(this.json).filter(([, value]) => value !== null);
    return this.derived({ ...this.json, ...defaults, ...Object.fromEntries(given) }, this.source);
  }

  /** The same file with other values of fields, for those that it has under names of its own. */
  withFields(fields: Readonly<Record<string, unknown>>): ConfigReader {
    return this.derived({ ...this.json, ...fields }, this.source);
  }

  /** The same file without a field, which a family reads in its own way. */
  without(field: string): ConfigReader {
    const { [field]: _, ...json } = this.json;
    return this.derived(json, this.source);
  }

  /** A reader of the fields of an object inside the file; messages name it. */
  inside(field: string, json: Readonly<Record<string, unknown>>): ConfigReader {
    return this.derived(json, `${field} of ${this.source}`);
  }

  /** A reader of other fields; what it finds wrong is told with the rest. */
  private derived(json: Readonly<Record<string, unknown>>, source: string): ConfigReader {
    const { architecture, modelType, problems, warnings } = this;
    return new ConfigReader(json, architecture, modelType, source, { problems, warnings });
  }

  /** Notes what is wrong; the description that is read may not be used then. */
  report(field: string, problem: string): void {
    this.problems.push([field, problem]);
  }

  /** Throws UnsupportedError for an option that changes the mathematics and is not done here. */
  refuse(option: string, hint: string): never {
    throw new UnsupportedError(
      `${option} ${JSON.stringify(this.json[option])} is not supported for ${this.architecture}: ${hint}`,
      { architecture: this.architecture, option },
    );
  }

  /** Refuses an option unless it is left out, null or one of the values that are done. */
  expect(option: string, known: readonly unknown[], hint: string): void {
    const value = this.json[option];
    if (value !== undefined && value !== null && !known.includes(value)) this.refuse(option, hint);
  }

  /** Throws ModelConfigError with all that was reported. */
  finish(): void {
    if (this.problems.length > 0) throw new ModelConfigError(this.source, this.problems);
  }
}
