/** Markdown as elements of React: nothing of a model's text becomes HTML, and nothing is fetched for it. */
import { lexer, type Token, type Tokens } from 'marked';
import { Fragment, type ReactNode } from 'react';
import { CopyIcon } from '../../ui/copy.js';
import styles from './markdown.module.css';

export default function Markdown({ text }: { readonly text: string }) {
  return <div className={styles.markdown}>{rendered(lexer(text))}</div>;
}

const rendered = (tokens: readonly Token[] | undefined): ReactNode =>
  tokens?.map((token, i) => <Fragment key={i}>{element(token)}</Fragment>);

const isSafe = (address: string) => /^(https?:\/\/|mailto:)/i.test(address);

/** Kinds of the tokens that marked makes; what it may make one day stands as it was written. */
function element(token: Token): ReactNode {
  switch (token.type) {
    case 'space':
    case 'def':
      return null;
    case 'heading':
      // The headings of the page are its own.
      return <p className={styles.heading}>{rendered(token.tokens)}</p>;
    case 'paragraph':
      return <p>{rendered(token.tokens)}</p>;
    case 'text':
      return token.tokens ? rendered(token.tokens) : (token as Tokens.Text).text;
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'strong':
      return <strong>{rendered(token.tokens)}</strong>;
    case 'em':
      return <em>{rendered(token.tokens)}</em>;
    case 'del':
      return <del>{rendered(token.tokens)}</del>;
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br />;
    case 'hr':
      return <hr />;
    case 'code':
      return <Code text={(token as Tokens.Code).text} />;
    case 'blockquote':
      return <blockquote>{rendered(token.tokens)}</blockquote>;
    case 'list':
      return <List list={token as Tokens.List} />;
    case 'table':
      return <Table table={token as Tokens.Table} />;
    case 'link': {
      const { href } = token as Tokens.Link;
      if (!isSafe(href)) return rendered(token.tokens);
      return (
        <a href={href} target="_blank" rel="noreferrer">
          {rendered(token.tokens)}
        </a>
      );
    }
    // An image would be fetched from wherever the model says, and HTML is shown as it is written.
    default:
      return token.raw;
  }
}

function Code({ text }: { readonly text: string }) {
  return (
    <div className={styles.code}>
      <pre tabIndex={0}>{text}</pre>
      <CopyIcon text={text} what="the code" />
    </div>
  );
}

function List({ list: { ordered, start, items } }: { readonly list: Tokens.List }) {
  const shown = items.map(({ tokens, task, checked }, i) => (
    <li key={i}>
      {task && (checked ? '☑ ' : '☐ ')}
      {rendered(tokens.filter(({ type }) => type !== 'checkbox'))}
    </li>
  ));
  return ordered ? <ol start={start === '' ? undefined : start}>{shown}</ol> : <ul>{shown}</ul>;
}

function Table({ table: { header, rows } }: { readonly table: Tokens.Table }) {
  return (
    <section className={styles.table} tabIndex={0} aria-label="Table">
      <table>
        <thead>
          <tr>
            {header.map(({ tokens }, i) => (
              <th key={i} scope="col">
                {rendered(tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, i) => (
            <tr key={i}>
              {cells.map(({ tokens }, k) => (
                <td key={k}>{rendered(tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
