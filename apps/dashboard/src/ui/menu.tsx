/** Deeds and places behind one button. */
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Menu as AriaMenu, MenuItem, MenuTrigger, Popover } from 'react-aria-components/Menu';
import { cx } from './cx.js';
import styles from './field.module.css';

export interface MenuEntry {
  readonly id: string;
  readonly name: string;
  readonly icon?: LucideIcon;
  /** Whether something is lost by it. */
  readonly isLoss?: boolean;
  readonly isDisabled?: boolean;
  readonly onAction: () => void;
}

interface MenuProps {
  readonly label: string;
  /** The button. */
  readonly children: ReactNode;
  readonly entries: readonly MenuEntry[];
  readonly isOpenAtFirst?: boolean;
}

export function Menu({ label, children, entries, isOpenAtFirst }: MenuProps) {
  return (
    <MenuTrigger defaultOpen={isOpenAtFirst}>
      {children}
      <Popover className={styles.popover}>
        <AriaMenu aria-label={label} className={styles.list}>
          {entries.map(({ id, name, icon: Icon, isLoss, isDisabled, onAction }) => (
            <MenuItem
              key={id}
              id={id}
              textValue={name}
              isDisabled={isDisabled}
              onAction={onAction}
              className={cx(styles.option, styles.item, isLoss && styles.lost)}
            >
              {Icon && <Icon size={15} aria-hidden />}
              {name}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
