/** The parts that views are built of: heads, cards, facts, what loads, what is not there yet. */
import { ChevronLeft, type LucideIcon } from 'lucide-react';
import { type ReactNode, useId } from 'react';
import { ProgressBar } from 'react-aria-components/ProgressBar';
import { Link } from '../router.js';
import { cx } from './cx.js';
import styles from './layout.module.css';

interface PageHeadProps {
  readonly title: ReactNode;
  /** What the view is for, in a sentence. */
  readonly lead?: ReactNode;
  /** The list that it belongs to. */
  readonly back?: { readonly to: string; readonly name: string };
  readonly actions?: ReactNode;
}

export function PageHead({ title, lead, back, actions }: PageHeadProps) {
  return (
    <div className={styles.head}>
      <div className={styles.titles}>
        {back && (
          <Link to={back.to} className={styles.back}>
            <ChevronLeft size={15} aria-hidden />
            {back.name}
          </Link>
        )}
        <h1>{title}</h1>
        {lead !== undefined && <p className={styles.lead}>{lead}</p>}
      </div>
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}

interface CardProps {
  readonly title?: ReactNode;
  readonly actions?: ReactNode;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}

/** A region of a view, named by its title. */
export function Card({ title, actions, className, children }: CardProps) {
  const id = useId();
  return (
    <section className={cx(styles.card, className)} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <div className={styles.cardHead}>
          <h2 id={id}>{title}</h2>
          {actions !== undefined && <div className={styles.actions}>{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

interface EmptyProps {
  readonly icon: LucideIcon;
  readonly title: string;
  /** What would be here, and how it comes here. */
  readonly children: ReactNode;
  readonly actions?: ReactNode;
}

export function Empty({ icon: Icon, title, children, actions }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <span className={styles.sign}>
        <Icon size={22} aria-hidden />
      </span>
      <h2>{title}</h2>
      <p>{children}</p>
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}

export type Fact = readonly [name: string, value: ReactNode];

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface SkeletonProps {
  /** What is on its way, such as `jobs`. */
  readonly of: string;
  readonly lines?: number;
}

/** Grey lines in the place of what is still being read. */
export function Skeleton({ of, lines = 4 }: SkeletonProps) {
  return (
    <div aria-busy="true">
      <span className="for-readers">Loading {of}…</span>
      {Array.from({ length: lines }, (_, i) => (
        <Bone key={i} line={i} />
      ))}
    </div>
  );
}

const widths = ['92%', '76%', '84%', '60%'];

function Bone({ line }: { readonly line: number }) {
  return <span className={styles.bone} style={{ width: widths[line % widths.length] }} aria-hidden />;
}

interface ProgressProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly tone?: 'ok' | 'bad' | 'idle' | undefined;
  readonly children?: ReactNode;
}

export function Progress({ label, value, max, tone, children }: ProgressProps) {
  return (
    <ProgressBar
      aria-label={label}
      value={value}
      maxValue={Math.max(max, 1e-9)}
      className={cx(styles.progress, tone && styles[tone])}
    >
      {({ percentage = 0 }) => (
        <>
          <div className={styles.bar}>
            <div className={styles.fill} style={{ width: `${percentage}%` }} />
          </div>
          {children !== undefined && <span className={styles.progressText}>{children}</span>}
        </>
      )}
    </ProgressBar>
  );
}

/** Something that is worth knowing and no mistake. */
export function Note({ children }: { readonly children: ReactNode }) {
  return <div className={cx(styles.note, 'warning')}>{children}</div>;
}

export const problemClass = cx(styles.problem, 'problem');
