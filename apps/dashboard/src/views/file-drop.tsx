/** Takes a file by dropping or choosing, and shows what is wrong with it. */
import { useState } from 'react';
import type { FileObject } from '#contracts/http/files.js';
import { request, type RequestError } from '../api/http.js';
import { whole } from '../format.js';
import { Problem } from './common.js';

interface FileDropProps {
  readonly label: string;
  readonly id: string;
  readonly onFile: (id: string) => void;
}

export function FileDrop({ label, id, onFile }: FileDropProps) {
  const [file, setFile] = useState<FileObject | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const [isOver, setOver] = useState(false);
  const [isSending, setSending] = useState(false);
  const send = async (chosen: File | undefined) => {
    if (!chosen) return;
    setSending(true);
    setError(null);
    const form = new FormData();
    form.append('purpose', 'fine-tune');
    form.append('file', chosen);
    try {
      const made = (await (await request('/v1/files', { method: 'POST', body: form })).json()) as FileObject;
      setFile(made);
      onFile(made.id);
    } catch (refusal) {
      setFile(null);
      onFile('');
      setError(refusal as RequestError);
    } finally {
      setSending(false);
    }
  };
  return (
    <div
      className={isOver ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void send(event.dataTransfer.files[0]);
      }}
    >
      <label>
        {label}: drop a .jsonl file here, or choose one
        <input
          type="file"
          accept=".jsonl"
          onChange={({ target }) => {
            void send(target.files?.[0]);
            target.value = '';
          }}
        />
      </label>
      <p aria-live="polite">
        {isSending && 'Sending and checking…'}
        {!isSending &&
          file &&
          `${file.filename}: ${whole(file.report?.rows ?? 0)} rows, ${file.report?.kind ?? ''}`}
        {!isSending && !file && id}
      </p>
      <Problem error={error} />
    </div>
  );
}
