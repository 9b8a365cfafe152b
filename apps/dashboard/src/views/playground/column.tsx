/** One model with its conversation. */
import { Database, RefreshCw, X } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { ChevronDown } from 'lucide-react';
import { IconButton } from '../../ui/button.js';
import { CopyIcon } from '../../ui/copy.js';
import { cx } from '../../ui/cx.js';
import { Slider } from '../../ui/field.js';
import { keyOf, rounded } from '../compose/compose-recipe.js';
import { type Answer, type Mode, statsText, type Turn } from './conversation.js';
import { ModelPicker } from './model-picker.js';
import styles from './playground.module.css';
import { isOne, type Target } from './targets.js';
import { TokenList } from './token-list.js';
import type { TargetFacts } from './use-target-facts.js';

const Markdown = lazy(() => import('./markdown.js'));

interface ColumnProps {
  readonly place: number;
  readonly target: Target;
  readonly turns: readonly Turn[];
  readonly facts: TargetFacts;
  readonly mode: Mode;
  readonly isBusy: boolean;
  readonly onTarget: (target: Target) => void;
  /** Undefined for the only column. */
  readonly onRemove: (() => void) | undefined;
  readonly onAskAgain: () => void;
  /** Takes an answer with what was said before it. */
  readonly onAddToData: (before: readonly Turn[], answer: string) => void;
}

export function ColumnView(props: ColumnProps) {
  const { place, target, turns, facts, mode, isBusy, onTarget, onRemove, onAskAgain, onAddToData } = props;
  const [isPicking, setPicking] = useState(false);
  return (
    <article className={styles.column} aria-label={facts.label}>
      <header className={styles.columnHead}>
        <AriaButton className={styles.model} onPress={() => setPicking(true)}>
          <span>
            <span className="for-readers">Model {place}: </span>
            <b>{facts.label}</b>
            <small>{target.base === null ? (facts.base ?? 'loading…') : 'base model'}</small>
          </span>
          <ChevronDown size={16} aria-hidden />
        </AriaButton>
        {onRemove && (
          <IconButton isSmall icon={X} label={`Remove model ${place}: ${facts.label}`} onPress={onRemove} />
        )}
      </header>
      <ModelPicker isOpen={isPicking} onClose={() => setPicking(false)} onPick={onTarget} />
      {target.base === null && !isOne(target) && (
        <Weights target={target} labels={facts.labels} onTarget={onTarget} />
      )}
      {facts.error && (
        <p role="alert" className={styles.error}>
          {facts.error.message}
        </p>
      )}
      <div className={styles.turns}>
        {turns.map((turn, i) =>
          turn.role === 'user' ? (
            mode === 'chat' && (
              <div key={i} className={styles.question}>
                <span className="for-readers">You: </span>
                {turn.content}
              </div>
            )
          ) : (
            <AnswerView
              key={i}
              answer={turn}
              mode={mode}
              before={turns.slice(0, i)}
              canAskAgain={i === turns.length - 1 && !isBusy}
              onAskAgain={onAskAgain}
              onAddToData={() => onAddToData(turns.slice(0, i), turn.content)}
            />
          ),
        )}
      </div>
    </article>
  );
}

interface WeightsProps {
  readonly target: Target;
  readonly labels: readonly string[];
  readonly onTarget: (target: Target) => void;
}

function Weights({ target, labels, onTarget }: WeightsProps) {
  const { members } = target;
  return (
    <div className={styles.weights}>
      {members.map((member, i) => (
        <Slider
          key={keyOf(member)}
          label={`Weight of ${labels[i]}`}
          value={member.weight}
          min={-2}
          max={2}
          step={0.05}
          onChange={(weight) =>
            onTarget({
              ...target,
              members: members.map((old, k) => (k === i ? { ...old, weight: rounded(weight) } : old)),
            })
          }
        />
      ))}
    </div>
  );
}

interface AnswerViewProps {
  readonly answer: Answer;
  readonly mode: Mode;
  readonly before: readonly Turn[];
  readonly canAskAgain: boolean;
  readonly onAskAgain: () => void;
  readonly onAddToData: () => void;
}

function AnswerView({ answer, mode, before, canAskAgain, onAskAgain, onAddToData }: AnswerViewProps) {
  const { content, state, error, stats, finish } = answer;
  const isDone = state === 'done';
  return (
    <div className={styles.answer} aria-busy={!isDone}>
      {answer.tokens ? (
        <TokenList tokens={answer.tokens} label="Tokens of the answer" />
      ) : mode === 'text' ? (
        <p className={styles.plain}>
          <span className={styles.given}>{before.at(-1)?.content}</span>
          {content}
        </p>
      ) : (
        <Suspense fallback={<p className={styles.plain}>{content}</p>}>
          <Markdown text={content} />
        </Suspense>
      )}
      {!isDone && <span className={styles.caret} aria-hidden="true" />}
      {isDone && content === '' && error === null && finish !== 'stopped' && (
        <p className={styles.hint}>An empty answer.</p>
      )}
      {error !== null && (
        <p role="alert" className={styles.error}>
          {error}
        </p>
      )}
      {isDone && (
        <footer className={styles.answerFoot}>
          <small>
            {stats && statsText(stats)}
            {finish !== null && finish !== 'stop' && `; ${endings[finish]}`}
          </small>
          <span className={styles.deeds}>
            {content !== '' && <CopyIcon text={content} what="the answer" />}
            {content !== '' && (
              <IconButton isSmall icon={Database} label="Add to training data" onPress={onAddToData} />
            )}
            {canAskAgain && <IconButton isSmall icon={RefreshCw} label="Answer again" onPress={onAskAgain} />}
          </span>
        </footer>
      )}
    </div>
  );
}

const endings: Readonly<Record<string, string>> = {
  length: 'cut off at the max tokens',
  stopped: 'stopped',
};

export const columnClass = (count: number) => cx(styles.columns, count > 1 && styles.several);
