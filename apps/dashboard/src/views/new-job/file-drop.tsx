/** Takes a file by dropping or choosing, or one that was uploaded before, and shows what is wrong with it. */
import { useEffect, useRef, useState } from 'react';
import type { FileObject } from '#contracts/http/files.js';
import type { RequestError } from '../../api/http.js';
import { uploadFile } from '../../api/upload.js';
import { bytes, whole } from '../../format.js';
import { Problem } from '../parts/common.js';

interface FileDropProps {
  readonly label: string;
  readonly help: string;
  /** Id of the file that is chosen; empty for none. */
  readonly id: string;
  /** Files that were uploaded before. */
  readonly known: readonly FileObject[];
  readonly onFile: (id: string) => void;
  /** Told of a file that is new. */
  readonly onUpload: (file: FileObject) => void;
}

const describe = ({ filename, report, bytes: size }: FileObject) =>
  `${filename}: ${report ? `${whole(report.rows)} rows of ${report.kind}, ` : ''}${bytes(size)}`;

export function FileDrop({ label, help, id, known, onFile, onUpload }: FileDropProps) {
  const [error, setError] = useState<RequestError | null>(null);
  const [isOver, setOver] = useState(false);
  const [sending, setSending] = useState<{ readonly name: string; readonly share: number } | null>(null);
  const stopping = useRef<AbortController | null>(null);
  useEffect(() => () => stopping.current?.abort(), []);
  const send = async (chosen: File | undefined) => {
    if (!chosen) return;
    stopping.current?.abort();
    const upload = new AbortController();
    stopping.current = upload;
    const show = (share: number) => setSending({ name: chosen.name, share });
    show(0);
    setError(null);
    try {
      const made = await uploadFile(chosen, { signal: upload.signal, onProgress: show });
      onUpload(made);
      onFile(made.id);
    } catch (refusal) {
      if (upload.signal.aborted) return;
      onFile('');
      setError(refusal as RequestError);
    } finally {
      if (stopping.current === upload) setSending(null);
    }
  };
  const chosen = known.find((file) => file.id === id);
  const unknownFields = Object.keys(chosen?.report?.unknown_fields ?? {});
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
      <div className="line">
        <label className="choose">
          {label}
          <input
            type="file"
            accept=".jsonl"
            onChange={({ target }) => {
              void send(target.files?.[0]);
              target.value = '';
            }}
          />
          <small>{help}</small>
        </label>
        {known.length > 0 && (
          <label className="choose">
            or one that is here
            <select
              value={id}
              aria-label={`Uploaded before: ${label.toLowerCase()}`}
              onChange={({ target }) => {
                setError(null);
                onFile(target.value);
              }}
            >
              <option value="">none</option>
              {id !== '' && !chosen && <option value={id}>{id}</option>}
              {known.map((file) => (
                <option key={file.id} value={file.id}>
                  {describe(file)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {sending && (
        <p className="progress">
          <progress value={sending.share} max={1} aria-label={`Sending ${sending.name}`} />
          <span>
            {sending.share < 1
              ? `Sending ${sending.name}: ${Math.floor(100 * sending.share)}%`
              : `Checking ${sending.name}…`}
          </span>
          <button
            type="button"
            onClick={() => {
              stopping.current?.abort();
              setSending(null);
            }}
          >
            Stop sending
          </button>
        </p>
      )}
      <p aria-live="polite" className="chosen">
        {!sending && chosen && describe(chosen)}
        {!sending && unknownFields.length > 0 && `; nothing reads the fields ${unknownFields.join(', ')}`}
      </p>
      {!sending &&
        chosen?.report?.warnings.map(({ message }) => (
          <p key={message} className="warning">
            {message}
          </p>
        ))}
      <Problem error={error} />
    </div>
  );
}
