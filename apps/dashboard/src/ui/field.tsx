/** Fields that are written into, each with its label, a hint and what is wrong with it. */
import { Check, Minus, Search } from 'lucide-react';
import { type ReactNode, useId } from 'react';
import {
  Checkbox as AriaCheckbox,
  type CheckboxProps as AriaCheckboxProps,
} from 'react-aria-components/Checkbox';
import { SearchField } from 'react-aria-components/SearchField';
import { Slider as AriaSlider, SliderOutput, SliderThumb, SliderTrack } from 'react-aria-components/Slider';
import {
  FieldError,
  Input,
  Label,
  Text,
  TextArea as AriaTextArea,
  TextField as AriaTextField,
  type TextFieldProps as AriaTextFieldProps,
} from 'react-aria-components/TextField';
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components/ToggleButtonGroup';
import { cx } from './cx.js';
import styles from './field.module.css';

interface TextFieldProps extends Omit<AriaTextFieldProps, 'className' | 'children'> {
  readonly label: string;
  /** Told under the field. */
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly placeholder?: string | undefined;
  /** Number of lines; a field of one line without it. */
  readonly rows?: number;
  readonly isMono?: boolean;
}

export function TextField({ label, hint, error, placeholder, rows, isMono, ...rest }: TextFieldProps) {
  const look = cx(styles.input, isMono && styles.mono);
  return (
    <AriaTextField {...rest} isInvalid={error !== undefined} className={styles.field}>
      <Label className={styles.label}>{label}</Label>
      {rows === undefined ? (
        <Input className={look} placeholder={placeholder} />
      ) : (
        <AriaTextArea className={look} placeholder={placeholder} rows={rows} />
      )}
      {hint !== undefined && (
        <Text slot="description" className={styles.hint}>
          {hint}
        </Text>
      )}
      <FieldError className={styles.error}>{error}</FieldError>
    </AriaTextField>
  );
}

interface SearchBoxProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A field that looks for something in a list; its label is told to screen readers alone. */
export function SearchBox({ label, value, onChange }: SearchBoxProps) {
  return (
    <SearchField aria-label={label} value={value} onChange={onChange} className={styles.search}>
      <Search size={16} aria-hidden />
      <Input className={styles.input} placeholder={label} />
    </SearchField>
  );
}

interface CheckboxProps extends Omit<AriaCheckboxProps, 'className' | 'children'> {
  readonly children?: ReactNode;
  readonly hint?: ReactNode;
}

export function Checkbox({ children, hint, ...rest }: CheckboxProps) {
  return (
    <AriaCheckbox {...rest} className={styles.check}>
      {({ isIndeterminate }) => (
        <>
          <span className={styles.box}>
            {isIndeterminate ? (
              <Minus size={13} strokeWidth={3} aria-hidden />
            ) : (
              <Check size={13} strokeWidth={3} aria-hidden />
            )}
          </span>
          {children !== undefined && (
            <span>
              {children}
              {hint !== undefined && <span className={styles.hint}> {hint}</span>}
            </span>
          )}
        </>
      )}
    </AriaCheckbox>
  );
}

interface SegmentsProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, name: string])[];
  readonly onChange: (value: T) => void;
}

/** A few choices side by side, one of which holds. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  return (
    <ToggleButtonGroup
      aria-label={label}
      className={styles.segments}
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[value]}
      onSelectionChange={(keys) => {
        const [key] = keys;
        if (key !== undefined) onChange(key as T);
      }}
    >
      {options.map(([key, name]) => (
        <ToggleButton key={key} id={key} className={styles.segment}>
          {name}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onChange: (value: number) => void;
}

export function Slider({ label, value, min, max, step, onChange }: SliderProps) {
  return (
    <AriaSlider
      className={styles.field}
      value={value}
      minValue={min}
      maxValue={max}
      step={step}
      onChange={onChange}
    >
      <div className={styles.sliderHead}>
        <Label className={styles.label}>{label}</Label>
        <SliderOutput />
      </div>
      <SliderTrack className={styles.track}>
        <SliderThumb className={styles.thumb} />
      </SliderTrack>
    </AriaSlider>
  );
}

interface FieldGroupProps {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly children: ReactNode;
}

/** A label and a hint around something that is no field by itself. */
export function FieldGroup({ label, hint, children }: FieldGroupProps) {
  const id = useId();
  return (
    // A fieldset cannot be laid out as the other fields are.
    // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
    <div role="group" aria-labelledby={id} className={styles.field}>
      <span id={id} className={styles.label}>
        {label}
      </span>
      {children}
      {hint !== undefined && <span className={styles.hint}>{hint}</span>}
    </div>
  );
}
