/** Takes a file by dropping or choosing, or one that was uploaded before, and shows what is wrong with it. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { FileObject } from '#contracts/http/files.js';
import { filesClient } from '../../api/files.js';
import { fileQuery, showFile } from '../../api/files.js';
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
}

interface Upload {
  readonly file: File;
  readonly signal: AbortSignal;
}

const describe = ({ filename, report, bytes: size }: FileObject) =>
  `${filename}: ${report ? `${whole(report.rows)} rows of ${report.kind}, ` : ''}${bytes(size)}`;

export function FileDrop({ label, help, id, known, onFile }: FileDropProps) {
  const [isOver, setOver] = useState(false);
  /** From 0 to 1; when all is sent, the server still checks the content. */
  const [share, setShare] = useState(0);
  const stopping = useRef<AbortController | null>(null);
  useEffect(() => () => stopping.current?.abort(), []);
  const sending = useMutation({
    mutationFn: ({ file, signal }: Upload) =>
      filesClient.upload(file, file.name, {
        signal,
        onProgress: ({ sentBytes, totalBytes }) => setShare(totalBytes > 0 ? sentBytes / totalBytes : 0),
      }),
    onSuccess: showFile,
  });
  const send = (file: File | undefined) => {
    if (!file) return;
    stopping.current?.abort();
    setShare(0);
    stopping.current = new AbortController();
    // Called for the newest file only.
    sending.mutate(
      { file, signal: stopping.current.signal },
      { onSuccess: (made) => onFile(made.id), onError: () => onFile('') },
    );
  };
  const giveUp = () => {
    stopping.current?.abort();
    sending.reset();
  };
  const name = sending.variables?.file.name;
  const { data: read } = useQuery({ ...fileQuery(id), enabled: id !== '' });
  const chosen = read ?? known.find((file) => file.id === id);
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
        send(event.dataTransfer.files[0]);
      }}
    >
      <div className="line">
        <label className="choose">
          {label}
          <input
            type="file"
            accept=".jsonl"
            onChange={({ target }) => {
              send(target.files?.[0]);
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
                giveUp();
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
      {sending.isPending && (
        <p className="progress">
          <progress value={share} max={1} aria-label={`Sending ${name}`} />
          <span>{share < 1 ? `Sending ${name}: ${Math.floor(100 * share)}%` : `Checking ${name}…`}</span>
          <button type="button" onClick={giveUp}>
            Stop sending
          </button>
        </p>
      )}
      <p aria-live="polite" className="chosen">
        {!sending.isPending && chosen && describe(chosen)}
        {!sending.isPending &&
          unknownFields.length > 0 &&
          `; nothing reads the fields ${unknownFields.join(', ')}`}
      </p>
      {!sending.isPending &&
        chosen?.report?.warnings.map(({ message }) => (
          <p key={message} className="warning">
            {message}
          </p>
        ))}
      <Problem error={sending.error} />
    </div>
  );
}
