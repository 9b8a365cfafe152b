/** Short messages that tell what became of something, and go by themselves. */
import { X } from 'lucide-react';
import { Text } from 'react-aria-components/Text';
import {
  UNSTABLE_Toast as Toast,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components/Toast';
import { IconButton } from './button.js';
import { cx } from './cx.js';
import styles from './toast.module.css';

interface Message {
  readonly text: string;
  readonly isBad: boolean;
}

const queue = new ToastQueue<Message>({ maxVisibleToasts: 3 });
const shownMs = 6000;
/** What went wrong is read more slowly. */
const badMs = 12_000;

export const toast = {
  done: (text: string) => queue.add({ text, isBad: false }, { timeout: shownMs }),
  error: (text: string) => queue.add({ text, isBad: true }, { timeout: badMs }),
};

export function Toasts() {
  return (
    <ToastRegion queue={queue} className={styles.region} aria-label="Messages">
      {({ toast: shown }) => (
        <Toast toast={shown} className={cx(styles.toast, shown.content.isBad && styles.bad)}>
          <ToastContent className={styles.text}>
            <Text slot="title">{shown.content.text}</Text>
          </ToastContent>
          <IconButton slot="close" isSmall icon={X} label="Dismiss" />
        </Toast>
      )}
    </ToastRegion>
  );
}
