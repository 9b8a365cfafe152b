/** The job of the form as text to copy. */
import { type KeyboardEvent, useRef, useState } from 'react';
import type { Snippet } from './job-snippets.js';

export function Snippets({ snippets }: { readonly snippets: readonly Snippet[] }) {
  const [shown, setShown] = useState(0);
  const [copied, setCopied] = useState('');
  const tabs = useRef<(HTMLButtonElement | null)[]>([]);
  const text = snippets[shown]!.text;
  const show = (index: number) => {
    const next = (index + snippets.length) % snippets.length;
    setShown(next);
    setCopied('');
    tabs.current[next]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowLeft: shown - 1,
      ArrowRight: shown + 1,
      Home: 0,
      End: snippets.length - 1,
    };
    const next = moves[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  };
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied('Copied.'),
      () => setCopied('The browser does not allow it: select the text and copy it.'),
    );
  return (
    <section className="snippets" aria-labelledby="snippets-title">
      <h2 id="snippets-title">The same job elsewhere</h2>
      <div className="line">
        <div role="tablist" aria-label="Ways to make the job" className="tabs">
          {snippets.map(({ name }, i) => (
            <button
              key={name}
              ref={(element) => {
                tabs.current[i] = element;
              }}
              type="button"
              role="tab"
              id={`snippet-tab-${i}`}
              aria-controls="snippet-text"
              aria-selected={i === shown}
              tabIndex={i === shown ? 0 : -1}
              onClick={() => show(i)}
              onKeyDown={onKeyDown}
            >
              {name}
            </button>
          ))}
        </div>
        {navigator.clipboard && (
          <button type="button" onClick={() => void copy()}>
            Copy
          </button>
        )}
        <output className="muted">{copied}</output>
      </div>
      <pre id="snippet-text" role="tabpanel" aria-labelledby={`snippet-tab-${shown}`} tabIndex={0}>
        {text}
      </pre>
    </section>
  );
}
