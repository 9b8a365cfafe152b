/** Makes a composition an adapter. */
import { useMutation } from '@tanstack/react-query';
import { type SubmitEvent, useRef, useState } from 'react';
import { idempotencyKey } from '#client/idempotency-key.js';
import type { CompositionCreate, CompositionObject } from '#contracts/http/compositions.js';
import { compositionsClient } from '../../api/compositions.js';
import { Button } from '../../ui/button.js';
import { TextField } from '../../ui/field.js';
import { Problem } from '../parts/common.js';
import styles from './compose.module.css';

interface PublishProps {
  /** Null while the members do not fit. */
  readonly body: CompositionCreate | null;
  readonly onPublished: (composition: CompositionObject) => void;
}

const suffixSyntax = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function ComposePublish({ body, onPublished }: PublishProps) {
  const [suffix, setSuffix] = useState('');
  /** A request that is sent again because no answer came has the key of its first try. */
  const tried = useRef({ text: '', key: '' });
  const create = useMutation({
    mutationFn: (request: CompositionCreate) => {
      const text = JSON.stringify(request);
      if (tried.current.text !== text) tried.current = { text, key: idempotencyKey() };
      return compositionsClient.create(request, { idempotencyKey: tried.current.key });
    },
    onSuccess: (composition) => {
      tried.current = { text: '', key: '' };
      onPublished(composition);
    },
  });
  const publish = (event: SubmitEvent) => {
    event.preventDefault();
    if (body !== null) create.mutate({ ...body, ...(suffix !== '' && { suffix }) });
  };
  return (
    <form onSubmit={publish} className={styles.publish}>
      <TextField
        label="Name of the new adapter"
        value={suffix}
        hint="Optional. Up to 64 letters, digits, dots, dashes and underscores."
        error={
          suffix === '' || suffixSyntax.test(suffix)
            ? undefined
            : 'Use letters, digits, dots, dashes and underscores, starting with a letter or digit.'
        }
        onChange={setSuffix}
      />
      <Problem error={create.error} />
      <Button
        type="submit"
        look="primary"
        isDisabled={body === null || create.isPending || !(suffix === '' || suffixSyntax.test(suffix))}
      >
        Publish as an adapter
      </Button>
    </form>
  );
}
