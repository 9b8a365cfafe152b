/** Base models, adapters, checkpoints and mixtures, asked side by side. */
import { useQuery } from '@tanstack/react-query';
import { Box, Code, History, Plus, SquarePen } from 'lucide-react';
import { useEffect, useState } from 'react';
import { modelsQuery } from '../../api/service.js';
import { useMedia } from '../../shell/use-media.js';
import { Button, LinkButton } from '../../ui/button.js';
import { cx } from '../../ui/cx.js';
import { Segments } from '../../ui/field.js';
import { Empty, PageHead, Skeleton } from '../../ui/layout.js';
import { Problem } from '../parts/common.js';
import { columnClass, ColumnView } from './column.js';
import { Composer } from './composer.js';
import { type Mode, mistakesOf, requestOf, type Turn } from './conversation.js';
import { CodeDialog, HistoryDialog } from './dialogs.js';
import { ModelPicker } from './model-picker.js';
import styles from './playground.module.css';
import { SettingsPanel } from './settings-panel.js';
import { baseTarget, maxColumns } from './targets.js';
import { TrainingDialog } from './training-dialog.js';
import { usePlayground } from './use-playground.js';
import { useTargetFacts } from './use-target-facts.js';

const modes = [
  ['chat', 'Chat'],
  ['text', 'Text'],
] as const;

interface Added {
  readonly before: readonly Turn[];
  readonly answer: string;
}

export default function Playground() {
  const models = useQuery(modelsQuery);
  const playground = usePlayground();
  const { columns, settings, isBusy, add } = playground;
  const facts = useTargetFacts(columns.map(({ target }) => target));
  const mode: Mode = playground.mode ?? (facts.every(({ canChat }) => canChat) ? 'chat' : 'text');
  const [text, setText] = useState('');
  const [open, setOpen] = useState<'picker' | 'code' | 'history' | null>(null);
  const [added, setAdded] = useState<Added | null>(null);
  const isWide = useMedia('(min-width: 1200px)');
  const first = models.data?.find(({ kind }) => kind === 'base')?.id;
  useEffect(() => {
    if (columns.length === 0 && first !== undefined) add(baseTarget(first));
    // It is added once; whoever removes a column leaves another.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [columns.length, first]);
  const close = () => setOpen(null);
  const hasMistake = Object.values(mistakesOf(settings)).some((mistake) => mistake !== undefined);
  const canSend = !isBusy && !hasMistake && columns.length > 0 && text.trim() !== '';
  const send = () => {
    playground.ask(text, mode, facts);
    if (mode === 'chat') setText('');
  };
  const isAsked = columns.some(({ turns }) => turns.length > 0);
  const requests = columns.flatMap(({ target, turns }, i) => {
    const { base, label } = facts[i]!;
    if (base === null) return [];
    const asked = turns.at(-1)?.role === 'assistant' ? turns.slice(0, -1) : turns;
    const shown: readonly Turn[] = asked.length > 0 ? asked : [{ role: 'user', content: text }];
    return [{ label, request: requestOf(mode, target, base, settings, shown) }];
  });
  return (
    <>
      <PageHead
        title="Playground"
        actions={
          <>
            <Segments label="Mode" value={mode} options={modes} onChange={playground.setMode} />
            <Button icon={SquarePen} isDisabled={!isAsked} onPress={playground.clear}>
              New
            </Button>
            <Button icon={History} onPress={() => setOpen('history')}>
              History
            </Button>
            <Button icon={Code} isDisabled={requests.length === 0} onPress={() => setOpen('code')}>
              Code
            </Button>
          </>
        }
      />
      <Problem error={models.error} />
      {columns.length === 0 && models.isPending && <Skeleton of="the models" />}
      {columns.length === 0 && models.data && first === undefined && <NoModels />}
      {columns.length > 0 && (
        <div className={cx(styles.layout, columns.length > 2 && styles.stacked)}>
          <details className={styles.settings} open={isWide && columns.length <= 2}>
            <summary>Settings</summary>
            <SettingsPanel mode={mode} settings={settings} onChange={playground.setSettings} />
          </details>
          <div className={styles.talk}>
            <div className={columnClass(columns.length)}>
              {columns.map((column, i) => (
                <ColumnView
                  key={column.key}
                  place={i + 1}
                  target={column.target}
                  turns={column.turns}
                  facts={facts[i]!}
                  mode={mode}
                  isBusy={isBusy}
                  onTarget={(target) => playground.setTarget(column.key, target)}
                  onRemove={columns.length > 1 ? () => playground.remove(column.key) : undefined}
                  onAskAgain={() => playground.askAgain(column, mode, facts[i]!)}
                  onAddToData={(before, answer) => setAdded({ before, answer })}
                />
              ))}
            </div>
            {!isAsked && <Samples prompts={facts.flatMap(({ prompts }) => prompts)} onPick={setText} />}
            <output className="for-readers">
              {isBusy ? 'Answering…' : isAsked ? 'All answers are there.' : ''}
            </output>
            <div className={styles.bottom}>
              <Composer
                mode={mode}
                text={text}
                isBusy={isBusy}
                canSend={canSend}
                onText={setText}
                onSend={send}
                onStop={playground.stop}
              />
              {columns.length < maxColumns && (
                <Button isSmall icon={Plus} isDisabled={isBusy} onPress={() => setOpen('picker')}>
                  Add a model
                </Button>
              )}
            </div>
          </div>
        </div>
      )}
      <ModelPicker isOpen={open === 'picker'} onClose={close} onPick={add} />
      {open === 'code' && <CodeDialog requests={requests} onClose={close} />}
      {open === 'history' && <HistoryDialog onOpen={playground.open} onClose={close} />}
      {added && (
        <TrainingDialog mode={mode} system={settings.system} {...added} onClose={() => setAdded(null)} />
      )}
    </>
  );
}

const maxSamples = 4;

interface SamplesProps {
  /** As jobs name them: texts, or turns of a conversation. */
  readonly prompts: readonly unknown[];
  readonly onPick: (text: string) => void;
}

function Samples({ prompts, onPick }: SamplesProps) {
  const texts = prompts.map((prompt) => {
    const last: unknown = Array.isArray(prompt) ? prompt.at(-1) : prompt;
    if (typeof last === 'string') return last;
    return typeof last === 'object' && last !== null && 'content' in last ? last.content : null;
  });
  const shown = [...new Set(texts)].filter((text) => typeof text === 'string').slice(0, maxSamples);
  if (shown.length === 0) return null;
  return (
    <div className={styles.samples}>
      {shown.map((text) => (
        <Button key={text} isSmall onPress={() => onPick(text)}>
          {text}
        </Button>
      ))}
    </div>
  );
}

function NoModels() {
  return (
    <Empty
      icon={Box}
      title="No models yet"
      actions={
        <LinkButton to="/models" look="primary">
          Models
        </LinkButton>
      }
    >
      Add a base model, and talk to it here.
    </Empty>
  );
}
