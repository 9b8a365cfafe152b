/** The corpus: every source cleaned and cut into passages, sorted by what it is used for. */
import { cleanParagraphs } from './clean.js';
import { loadPackage, readPackageText } from './packages.js';
import { buildPassages } from './passages.js';
import {
  bookPackage,
  bookSources,
  speechPackage,
  speechSources,
  type TextRole,
  type TextSource,
} from './sources.js';

/** Longest passage in characters: about 470 tokens of the base text, so that one fits a block of 512. */
export const basePassageCharacters = 1600;
/** Longest passage of the quickstart's files: 256 tokens at most, so that one fits a block of 256. */
export const quickstartPassageCharacters = 600;

export interface CorpusText {
  readonly source: TextSource;
  readonly passages: readonly string[];
}

export type Corpus = Readonly<Record<TextRole, readonly CorpusText[]>>;

/** Cuts one source into passages of the length its role asks for. */
export function prepareText(source: TextSource, raw: string): CorpusText {
  const limit = source.role === 'base' ? basePassageCharacters : quickstartPassageCharacters;
  return { source, passages: buildPassages(cleanParagraphs(raw, source.form, source.section), limit) };
}

/** Reads all sources; their tarballs are kept in `cacheFolder`. */
export function loadCorpus(cacheFolder: string): Corpus {
  const books = loadPackage(bookPackage, cacheFolder);
  const speeches = loadPackage(speechPackage, cacheFolder);
  const texts = [
    ...bookSources.map((source) => prepareText(source, readPackageText(books, source.path))),
    ...speechSources([...speeches.keys()]).map((source) =>
      prepareText(source, readPackageText(speeches, source.path)),
    ),
  ];
  const withRole = (role: TextRole): CorpusText[] => texts.filter((text) => text.source.role === role);
  return {
    base: withRole('base'),
    adapter: withRole('adapter'),
    'adapter-validation': withRole('adapter-validation'),
    control: withRole('control'),
  };
}
