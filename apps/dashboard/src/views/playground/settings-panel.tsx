/** How answers are made: the system prompt and what chooses tokens. */
import { Checkbox, Slider, TextField } from '../../ui/field.js';
import { type Mode, mistakesOf, type Settings } from './conversation.js';
import styles from './playground.module.css';

interface SettingsPanelProps {
  readonly mode: Mode;
  readonly settings: Settings;
  readonly onChange: (change: Partial<Settings>) => void;
}

export function SettingsPanel({ mode, settings, onChange }: SettingsPanelProps) {
  const mistakes = mistakesOf(settings);
  return (
    <div className={styles.fields}>
      {mode === 'chat' && (
        <TextField
          label="System prompt"
          rows={4}
          value={settings.system}
          placeholder="None"
          onChange={(system) => onChange({ system })}
        />
      )}
      <Slider
        label="Temperature"
        value={settings.temperature}
        min={0}
        max={2}
        step={0.05}
        onChange={(temperature) => onChange({ temperature })}
      />
      <Slider
        label="Top-p"
        value={settings.topP}
        min={0.05}
        max={1}
        step={0.05}
        onChange={(topP) => onChange({ topP })}
      />
      <TextField
        label="Max tokens"
        inputMode="numeric"
        value={settings.length}
        placeholder={mode === 'chat' ? 'Up to the context length' : '16'}
        error={mistakes.length}
        onChange={(length) => onChange({ length })}
      />
      <TextField
        label="Seed"
        inputMode="numeric"
        value={settings.seed}
        placeholder="Random"
        error={mistakes.seed}
        hint="The same seed gives the same answer."
        onChange={(seed) => onChange({ seed })}
      />
      <TextField
        label="Stop sequences"
        rows={2}
        isMono
        value={settings.stop}
        placeholder="None"
        error={mistakes.stop}
        hint={
          <>
            One per line, up to four. <code>\n</code> is a line break.
          </>
        }
        onChange={(stop) => onChange({ stop })}
      />
      {mode === 'chat' && (
        <TextField
          label="JSON schema"
          rows={3}
          isMono
          value={settings.schema}
          placeholder="None"
          error={mistakes.schema}
          hint="Answers are JSON that keeps to it."
          onChange={(schema) => onChange({ schema })}
        />
      )}
      <Checkbox
        isSelected={settings.showsTokens}
        hint="Colours mark where the model was unsure."
        onChange={(showsTokens) => onChange({ showsTokens })}
      >
        Show token probabilities
      </Checkbox>
    </div>
  );
}
