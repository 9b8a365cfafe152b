/** Where the prompt is written. */
import { ArrowUp, Square } from 'lucide-react';
import { type KeyboardEvent, type SubmitEvent, useRef } from 'react';
import { TextArea } from 'react-aria-components/TextArea';
import { Button } from '../../ui/button.js';
import type { Mode } from './conversation.js';
import styles from './playground.module.css';

interface ComposerProps {
  readonly mode: Mode;
  readonly text: string;
  readonly isBusy: boolean;
  readonly canSend: boolean;
  readonly onText: (text: string) => void;
  readonly onSend: () => void;
  readonly onStop: () => void;
}

export function Composer({ mode, text, isBusy, canSend, onText, onSend, onStop }: ComposerProps) {
  const form = useRef<HTMLFormElement>(null);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (canSend) onSend();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // A text has line breaks more often than a message.
    const isSend = mode === 'chat' ? !event.shiftKey : event.ctrlKey || event.metaKey;
    if (event.key !== 'Enter' || !isSend || event.nativeEvent.isComposing) return;
    event.preventDefault();
    form.current?.requestSubmit();
  };
  return (
    <form ref={form} className={styles.composer} onSubmit={submit}>
      <TextArea
        className={styles.prompt}
        aria-label={mode === 'chat' ? 'Message' : 'Prompt'}
        placeholder={mode === 'chat' ? 'Write a message…' : 'Begin a text…'}
        rows={mode === 'chat' ? 2 : 4}
        value={text}
        onChange={({ target }) => onText(target.value)}
        onKeyDown={onKeyDown}
      />
      <div className={styles.send}>
        <small>
          {mode === 'chat' ? 'Enter sends, Shift+Enter starts a new line.' : 'Ctrl+Enter generates.'}
        </small>
        {isBusy ? (
          <Button icon={Square} onPress={onStop}>
            Stop
          </Button>
        ) : (
          <Button type="submit" look="primary" icon={ArrowUp} isDisabled={!canSend}>
            {mode === 'chat' ? 'Send' : 'Generate'}
          </Button>
        )}
      </div>
    </form>
  );
}
