/** Several adapters of one base model added up to one, with sliders. */
import { useQueryClient } from '@tanstack/react-query';
import { MessageSquare } from 'lucide-react';
import { useRef, useState } from 'react';
import type { CompositionObject } from '#contracts/http/compositions.js';
import { compositionList } from '../../api/compositions.js';
import { usePages } from '../../api/use-pages.js';
import { Link } from '../../router.js';
import { LinkButton } from '../../ui/button.js';
import { Card, PageHead } from '../../ui/layout.js';
import { Problem } from '../parts/common.js';
import styles from './compose.module.css';
import { ComposeAnswers } from './compose-answers.js';
import { ComposeConflicts } from './compose-conflicts.js';
import { ComposeCurve } from './compose-curve.js';
import { ComposeForm } from './compose-form.js';
import { ComposeMembers } from './compose-members.js';
import { ComposePicker } from './compose-picker.js';
import { ComposePublish } from './compose-publish.js';
import { bodyOf, type Form, keyOf, type Member } from './compose-recipe.js';
import { ComposeModules } from './compose-modules.js';
import { ComposeReport } from './compose-report.js';
import { Compositions } from './compositions.js';
import { isAtWork, TaskProgress } from '../parts/task-progress.js';
import { queryOfTargets } from '../playground/targets.js';
import { useReport, useStack } from './use-composition.js';
import { type MemberFacts, useMembers } from './use-members.js';
import { useRecipe } from './use-recipe.js';

const recentCount = 10;
const lookEveryMs = 700;

export default function Compose() {
  const [recipe, change] = useRecipe();
  const { members, form } = recipe;
  const states = useMembers(members);
  const { stack, error } = useStack(recipe);
  const preview = useReport(recipe, stack !== null);
  const [isAdding, setAdding] = useState(members.length < 2);
  const heading = useRef<HTMLHeadingElement>(null);
  const [published, setPublished] = useState<CompositionObject | null>(null);
  const compositions = usePages(compositionList, recentCount, (shown) =>
    shown.some(isAtWork) ? lookEveryMs : 0,
  );

  const queries = useQueryClient();
  const setMembers = (next: readonly Member[]) => change((old) => ({ ...old, members: next }));
  const facts = members.map((member) => factsOf(states.get(keyOf(member))));
  const weights = members.map(({ weight }) => weight);
  const labels = members.map(({ id }, i) => facts[i]?.label ?? id);
  const model = facts.find((one) => one !== null)?.model ?? null;
  const isReady = stack !== null && preview.report !== null && !preview.isOld;
  const news = compositions.items?.find(({ id }) => id === published?.id) ?? published;
  const report = preview.report;
  const setForm = (next: Form) => change((old) => ({ ...old, form: next }));
  return (
    <>
      <PageHead
        title="Compose"
        lead={
          <>
            Adds several adapters of one base model up to one. A negative weight takes an adapter’s influence
            away.{' '}
            <span className={styles.formula}>
              ΔW = w<sub>1</sub>·scale<sub>1</sub>·B<sub>1</sub>A<sub>1</sub> + w<sub>2</sub>·scale
              <sub>2</sub>
              ·B<sub>2</sub>A<sub>2</sub> + …
            </span>
          </>
        }
        actions={
          members.length > 0 &&
          model !== null && (
            <LinkButton to={`/playground${queryOfTargets([{ base: null, members }])}`} icon={MessageSquare}>
              Try this mixture in the playground
            </LinkButton>
          )
        }
      />
      <div className={styles.columns}>
        <section aria-labelledby="members" className={styles.panel}>
          <h2 id="members" ref={heading} tabIndex={-1}>
            Members{model !== null && ` of ${model}`}
          </h2>
          {members.length > 0 && (
            <ComposeMembers
              members={members}
              states={states}
              stack={stack}
              onChange={setMembers}
              onRemove={(member) => {
                setMembers(members.filter((one) => one !== member));
                // The button that had the focus goes with its member.
                heading.current?.focus();
              }}
            />
          )}
          <details open={isAdding} onToggle={({ currentTarget }) => setAdding(currentTarget.open)}>
            <summary>Add {members.length === 0 ? 'the first' : 'another'} member</summary>
            <ComposePicker
              members={members}
              model={members.length === 0 ? null : model}
              onAdd={(member) => change((old) => ({ ...old, members: [...old.members, member] }))}
            />
          </details>
        </section>
        <Card title="Result">
          {members.length === 0 ? (
            <p className={styles.hint}>
              Add adapters to see what their sum keeps: energy, error, rank and size, before anything is made.
            </p>
          ) : (
            <>
              <ComposeForm form={form} stackRank={stack?.rank ?? null} onChange={setForm} />
              <Problem error={error} />
              {!error && <ComposeReport preview={preview} weights={weights} />}
              {report && (
                <ComposeCurve
                  energies={report.energy_by_rank}
                  rank={form.kind === 'rank' ? form.rank : null}
                  onRank={(rank) => setForm({ kind: 'rank', rank })}
                />
              )}
              <ComposePublish
                body={isReady ? bodyOf(recipe) : null}
                onPublished={(composition) => {
                  setPublished(composition);
                  void queries.invalidateQueries({ queryKey: compositionList.key });
                }}
              />
              <PublishedNews composition={news} />
            </>
          )}
        </Card>
      </div>
      {report?.conflicts && stack && (
        <ComposeConflicts
          conflicts={report.conflicts}
          labels={report.members.map((_, place) => labels[stack.places.indexOf(place)] ?? '')}
        />
      )}
      {report && stack && <ComposeModules report={report} stack={stack} labels={labels} weights={weights} />}
      {members.length > 0 && model !== null && (
        <ComposeAnswers
          members={members}
          labels={labels}
          model={model}
          facts={facts}
          form={form}
          onChange={setMembers}
        />
      )}
      <Compositions pages={compositions} />
    </>
  );
}

function PublishedNews({ composition }: { readonly composition: CompositionObject | null }) {
  return (
    <div aria-live="polite">
      {composition?.adapter ? (
        <p>
          Published:{' '}
          <Link to={`/adapters/${composition.adapter}`}>{composition.suffix ?? composition.adapter}</Link>
        </p>
      ) : (
        composition && <TaskProgress task={composition} />
      )}
    </div>
  );
}

function factsOf(state: MemberFacts | Error | undefined): MemberFacts | null {
  return state === undefined || state instanceof Error ? null : state;
}
