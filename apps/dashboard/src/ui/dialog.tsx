/** Dialogs: one that holds anything, and one that asks before something is lost. */
import type { ReactNode } from 'react';
import { Dialog as AriaDialog, DialogTrigger, Heading } from 'react-aria-components/Dialog';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { Button } from './button.js';
import styles from './dialog.module.css';

interface DialogProps {
  readonly title: string;
  readonly role?: 'dialog' | 'alertdialog';
  /** Controlled by whoever opened it; without it the trigger around it opens it. */
  readonly isOpen?: boolean;
  readonly onOpenChange?: (isOpen: boolean) => void;
  readonly children: (close: () => void) => ReactNode;
}

export function Dialog({ title, role = 'dialog', isOpen, onOpenChange, children }: DialogProps) {
  return (
    <ModalOverlay className={styles.backdrop} isOpen={isOpen} onOpenChange={onOpenChange} isDismissable>
      <Modal className={styles.modal}>
        <AriaDialog className={styles.dialog} role={role}>
          {({ close }) => (
            <>
              <Heading slot="title" level={2}>
                {title}
              </Heading>
              {children(close)}
            </>
          )}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

export function DialogActions({ children }: { readonly children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}

interface ConfirmProps {
  readonly title: string;
  /** What happens. */
  readonly question: ReactNode;
  /** The word on the button that does it, such as `Delete`. */
  readonly deed: string;
  /** The word on the button that does nothing. */
  readonly keep?: string;
  readonly onConfirm: () => void;
}

interface ConfirmDialogProps extends ConfirmProps {
  readonly isOpen?: boolean;
  readonly onOpenChange?: (isOpen: boolean) => void;
}

export function ConfirmDialog({ question, deed, keep = 'Keep it', onConfirm, ...rest }: ConfirmDialogProps) {
  return (
    <Dialog role="alertdialog" {...rest}>
      {(close) => (
        <>
          <div>{question}</div>
          <DialogActions>
            <Button autoFocus onPress={close}>
              {keep}
            </Button>
            <Button
              look="danger"
              onPress={() => {
                close();
                onConfirm();
              }}
            >
              {deed}
            </Button>
          </DialogActions>
        </>
      )}
    </Dialog>
  );
}

/** Asks before the button that stands in it does anything. */
export function Confirm({ children, ...rest }: ConfirmProps & { readonly children: ReactNode }) {
  return (
    <DialogTrigger>
      {children}
      <ConfirmDialog {...rest} />
    </DialogTrigger>
  );
}
