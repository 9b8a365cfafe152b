import { expect, it } from 'vitest';
import { modelCard } from './card.js';
import type { Corpus } from './corpus.js';
import { baseModel } from './model.js';
import { pretrainingRecipe } from './recipe.js';
import { bookPackage, bookSources } from './sources.js';

it('the card names every text, the tokens seen and the last loss', () => {
  const sources = bookSources.filter(({ role }) => role === 'base');
  const corpus: Corpus = {
    base: sources.map((source) => ({ source, passages: ['x'.repeat(2000)] })),
    adapter: [],
    'adapter-validation': [],
    control: [],
  };
  const card = modelCard('small', corpus, {
    model: baseModel(),
    recipe: { ...pretrainingRecipe, steps: 100, batchSize: 8, blockLength: 512 },
    readings: [
      { step: 50, trainingLoss: 5.1, heldOutLoss: 5 },
      { step: 100, trainingLoss: 4.6, heldOutLoss: 4.5 },
    ],
    corpusTokens: 204_800,
    machine: 'one machine',
  });
  for (const { title } of sources) expect(card).toContain(`| ${title} |`);
  expect(card).toContain(`${bookPackage.name}@${bookPackage.version}`);
  expect(card).toContain('0.4 million tokens');
  expect(card).toContain('2.0 passes over the text');
  expect(card).toContain('| 100 | 4.500 |');
  expect(card).toContain('Perplexity at the end: 90.0');
});
