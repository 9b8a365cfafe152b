import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import Markdown from './markdown.js';

// Buttons know the page that they stand in.
vi.mock('../../ui/copy.js', () => ({ CopyIcon: () => null }));

const shown = (text: string) => renderToStaticMarkup(createElement(Markdown, { text }));

test('lists, code and emphasis become elements', () => {
  expect(shown('1. one\n2. **two**')).toMatch(/<ol[^>]*><li>one<\/li><li><strong>two<\/strong><\/li><\/ol>/);
  expect(shown('```js\na < b\n```')).toMatch(/<pre tabindex="0">a &lt; b<\/pre>/i);
});

test('nothing that a model writes is HTML, runs, or is fetched', () => {
  expect(shown('<img src=x onerror=alert(1)>')).not.toContain('<img');
  expect(shown('![a picture](https://example.com/a.png)')).not.toContain('<img');
  expect(shown('[click](javascript:alert(1))')).not.toMatch(/href|javascript/);
  expect(shown('[a](https://example.com)')).toContain('rel="noreferrer"');
});
