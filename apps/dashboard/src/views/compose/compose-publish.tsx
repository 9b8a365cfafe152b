/** Makes a composition an adapter. */
import { type SubmitEvent, useRef, useState } from 'react';
import type { CompositionCreate, CompositionObject } from '#contracts/http/compositions.js';
import { post, type RequestError } from '../../api/http.js';
import { idempotencyKey } from '../../api/once.js';
import { Problem } from '../parts/common.js';

interface PublishProps {
  /** Null while the members do not fit. */
  readonly body: CompositionCreate | null;
  readonly onPublished: (composition: CompositionObject) => void;
}

const suffixPattern = '[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}';

export function ComposePublish({ body, onPublished }: PublishProps) {
  const [suffix, setSuffix] = useState('');
  const [error, setError] = useState<RequestError | null>(null);
  const [isSending, setSending] = useState(false);
  /** A request that is sent again because no answer came has the key of its first try. */
  const tried = useRef({ text: '', key: '' });
  const publish = async (event: SubmitEvent) => {
    event.preventDefault();
    if (body === null) return;
    const request = { ...body, ...(suffix !== '' && { suffix }) };
    const text = JSON.stringify(request);
    if (tried.current.text !== text) tried.current = { text, key: idempotencyKey() };
    setSending(true);
    setError(null);
    try {
      const headers = { 'idempotency-key': tried.current.key };
      onPublished(await post<CompositionObject>('/v1/compositions', request, { headers }));
      tried.current = { text: '', key: '' };
    } catch (failure) {
      setError(failure as RequestError);
    }
    setSending(false);
  };
  return (
    <form onSubmit={(event) => void publish(event)} className="publish">
      <label>
        Name of the new adapter
        <input
          value={suffix}
          pattern={suffixPattern}
          title="Up to 64 letters, digits, dots, dashes and underscores; the first a letter or digit"
          onChange={({ target }) => setSuffix(target.value)}
        />
        <small>may be empty; up to 64 letters, digits, dots, dashes and underscores</small>
      </label>
      <Problem error={error} />
      <button className="primary" disabled={body === null || isSending}>
        Publish as an adapter
      </button>
    </form>
  );
}
