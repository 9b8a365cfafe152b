/** Texts that people take with them. */
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button, IconButton } from './button.js';
import styles from './copy.module.css';
import { toast } from './toast.js';

const shownMs = 1600;

function useCopy(text: string) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), shownMs);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = () => {
    // Browsers give it to pages of this machine and of https alone.
    const writing = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
    writing.then(
      () => setCopied(true),
      () => toast.error('The browser does not let this page copy. Select the text and copy it yourself.'),
    );
  };
  return { isCopied, copy };
}

interface CopyProps {
  readonly text: string;
  /** What is copied, such as `the id`. */
  readonly what: string;
}

export function CopyIcon({ text, what }: CopyProps) {
  const { isCopied, copy } = useCopy(text);
  const label = isCopied ? 'Copied' : `Copy ${what}`;
  return <IconButton isSmall icon={isCopied ? Check : Copy} label={label} onPress={copy} />;
}

export function CopyButton({ text, what }: CopyProps) {
  const { isCopied, copy } = useCopy(text);
  return (
    <Button isSmall icon={isCopied ? Check : Copy} aria-label={`Copy ${what}`} onPress={copy}>
      {isCopied ? 'Copied' : 'Copy'}
    </Button>
  );
}

const [head, tail] = [10, 4];

/** An id short enough to read, such as `ftjob-1a2b…9f0e`. */
export function shortId(id: string): string {
  const kept = id.indexOf('-') + 1 + head - 6;
  return id.length <= kept + tail + 1 ? id : `${id.slice(0, kept)}…${id.slice(-tail)}`;
}

export function Id({ id }: { readonly id: string }) {
  return (
    <span className={styles.id}>
      <code title={id}>{shortId(id)}</code>
      <CopyIcon text={id} what={`the id ${id}`} />
    </span>
  );
}
