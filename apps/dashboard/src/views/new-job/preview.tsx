/** The rows of a file as the model reads them. */
import { Fragment } from 'react';
import type { PlannedData } from '#contracts/http/plans.js';
import { Histogram } from '../../charts/histogram.js';
import { whole } from '../../format.js';
import { cx } from '../../ui/cx.js';
import { Note } from '../../ui/layout.js';
import styles from './new-job.module.css';

export function Preview({ data }: { readonly data: PlannedData }) {
  const { lengths, block_length: block, truncated_examples: cut, dropped_examples: dropped } = data;
  const isLost = cut + dropped > 0;
  const lost = [
    ...(cut > 0 ? [`${whole(cut)} rows are longer and lose their end`] : []),
    ...(dropped > 0
      ? [`${whole(dropped)} are left out because nothing is learned from their beginning`]
      : []),
  ];
  if (lost.length === 0 && lengths.max > block) lost.push('longer rows continue in another block');
  const label =
    `Rows have ${whole(lengths.min)} to ${whole(lengths.max)} tokens, half of them ${whole(lengths.median)} or fewer. ` +
    `A block holds ${whole(block)}${lost.length > 0 ? `: ${lost.join(', ')}` : ''}.`;
  return (
    <section aria-label="Preview">
      <h3>
        First rows, as the model reads them. <mark>Highlighted</mark> text is what it learns.
      </h3>
      <Examples examples={data.shown_examples} />
      <h3>Length of the rows</h3>
      <Histogram counts={lengths.counts} width={lengths.width} cut={block} label={label} />
      {isLost ? <Note>{label}</Note> : <p className={styles.hint}>{label}</p>}
    </section>
  );
}

function Examples({ examples }: { readonly examples: PlannedData['shown_examples'] }) {
  return examples.map(({ line, tokens, shown_tokens: shown, label: named, pieces }, i) => (
    <details key={line} open={i === 0}>
      <summary>
        Line {whole(line)}, {whole(tokens)} tokens{shown < tokens && `, the first ${whole(shown)} shown`}
      </summary>
      <p className={cx(styles.example, 'example')}>
        {pieces.map(({ text, trained, sequence }, j) => (
          <Fragment key={j}>
            {sequence !== pieces[j - 1]?.sequence && (
              <b>
                {j > 0 && '\n'}
                {sequence}:{' '}
              </b>
            )}
            {trained ? <mark>{text}</mark> : <span>{text}</span>}
          </Fragment>
        ))}
        {named !== null && (
          <>
            {' → '}
            <mark>{named}</mark>
          </>
        )}
      </p>
    </details>
  ));
}
