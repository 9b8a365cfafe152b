/** Which classes a model learns to tell apart. */
import { listed } from '#base/quote.js';
import { LowrankError } from '#base/errors.js';
import { ClassNames, sortedNames } from '#data/class-names.js';
import type { ModelFolder } from '#models/model-folder.js';
import { trainedClasses } from '#models/with-classes.js';
import type { ClassCounts } from '#training/class-survey.js';
import { maxClasses } from '#training/objectives/declared/classification.js';

export interface ClassSources {
  readonly base: ModelFolder;
  /** As the method names them. */
  readonly named: readonly string[] | null;
  /** Of the adapter that training goes on from. */
  readonly ofAdapter: readonly string[] | undefined;
  /** Of the training data; undefined where nobody has looked. */
  readonly found: ClassCounts | undefined;
  /** Whether only the beginning of the data was looked at, and rows of other classes may follow. */
  readonly isPart?: boolean;
}

/**
 * The names of the classes in their order: those of the adapter to go on with; else as the method names them; else those of
 * the model's own head if the data have no others; else those of the data, numbers by size and texts by their characters.
 *
 * Throws LowrankError `classes_invalid` for data of one class only, of too many, or of others than an adapter has.
 */
export function chooseClasses({ base, named, ofAdapter, found, isPart }: ClassSources): readonly string[] {
  if (ofAdapter && named && ofAdapter.join('\n') !== named.join('\n')) {
    throw invalid(
      'method',
      `the adapter to go on with tells ${listed(ofAdapter, 10)} apart, in this order: leave labels out, or start a new adapter`,
    );
  }
  const twice = named?.find((name, i) => named.indexOf(name) < i);
  if (twice !== undefined) {
    throw invalid(
      'method',
      `the labels name ${JSON.stringify(twice)} twice: every class needs a name of its own`,
    );
  }
  const own = trainedClasses(base);
  const isAll = (names: readonly string[]) => {
    const classes = new ClassNames(names);
    return [...(found?.keys() ?? [])].every((label) => classes.find(label) !== undefined);
  };
  const chosen = ofAdapter ?? named ?? (own && isAll(own) ? own : sortedNames(found?.keys() ?? ['0', '1']));
  if (found) checkFound(found, chosen, isPart);
  return chosen;
}

function checkFound(found: ClassCounts, chosen: readonly string[], isPart = false): void {
  if (found.size === 1 && !isPart) {
    const [only] = found.keys();
    throw invalid(
      'training_file',
      `every row has the class ${JSON.stringify(only)}: there is nothing to tell apart. Add rows of other classes`,
    );
  }
  if (chosen.length <= maxClasses) return;
  throw invalid(
    'training_file',
    `the rows have ${chosen.length} classes, such as ${listed(chosen, 5)}; at most ${maxClasses} are told apart. Check the field "label"`,
  );
}

function invalid(field: string, problem: string): LowrankError {
  return new LowrankError('classes_invalid', problem, { details: { field } });
}
