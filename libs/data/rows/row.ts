/** Typed rows: what is learned from, whatever format it was read from. */
import type { TrainingMessage } from '#data/chat.js';

/** A conversation; the assistant's turns are learned. */
export interface ChatRow {
  readonly kind: 'chat';
  readonly messages: readonly TrainingMessage[];
  readonly tools?: readonly unknown[];
}

/** A text and how it goes on; only the completion is learned. */
export interface CompletionRow {
  readonly kind: 'completion';
  readonly prompt: string;
  readonly completion: string;
}

/** A text, all of which is learned. */
export interface TextRow {
  readonly kind: 'text';
  readonly text: string;
}

/** Two answers to one prompt, each a row of its own of which only the answer is learned. */
export interface PreferenceRow {
  readonly kind: 'preference';
  readonly chosen: ChatRow | CompletionRow;
  readonly rejected: ChatRow | CompletionRow;
}

/** A text, or a pair of texts, and the class that it belongs to. */
export interface LabelledRow {
  readonly kind: 'labelled';
  readonly text: string;
  readonly pair?: string;
  /** The name of the class, or its number in digits. */
  readonly label: string;
}

/** An image and the class that it belongs to. */
export interface ImageRow {
  readonly kind: 'image';
  /** The file, whatever its format. */
  readonly file: Uint8Array;
  /** The name of the class, or its number in digits. */
  readonly label: string;
}

export type Row = ChatRow | CompletionRow | TextRow | PreferenceRow | LabelledRow | ImageRow;
/** Rows that become tokens. */
export type TextualRow = Exclude<Row, ImageRow>;
export type RowKind = Row['kind'];

export const rowKinds = [
  'chat',
  'completion',
  'text',
  'preference',
  'labelled',
  'image',
] as const satisfies readonly RowKind[];

/** A row and the line it stands on. */
export interface NumberedRow {
  readonly line: number;
  readonly row: Row;
}
