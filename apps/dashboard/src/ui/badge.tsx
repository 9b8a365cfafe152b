/** A state in a word, a colour and a sign. */
import {
  Ban,
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CirclePause,
  LoaderCircle,
  type LucideIcon,
} from 'lucide-react';
import type { ReactNode } from 'react';
import type { JobStatus } from '#contracts/http/jobs.js';
import styles from './badge.module.css';
import { cx } from './cx.js';

export type Tone = 'ok' | 'bad' | 'warn' | 'info' | 'idle';

interface BadgeProps {
  readonly tone: Tone;
  readonly icon?: LucideIcon;
  /** Whether the icon turns, as a sign of work. */
  readonly isTurning?: boolean;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Badge({ tone, icon: Icon, isTurning, className, children }: BadgeProps) {
  return (
    <span className={cx(styles.badge, styles[tone], isTurning && styles.turns, className)}>
      {Icon && <Icon size={13} strokeWidth={2.4} aria-hidden />}
      {children}
    </span>
  );
}

type State = JobStatus | 'cancelling' | 'pausing';

export const stateNames: Readonly<Record<State, string>> = {
  validating_files: 'Checking files',
  queued: 'Queued',
  running: 'Running',
  paused: 'Paused',
  succeeded: 'Succeeded',
  failed: 'Failed',
  cancelled: 'Cancelled',
  cancelling: 'Cancelling',
  pausing: 'Pausing',
};

const looks: Readonly<Record<State, { tone: Tone; icon: LucideIcon }>> = {
  validating_files: { tone: 'info', icon: LoaderCircle },
  queued: { tone: 'idle', icon: CircleDashed },
  running: { tone: 'info', icon: LoaderCircle },
  paused: { tone: 'warn', icon: CirclePause },
  succeeded: { tone: 'ok', icon: CircleCheck },
  failed: { tone: 'bad', icon: CircleAlert },
  cancelled: { tone: 'idle', icon: Ban },
  cancelling: { tone: 'warn', icon: LoaderCircle },
  pausing: { tone: 'warn', icon: LoaderCircle },
};

interface StatusBadgeProps {
  readonly status: State;
}

/** The state of a job, a composition or an export. */
export function StatusBadge({ status }: StatusBadgeProps) {
  const { tone, icon } = looks[status];
  return (
    <Badge tone={tone} icon={icon} isTurning={icon === LoaderCircle} className={`status ${status}`}>
      {stateNames[status]}
    </Badge>
  );
}
