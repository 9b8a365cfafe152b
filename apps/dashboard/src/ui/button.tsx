/** What is pressed: buttons, and links that look like them. */
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';
import { Tooltip, TooltipTrigger } from 'react-aria-components/Tooltip';
import { Link } from '../router.js';
import styles from './button.module.css';
import { cx } from './cx.js';

interface Look {
  /** `primary` for the one thing that a view is for; `quiet` without a border. */
  readonly look?: 'primary' | 'quiet' | 'danger';
  readonly isSmall?: boolean;
  readonly icon?: LucideIcon;
}

const classesOf = ({ look, isSmall }: Look, more?: string | false) =>
  cx(styles.button, look && styles[look], isSmall && styles.small, more);

function Face({ icon: Icon, children }: { readonly icon?: LucideIcon; readonly children?: ReactNode }) {
  return (
    <>
      {Icon && <Icon size={16} strokeWidth={2} aria-hidden />}
      {children}
    </>
  );
}

type ButtonProps = Omit<AriaButtonProps, 'className' | 'children'> & Look & { readonly children: ReactNode };

export function Button({ look, isSmall, icon, children, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} className={classesOf({ look, isSmall })}>
      <Face icon={icon}>{children}</Face>
    </AriaButton>
  );
}

interface LinkButtonProps extends Look {
  readonly to: string;
  readonly children: ReactNode;
}

export function LinkButton({ to, look, isSmall, icon, children }: LinkButtonProps) {
  return (
    <Link to={to} className={classesOf({ look, isSmall })}>
      <Face icon={icon}>{children}</Face>
    </Link>
  );
}

type IconButtonProps = Omit<AriaButtonProps, 'className' | 'children'> &
  Look & {
    readonly icon: LucideIcon;
    /** What it does: told to screen readers, and shown beside the pointer. */
    readonly label: string;
  };

export function IconButton({ look = 'quiet', isSmall, icon: Icon, label, ...rest }: IconButtonProps) {
  return (
    <TooltipTrigger delay={500}>
      <AriaButton {...rest} aria-label={label} className={classesOf({ look, isSmall }, styles.icon)}>
        <Icon size={isSmall ? 15 : 17} strokeWidth={2} aria-hidden />
      </AriaButton>
      <Tooltip className={styles.tip} offset={6}>
        {label}
      </Tooltip>
    </TooltipTrigger>
  );
}
