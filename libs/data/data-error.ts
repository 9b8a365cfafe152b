/** What is wrong with a data set: every problem with its file, line, field and what to do. */
import { LowrankError } from '#base/errors.js';

/** What a number in a problem counts: lines of a text, or rows of a table without lines. */
export type Place = 'line' | 'row';

/** One problem of a data set. Lines count from 1; line 0 means the file as a whole. */
export interface DataProblem {
  readonly file: string;
  readonly line: number;
  /** What `line` counts; lines unless given. */
  readonly place?: Place;
  /** Where in the line: `messages[2].role`, say. Empty for the line as a whole. */
  readonly field: string;
  /** Stable, in snake_case. */
  readonly code: string;
  /** What is wrong and how to put it right. */
  readonly message: string;
}

/** How many problems are collected before reading stops. */
export const MOST_PROBLEMS = 50;

/** Thrown for a data set that cannot be used; holds up to 50 problems. */
export class DataError extends LowrankError {
  /** `isComplete` is false if reading stopped at the last of these problems, so that there may be more. */
  constructor(
    readonly problems: readonly DataProblem[],
    readonly isComplete: boolean,
  ) {
    const more = problems.length - 1;
    const rest = isComplete ? `and ${more} more` : `and ${more} or more others; reading stopped there`;
    const first = problems[0] ? describeProblem(problems[0]) : 'no problem was named';
    super('invalid_data', more > 0 || !isComplete ? `${first} (${rest})` : first, {
      details: { problems, isComplete },
    });
  }
}

/** A problem as one line of text. */
export function describeProblem({ file, field, message, ...at }: DataProblem): string {
  const place = [file, describePlace(at), field].filter((part) => part !== '').join(', ');
  return `${place}: ${message}`;
}

/** `line 3`, say; empty for the file as a whole. */
export function describePlace({ line, place = 'line' }: Pick<DataProblem, 'line' | 'place'>): string {
  return line > 0 ? `${place} ${line}` : '';
}

/** Collects the problems of one file. */
export class ProblemCollector {
  private readonly problems: DataProblem[] = [];
  private hasStopped = false;
  /** What is counted, once the format is known. */
  place: Place = 'line';

  private member = '';

  constructor(readonly file: string) {}

  /** Says that lines are those of a file inside of this one. */
  within(member: string, place: Place): void {
    this.member = ` (${member})`;
    this.place = place;
  }

  add(line: number, field: string, code: string, message: string): void {
    if (this.problems.length < MOST_PROBLEMS) {
      const { place } = this;
      const file = `${this.file}${this.member}`;
      this.problems.push({ file, line, ...(place === 'line' ? {} : { place }), field, code, message });
    }
    if (this.problems.length === MOST_PROBLEMS) this.hasStopped = true;
  }

  /** Says that reading on makes no sense: the file is of another kind. */
  stop(): void {
    this.hasStopped = true;
  }

  get isEmpty(): boolean {
    return this.problems.length === 0;
  }

  /** Whether reading should stop. */
  get isFull(): boolean {
    return this.hasStopped;
  }

  /** Throws DataError if there are problems, in the order of their lines. */
  throwIfAny(): void {
    if (this.isEmpty) return;
    const problems = this.problems.toSorted((a, b) => a.line - b.line);
    throw new DataError(problems, problems.length < MOST_PROBLEMS);
  }
}
