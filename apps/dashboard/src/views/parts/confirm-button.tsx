/** A button whose deed cannot be undone: it asks first. */
import type { ReactNode } from 'react';
import { Button } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';

interface ConfirmButtonProps {
  readonly children: ReactNode;
  /** What happens, and to what. */
  readonly question: string;
  /** The word on the button that does it. */
  readonly deed: string;
  /** What a screen reader says in place of the children. */
  readonly label?: string;
  readonly onConfirm: () => void;
}

export function ConfirmButton({ children, question, deed, label, onConfirm }: ConfirmButtonProps) {
  return (
    <Confirm title="Are you sure?" question={question} deed={deed} onConfirm={onConfirm}>
      <Button isSmall aria-label={label}>
        {children}
      </Button>
    </Confirm>
  );
}
