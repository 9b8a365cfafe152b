/** What a person should know about rows that can be learned: what of them the model may not see, or does not. */

export type NoteCode =
  | 'hidden_tools'
  | 'hidden_tool_calls'
  | 'hidden_arguments'
  | 'hidden_reasoning'
  | 'hidden_content'
  | 'hidden_field'
  | 'holds_tools'
  | 'holds_tool_calls'
  | 'holds_reasoning'
  | 'holds_field'
  | 'empty_turn';

export interface RowNote {
  readonly code: NoteCode;
  /** The field, or the role, that it is about. */
  readonly subject: string;
}

export interface DataWarning {
  readonly code: string;
  readonly message: string;
}

const messages: Readonly<Record<NoteCode, (rows: string, subject: string) => string>> = {
  hidden_tools: (rows) =>
    `The model's chat template does not show the tools of ${rows}: the model does not see which tools there are.`,
  hidden_tool_calls: (rows) =>
    `The model's chat template does not show tool calls of ${rows}: they are not learned. Use a base model whose ` +
    'template knows tools, or write the calls as text.',
  hidden_arguments: (rows) =>
    `The model's chat template does not show the arguments of tool calls of ${rows}: they are not learned.`,
  hidden_reasoning: (rows) =>
    `The model's chat template does not show the reasoning of messages in ${rows}: it is not learned.`,
  hidden_content: (rows, role) =>
    `The model's chat template does not show what ${role} messages say in ${rows}.`,
  hidden_field: (rows, field) =>
    `The model's chat template does not show the field "${field}" of messages in ${rows}.`,
  holds_tools: (rows) => `${rows} ${hold(rows)} tools. ${onlyIfShown}`,
  holds_tool_calls: (rows) => `${rows} ${hold(rows)} tool calls. ${onlyIfShown}`,
  holds_reasoning: (rows) => `${rows} ${hold(rows)} reasoning. ${onlyIfShown}`,
  holds_field: (rows, field) => `${rows} ${hold(rows)} the field "${field}" in messages. ${onlyIfShown}`,
  empty_turn: (rows) =>
    `An assistant turn of ${rows} is empty as the chat template renders it, and is not trained.`,
};

const onlyIfShown =
  "It is learned only if the base model's chat template shows it; the plan of a job says whether it does.";

function hold(rows: string): string {
  return rows.startsWith('1 of') ? 'holds' : 'hold';
}

/** Fields that are told apart; what is beyond is an odd file. */
const maxSubjects = 50;

/** Counts the rows that notes are about. */
export class NoteCounter {
  private readonly counts = new Map<string, { note: RowNote; rows: number }>();

  /** Adds the notes of one row. */
  add(notes: readonly RowNote[] = []): void {
    const unique = new Map(notes.map((note) => [`${note.code} ${note.subject}`, note]));
    for (const [key, note] of unique) {
      const count = this.counts.get(key);
      if (count) count.rows++;
      else if (this.counts.size < maxSubjects) this.counts.set(key, { note, rows: 1 });
    }
  }

  /** A warning for each kind of note; of the first rows only, where not all of a file was looked at. */
  warnings(rows: number, { isPart = false }: { isPart?: boolean } = {}): DataWarning[] {
    const total = `${isPart ? 'the first ' : ''}${rows} ${rows === 1 ? 'row' : 'rows'}`;
    return [...this.counts.values()].map(({ note, rows: count }) => ({
      code: note.code,
      message: messages[note.code](`${count} of ${total}`, note.subject),
    }));
  }
}

/** Warnings of fields of rows that nothing reads. */
export function warnOfUnknownFields(fields: Readonly<Record<string, number>>): DataWarning[] {
  return Object.entries(fields).map(([field, rows]) => ({
    code: 'unknown_field',
    message: `The field "${field}" of ${rows} rows is not read.`,
  }));
}

/** Why a row has no token to learn, and what to do. */
export function explainNothingToLearn(notes: readonly RowNote[] = []): string {
  if (notes.some(({ code }) => code === 'hidden_tool_calls')) {
    return (
      "the model's chat template does not show tool calls, so nothing of the row is left to learn. Use a base model " +
      'whose template knows tools, or remove the line.'
    );
  }
  if (notes.some(({ code }) => code === 'empty_turn')) {
    return "the model's chat template shows nothing of the assistant's turns. Use another base model, or remove the line.";
  }
  return 'the row has no token to learn. Add text to it, or remove the line.';
}
