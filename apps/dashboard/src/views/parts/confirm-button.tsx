/** A button whose deed cannot be undone: it asks first. */
import { type ReactNode, useId, useRef } from 'react';

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
  const dialog = useRef<HTMLDialogElement>(null);
  const text = useId();
  const close = () => dialog.current?.close();
  return (
    <>
      <button type="button" aria-label={label} onClick={() => dialog.current?.showModal()}>
        {children}
      </button>
      <dialog ref={dialog} aria-labelledby={text}>
        <p id={text}>{question}</p>
        <div className="actions">
          <button type="button" autoFocus onClick={close}>
            Keep it
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => {
              close();
              onConfirm();
            }}
          >
            {deed}
          </button>
        </div>
      </dialog>
    </>
  );
}
