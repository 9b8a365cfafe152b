/** One prompt, answered side by side while the sliders move. */
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useEffect, useRef, useState } from 'react';
import { modelsQuery } from '../../api/service.js';
import { Button } from '../../ui/button.js';
import { cx } from '../../ui/cx.js';
import { Card } from '../../ui/layout.js';
import { Problem } from '../parts/common.js';
import styles from './compose.module.css';
import { type Form, keyOf, type Member, rounded } from './compose-recipe.js';
import { NumberSlider } from './number-slider.js';
import { type Answer, type Prompt, type Turn, useAnswers } from './use-answers.js';
import type { MemberFacts } from './use-members.js';

interface AnswersProps {
  readonly members: readonly Member[];
  readonly labels: readonly string[];
  readonly facts: readonly (MemberFacts | null)[];
  readonly model: string;
  readonly form: Form;
  readonly onChange: (members: readonly Member[]) => void;
}

/** A prompt survives a reload, but does not travel with the address. */
const keptPrompt = 'lowrank-prompt';
const usualTokens = 60;
const tokenLimit = 1000;

export function ComposeAnswers({ members, labels, facts, model, form, onChange }: AnswersProps) {
  const [asked, setAsked] = useState<Prompt | null>(null);
  const answers = useAnswers(asked, model, members);
  const weigh = (i: number) => (weight: number) =>
    onChange(members.map((member, k) => (k === i ? { ...member, weight: rounded(weight) } : member)));
  return (
    <Card title="Answers side by side">
      <Question model={model} prompts={facts.flatMap((one) => one?.prompts ?? [])} onAsk={setAsked} />
      {answers && (
        <div className={styles.answers}>
          <Column title={`${model}, the base`} answer={answers.base} />
          {members.map((member, i) => (
            <Column key={keyOf(member)} title={`${labels[i]} alone`} answer={answers.members[i]!}>
              <NumberSlider
                label={`Weight of ${labels[i]} in the composition`}
                value={member.weight}
                min={-2}
                max={2}
                step={0.05}
                onChange={weigh(i)}
              />
            </Column>
          ))}
          <Column title="The composition" answer={answers.composition} isMain>
            <small>
              weights {members.map(({ weight }) => weight).join(', ')}
              {form.kind !== 'exact' &&
                '; of the exact sum, from which the published form differs by the error above'}
            </small>
          </Column>
        </div>
      )}
    </Card>
  );
}

interface QuestionProps {
  readonly model: string;
  /** As jobs name their sample prompts. */
  readonly prompts: readonly unknown[];
  readonly onAsk: (prompt: Prompt) => void;
}

function Question({ model, prompts, onAsk }: QuestionProps) {
  const models = useQuery(modelsQuery);
  const [isWanted, setWanted] = useState(true);
  const canChat = models.data?.find(({ id }) => id === model)?.chat ?? false;
  const isChat = canChat && isWanted;
  const [text, setText] = useState(() => sessionStorage.getItem(keptPrompt) ?? '');
  const [before, setBefore] = useState<readonly Turn[]>([]);
  const [maxTokens, setMaxTokens] = useState(usualTokens);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (location.hash === '#answers') field.current?.focus();
  }, []);
  const offered = uniquePrompts(prompts);
  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    sessionStorage.setItem(keptPrompt, text);
    const prompt = isChat ? [...before, { role: 'user' as const, content: text }] : text;
    onAsk({ prompt, maxTokens });
  };
  return (
    <form onSubmit={ask}>
      <label>
        Prompt
        <textarea
          className={styles.input}
          ref={field}
          rows={2}
          required
          value={text}
          onChange={({ target }) => {
            setText(target.value);
            setBefore([]);
          }}
        />
        <small>{!canChat && `${model} has no chat template: it goes on with this text.`}</small>
      </label>
      {offered.length > 0 && (
        <p className={styles.line}>
          <span className={styles.hint}>From the jobs:</span>
          {offered.map((sample) => {
            const turns = typeof sample === 'string' ? [] : sample.slice(0, -1);
            const last = typeof sample === 'string' ? sample : sample.at(-1)!.content;
            return (
              <Button
                key={JSON.stringify(sample)}
                isSmall
                onPress={() => {
                  setText(last);
                  setBefore(turns);
                  setWanted(typeof sample !== 'string');
                }}
              >
                {last}
              </Button>
            );
          })}
        </p>
      )}
      <div className={styles.line}>
        {canChat && (
          <label>
            Answered as{' '}
            <select
              className={styles.input}
              value={isWanted ? 'chat' : 'text'}
              onChange={({ target }) => setWanted(target.value === 'chat')}
            >
              <option value="chat">a turn of a conversation</option>
              <option value="text">a text to go on with</option>
            </select>
          </label>
        )}
        <label>
          Tokens at most{' '}
          <input
            type="number"
            className={styles.number}
            min={1}
            max={tokenLimit}
            required
            value={maxTokens}
            onChange={({ target }) => setMaxTokens(target.valueAsNumber)}
          />
        </label>
        <Button type="submit" look="primary" isDisabled={models.data === undefined}>
          Answer
        </Button>
      </div>
      <Problem error={models.error} />
    </form>
  );
}

const maxOffered = 6;

/** Sample prompts are texts to go on with, or conversations. */
function uniquePrompts(prompts: readonly unknown[]): (string | readonly Turn[])[] {
  const found = new Map<string, string | readonly Turn[]>();
  for (const prompt of prompts) {
    if (typeof prompt === 'string') found.set(prompt, prompt);
    else if (Array.isArray(prompt) && prompt.length > 0 && prompt.every(isTurn)) {
      found.set(JSON.stringify(prompt), prompt);
    }
  }
  return [...found.values()].slice(0, maxOffered);
}

function isTurn(value: unknown): value is Turn {
  return (
    typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string'
  );
}

interface ColumnProps {
  readonly title: string;
  readonly answer: Answer;
  readonly isMain?: boolean;
  readonly children?: ReactNode;
}

function Column({ title, answer, isMain = false, children }: ColumnProps) {
  const { text, state, finish, error } = answer;
  return (
    <article className={cx(styles.answer, isMain && styles.main)} aria-label={title}>
      <h3>{title}</h3>
      {children}
      <p
        className={cx(styles.text, state === 'waiting' && styles.old)}
        aria-live={isMain ? 'polite' : undefined}
        aria-busy={state !== 'done'}
      >
        {text}
        {state === 'writing' && <span aria-hidden="true">▍</span>}
      </p>
      <Problem error={error} />
      <small>{noteOf(answer)}</small>
      {finish === 'length' && state === 'done' && <small>stopped at the token limit</small>}
    </article>
  );
}

function noteOf({ state, text, error }: Answer): string {
  if (state === 'waiting') return text === '' ? 'waiting' : 'asking again';
  if (state === 'writing') return 'writing…';
  return text === '' && !error ? 'an empty answer' : '';
}
