/** Choices: one of a list that opens, or of cards that lie open. */
import { Check, ChevronDown } from 'lucide-react';
import type { ReactNode } from 'react';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { Radio, RadioGroup } from 'react-aria-components/RadioGroup';
import { Button, Label, Select as AriaSelect, SelectValue, Text } from 'react-aria-components/Select';
import { cx } from './cx.js';
import styles from './field.module.css';

export interface Option<T extends string = string> {
  readonly id: T;
  readonly name: string;
  readonly detail?: string | undefined;
}

interface SelectProps<T extends string> {
  readonly label: string;
  /** Whether the label is told to screen readers alone. */
  readonly isLabelHidden?: boolean;
  readonly hint?: ReactNode;
  readonly value: T | null;
  readonly placeholder?: string;
  readonly options: readonly Option<T>[];
  readonly isDisabled?: boolean;
  readonly onChange: (value: T) => void;
}

export function Select<T extends string>({
  label,
  isLabelHidden = false,
  hint,
  value,
  placeholder = 'Choose…',
  options,
  isDisabled,
  onChange,
}: SelectProps<T>) {
  return (
    <AriaSelect
      className={styles.field}
      aria-label={isLabelHidden ? label : undefined}
      value={value}
      placeholder={placeholder}
      isDisabled={isDisabled}
      onChange={(key) => {
        if (key !== null) onChange(key as T);
      }}
    >
      {!isLabelHidden && <Label className={styles.label}>{label}</Label>}
      <Button className={styles.trigger}>
        <SelectValue />
        <ChevronDown size={16} aria-hidden />
      </Button>
      {hint !== undefined && (
        <Text slot="description" className={styles.hint}>
          {hint}
        </Text>
      )}
      <Popover className={styles.popover}>
        <ListBox className={styles.list} items={options}>
          {({ id, name, detail }) => (
            <ListBoxItem id={id} textValue={name} className={styles.option}>
              <Text slot="label">{name}</Text>
              <Check size={15} aria-hidden className={styles.tick} />
              {detail !== undefined && <Text slot="description">{detail}</Text>}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

interface ChoiceCardsProps<T extends string> {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly value: T;
  readonly options: readonly (Omit<Option<T>, 'detail'> & { readonly detail?: ReactNode })[];
  readonly onChange: (value: T) => void;
}

export function ChoiceCards<T extends string>({
  label,
  hint,
  value,
  options,
  onChange,
}: ChoiceCardsProps<T>) {
  return (
    <RadioGroup className={styles.field} value={value} onChange={(next) => onChange(next as T)}>
      <Label className={styles.label}>{label}</Label>
      {hint !== undefined && (
        <Text slot="description" className={styles.hint}>
          {hint}
        </Text>
      )}
      <div className={styles.cards}>
        {options.map(({ id, name, detail }) => (
          <Radio key={id} value={id} className={cx(styles.choice)}>
            <b>{name}</b>
            {detail !== undefined && <span>{detail}</span>}
            <i className={styles.dot} aria-hidden />
          </Radio>
        ))}
      </div>
    </RadioGroup>
  );
}
