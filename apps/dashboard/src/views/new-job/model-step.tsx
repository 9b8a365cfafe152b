/** The model that the adapter is made for. */
import { Plus } from 'lucide-react';
import type { ModelObject } from '#contracts/http/models.js';
import { short } from '../../format.js';
import { LinkButton } from '../../ui/button.js';
import { Link } from '../../router.js';
import { TextField } from '../../ui/field.js';
import { Skeleton } from '../../ui/layout.js';
import { ChoiceCards, Select } from '../../ui/select.js';
import { Step } from './step.js';

interface ModelStepProps {
  readonly models: readonly ModelObject[] | undefined;
  /** Name of the model that is chosen. */
  readonly value: string;
  readonly onChange: (name: string) => void;
}

const factsOf = ({ architecture, parameters, chat }: ModelObject) =>
  [
    parameters === undefined ? null : `${short(parameters)} parameters`,
    architecture ?? null,
    chat === true ? 'chat template' : null,
  ]
    .filter(Boolean)
    .join(' · ');

export function ModelStep({ models, value, onChange }: ModelStepProps) {
  const bases = models?.filter(({ kind }) => kind === 'base') ?? [];
  const tuned = models?.filter(({ kind }) => kind === 'fine-tuned') ?? [];
  const isTuned = tuned.some(({ id }) => id === value);
  return (
    <Step
      number={1}
      title="Base model"
      actions={
        <LinkButton to="/models" isSmall look="quiet" icon={Plus}>
          Add a model
        </LinkButton>
      }
    >
      {models === undefined && <Skeleton of="models" lines={2} />}
      {models !== undefined && bases.length === 0 && <p>No base model is registered yet. Add one first.</p>}
      {bases.length > 0 && (
        <ChoiceCards
          label="The adapter is trained on top of it; the model itself stays as it is."
          value={value}
          options={bases.map((model) => ({ id: model.id, name: model.id, detail: factsOf(model) }))}
          onChange={onChange}
        />
      )}
      <TextField
        label="Or a model of the Hugging Face hub"
        value={models === undefined || models.some(({ id }) => id === value) ? '' : value}
        placeholder="owner/name"
        hint={
          <>
            It is fetched when the job starts. Folders and GGUF files are added on the{' '}
            <Link to="/models">models page</Link>.
          </>
        }
        onChange={onChange}
      />
      {tuned.length > 0 && (
        <Select
          label="Or continue from one of your adapters"
          placeholder="Choose an adapter…"
          value={isTuned ? value : null}
          options={tuned.map(({ id, base_model: base }) => ({ id, name: id, detail: base }))}
          onChange={onChange}
        />
      )}
    </Step>
  );
}
