/** The members of a composition with their weights. */
import { number } from '../../format.js';
import { X } from 'lucide-react';
import { Link } from '../../router.js';
import { IconButton } from '../../ui/button.js';
import styles from './compose.module.css';
import { keyOf, type Member, rounded } from './compose-recipe.js';
import type { Stack } from './compose-stack.js';
import { NumberSlider } from './number-slider.js';
import type { MemberState } from './use-members.js';

interface MembersProps {
  readonly members: readonly Member[];
  readonly states: ReadonlyMap<string, MemberState>;
  readonly stack: Stack | null;
  readonly onChange: (members: readonly Member[]) => void;
  readonly onRemove: (member: Member) => void;
}

export function ComposeMembers({ members, states, stack, onChange, onRemove }: MembersProps) {
  const weigh = (i: number) => (weight: number) =>
    onChange(members.map((member, k) => (k === i ? { ...member, weight: rounded(weight) } : member)));
  return (
    <ul className={styles.members}>
      {members.map((member, i) => (
        <MemberRow
          key={keyOf(member)}
          member={member}
          state={states.get(keyOf(member))}
          norm={stack?.memberNorms[i]}
          onWeight={weigh(i)}
          onRemove={() => onRemove(member)}
        />
      ))}
    </ul>
  );
}

interface MemberRowProps {
  readonly member: Member;
  readonly state: MemberState | undefined;
  readonly norm: number | undefined;
  readonly onWeight: (weight: number) => void;
  readonly onRemove: () => void;
}

function MemberRow({ member, state, norm, onWeight, onRemove }: MemberRowProps) {
  const facts = state instanceof Error ? null : state;
  const name = facts?.label ?? member.id;
  return (
    <li>
      <span className={styles.memberName}>
        {facts ? <Link to={facts.address}>{name}</Link> : name}
        <small>
          {member.id}
          {norm !== undefined && `, norm ${number(Math.abs(member.weight) * norm, 3)}`}
        </small>
      </span>
      <IconButton isSmall icon={X} label={`Remove ${name}`} onPress={onRemove} />
      <NumberSlider
        label={`Weight of ${name}`}
        value={member.weight}
        min={-2}
        max={2}
        step={0.05}
        onChange={onWeight}
      />
      {state instanceof Error && (
        <small className={styles.error}>
          {state.message}. Remove it here; compositions that it went into are not affected.
        </small>
      )}
    </li>
  );
}
