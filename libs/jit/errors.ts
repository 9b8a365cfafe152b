/**
 * The root of every typed error of the project: a stable code for programs, a message for people.
 *
 * The message names the thing that is wrong and what to do about it.
 */
export class LowrankError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details ?? {};
  }

  /** Facts about the failure for programs: names, sizes, positions. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Something the project knows of but does not do: an architecture, an option, a file format. */
export class UnsupportedError extends LowrankError {
  constructor(message: string, details?: Readonly<Record<string, unknown>>) {
    super('unsupported', message, { details });
  }
}
