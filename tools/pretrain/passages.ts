/** Passages: runs of whole paragraphs short enough to be one training example. */

/** Sentences of a paragraph, each with the space before it cut off. */
function sentences(paragraph: string): string[] {
  return paragraph.split(/(?<=[.!?;]["')]?) (?=\S)/);
}

/** Pieces of at most `maxCharacters`: whole sentences, or words of a sentence that alone is longer. */
function splitParagraph(paragraph: string, maxCharacters: number): string[] {
  if (paragraph.length <= maxCharacters) return [paragraph];
  const units = paragraph.includes('\n') ? paragraph.split('\n') : sentences(paragraph);
  const joint = paragraph.includes('\n') ? '\n' : ' ';
  const words = units.flatMap((unit) => (unit.length <= maxCharacters ? [unit] : unit.split(' ')));
  return joinWhileShort(words, joint, maxCharacters);
}

function joinWhileShort(parts: readonly string[], joint: string, maxCharacters: number): string[] {
  const joined: string[] = [];
  let current = '';
  for (const part of parts) {
    if (current === '') current = part;
    else if (current.length + joint.length + part.length <= maxCharacters) current += joint + part;
    else {
      joined.push(current);
      current = part;
    }
  }
  if (current !== '') joined.push(current);
  return joined;
}

/** The paragraphs as passages of at most `maxCharacters`, in order, a blank line between paragraphs. */
export function buildPassages(paragraphs: readonly string[], maxCharacters: number): string[] {
  const pieces = paragraphs.flatMap((paragraph) => splitParagraph(paragraph, maxCharacters));
  return joinWhileShort(pieces, '\n\n', maxCharacters);
}
