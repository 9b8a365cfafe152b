/** From a text as its data package holds it to paragraphs of plain English: no editorial matter, one way to quote. */
import { LowrankError } from '#base/errors.js';
import type { TextForm, TextSection } from './sources.js';

/** Line ends, spaces, dashes and quotation marks in one spelling, all ASCII where ASCII has the character. */
export function normalizeCharacters(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/``/g, '"')
    .replace(/`/g, "'")
    .replace(/[\u2013\u2014]/g, '--')
    .replace(/\u2011/g, '-')
    .replace(/[\u00a0\t]/g, ' ')
    .replace(/[ ]+$/gm, '');
}

/** Removes the bracketed title line, what an e-text's publisher added at its end, and marks of emphasis. */
export function stripEditorial(text: string): string {
  const end = text.search(/^\s*(?:End of (?:the )?Project Gutenberg|\*\*\* END OF)/im);
  return (end < 0 ? text : text.slice(0, end))
    .replace(/^\s*\[[^\]\n]*\][ ]*\n/, '')
    .replace(/^\s*\[(?:Illustration|The End)[^\]]*\]\s*$/gim, '')
    .replace(/\b_([^_\n]+)_\b/g, '$1')
    .replaceAll('_', '');
}

const firstVerse = /^1:1 /m;

/** Cuts a section out of a text of normalized characters; throws LowrankError when a heading is missing. */
export function cutSection(text: string, { heading, nextHeading }: TextSection): string {
  const lineOf = (line: string, from: number): number => text.indexOf(`\n${line}\n`, from);
  const start = lineOf(heading, 0);
  const end = lineOf(nextHeading, start);
  const section = start < 0 || end < 0 ? '' : text.slice(start, end);
  const verse = section.search(firstVerse);
  if (verse < 0) {
    throw new LowrankError(
      'text_section',
      `no text lies between the headings "${heading}" and "${nextHeading}"`,
    );
  }
  return section.slice(verse);
}

const blankLines = /\n(?:[ ]*\n)+/;

/** One line per paragraph: the printer's line breaks are no part of prose, those of quoted verse are. */
function proseParagraphs(text: string): string[] {
  return text.split(blankLines).map((paragraph) =>
    paragraph
      .trim()
      .replace(/\n[ ]{3,}/g, '\u0000')
      .replace(/\s+/g, ' ')
      .replaceAll('\u0000', '\n'),
  );
}

/** Lines stay lines; a long line's continuation, which is set deeper, joins it. */
function verseParagraphs(text: string): string[] {
  return text.split(blankLines).map((stanza) =>
    stanza
      .replace(/\n[ ]{4,}/g, ' ')
      .split('\n')
      .map((line) => line.trim().replace(/\s+/g, ' '))
      .filter((line) => line !== '')
      .join('\n'),
  );
}

const readers: Readonly<Record<TextForm, (text: string) => string[]>> = {
  prose: proseParagraphs,
  verse: verseParagraphs,
};

/** The cleaned paragraphs of a text or of a section of it, in order, none empty. */
export function cleanParagraphs(raw: string, form: TextForm, section?: TextSection): string[] {
  const text = stripEditorial(normalizeCharacters(raw));
  const part = section === undefined ? text : cutSection(text, section);
  return readers[form](part).filter((paragraph) => paragraph !== '');
}
