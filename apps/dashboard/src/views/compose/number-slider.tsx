/** A slider and a field for the same number. */
import { useId, useState } from 'react';
import styles from './compose.module.css';

interface NumberSliderProps {
  /** What the number is, for people who do not see where it stands. */
  readonly label: string;
  readonly value: number;
  /** Of the slider; the field takes any number that `accepts` does. */
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly accepts?: (value: number) => boolean;
  /** What the field takes, such as `a whole number from 1 to 16`. */
  readonly takes?: string;
  readonly onChange: (value: number) => void;
}

export function NumberSlider({
  label,
  value,
  min,
  max,
  step,
  accepts,
  takes = 'a number',
  onChange,
}: NumberSliderProps) {
  const [{ text, of }, setTyped] = useState({ text: String(value), of: value });
  const setText = (typed: string) => setTyped({ text: typed, of: value });
  const hint = useId();
  // While somebody types "-" or "1." the field is theirs; the slider's number replaces what is another one.
  if (!Object.is(of, value)) setTyped({ text: numberOf(text) === value ? text : String(value), of: value });
  const number = numberOf(text);
  const isFit = (candidate: number) => Number.isFinite(candidate) && (accepts?.(candidate) ?? true);
  return (
    <span className={styles.slider}>
      <input
        type="range"
        aria-label={label}
        min={min}
        max={max}
        step={step}
        value={Math.min(max, Math.max(min, value))}
        onChange={({ target }) => onChange(Number(target.value))}
      />
      <input
        className={styles.number}
        inputMode="decimal"
        aria-label={`${label} as a number`}
        aria-invalid={!isFit(number)}
        aria-describedby={isFit(number) ? undefined : hint}
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          const typed = numberOf(target.value);
          if (isFit(typed)) onChange(typed);
        }}
        onBlur={() => setText(String(value))}
      />
      {!isFit(number) && (
        <small id={hint} className={styles.error}>
          Give {takes}.
        </small>
      )}
    </span>
  );
}

/** With a comma or a point; NaN for what is no number. */
const numberOf = (text: string) => (text.trim() === '' ? Number.NaN : Number(text.replace(',', '.')));
