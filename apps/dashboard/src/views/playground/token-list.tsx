/** An answer token by token, each with its probability and what stood beside it. */
import { type KeyboardEvent, useId, useState } from 'react';
import { percent } from '../../format.js';
import { cx } from '../../ui/cx.js';
import styles from './tokens.module.css';
import type { ScoredToken } from './conversation.js';

interface TokenListProps {
  readonly tokens: readonly ScoredToken[];
  readonly label: string;
}

export function TokenList({ tokens, label }: TokenListProps) {
  const id = useId();
  const [chosen, setChosen] = useState<number | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const shown = tokens[hovered ?? chosen ?? -1];
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Readonly<Record<string, number>> = {
      ArrowRight: (chosen ?? -1) + 1,
      ArrowLeft: (chosen ?? tokens.length) - 1,
      Home: 0,
      End: tokens.length - 1,
    };
    const next = moves[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setChosen(Math.max(0, Math.min(tokens.length - 1, next)));
  };
  return (
    <div>
      <div
        // A list box of the browser's own cannot be a text.
        // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
        role="listbox"
        tabIndex={0}
        aria-label={label}
        aria-activedescendant={chosen === null ? undefined : `${id}-${chosen}`}
        className={styles.tokens}
        onKeyDown={onKeyDown}
        onMouseLeave={() => setHovered(null)}
      >
        {tokens.map((token, i) => (
          // The list has the focus, and its keys choose.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
          <span
            key={i}
            id={`${id}-${i}`}
            // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
            role="option"
            aria-selected={i === chosen}
            className={cx(styles.token, styles[toneOf(token.logprob)], i === chosen && styles.chosen)}
            title={textOf(token)}
            onMouseEnter={() => setHovered(i)}
            onClick={() => setChosen(i)}
          >
            {token.text}
          </span>
        ))}
      </div>
      <p className={styles.reading} aria-live="polite">
        {shown === undefined ? 'Point at a token, or use the arrow keys.' : textOf(shown)}
      </p>
    </div>
  );
}

/** Marked where the model was unsure. */
function toneOf(logprob: number): 'sure' | 'unsure' | 'unlikely' {
  const probability = Math.exp(logprob);
  if (probability >= 0.5) return 'sure';
  return probability >= 0.1 ? 'unsure' : 'unlikely';
}

const scored = ({ text, logprob }: Pick<ScoredToken, 'text' | 'logprob'>) =>
  `${JSON.stringify(text)} ${percent(Math.exp(logprob))}`;

function textOf(token: ScoredToken): string {
  const others = token.top.filter(({ text }) => text !== token.text).map(scored);
  const beside = others.length === 0 ? '' : `; also ${others.join(', ')}`;
  return `${scored(token)} (log-probability ${token.logprob.toFixed(3)})${beside}`;
}
