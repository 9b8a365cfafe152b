/** Takes a file by dropping or choosing, or one that was uploaded before, and shows what is wrong with it. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { FileCheck, Upload as UploadIcon, X } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import type { FileObject } from '#contracts/http/files.js';
import { filesClient, fileQuery, showFile } from '../../api/files.js';
import { bytes, whole } from '../../format.js';
import { Button, IconButton } from '../../ui/button.js';
import { cx } from '../../ui/cx.js';
import { Note, Progress } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import { Problem } from '../parts/common.js';
import styles from './new-job.module.css';

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

const rowsOf = (count: number) => (count === 1 ? '1 row' : `${whole(count)} rows`);
const about = ({ report, bytes: size }: FileObject) =>
  [report && `${rowsOf(report.rows)} of ${report.kind}`, report?.format, bytes(size)]
    .filter(Boolean)
    .join(', ');

export function FileDrop({ label, help, id, known, onFile }: FileDropProps) {
  const [isOver, setOver] = useState(false);
  /** From 0 to 1; when all is sent, the server still checks the content. */
  const [share, setShare] = useState(0);
  const input = useId();
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
  const options = known.map((file) => ({ id: file.id, name: file.filename, detail: about(file) }));
  if (id !== '' && !chosen) options.unshift({ id, name: id, detail: '' });
  return (
    <div
      className={cx(styles.drop, isOver && styles.over, 'drop')}
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
      <div className={styles.dropHead}>
        <div className={styles.dropText}>
          <b id={`${input}-name`}>{label}</b>
          <span id={`${input}-help`} className={styles.hint}>
            {help}
          </span>
        </div>
        <label className={styles.pick}>
          <UploadIcon size={16} aria-hidden />
          Choose a file
          <input
            type="file"
            data-rac=""
            aria-labelledby={`${input}-name`}
            aria-describedby={`${input}-help`}
            onChange={({ target }) => {
              send(target.files?.[0]);
              target.value = '';
            }}
          />
        </label>
      </div>
      {known.length > 0 && (
        <Select
          label={`Uploaded before: ${label.toLowerCase()}`}
          isLabelHidden
          placeholder="Or use a file you uploaded before…"
          value={id === '' ? null : id}
          options={options}
          onChange={(other) => {
            giveUp();
            onFile(other);
          }}
        />
      )}
      {sending.isPending && (
        <>
          <Progress label={`Sending ${name}`} value={share} max={1}>
            {share < 1 ? `Sending ${name}: ${Math.floor(100 * share)}%` : `Checking ${name}…`}
          </Progress>
          <div>
            <Button isSmall onPress={giveUp}>
              Stop sending
            </Button>
          </div>
        </>
      )}
      <div aria-live="polite">
        {!sending.isPending && chosen && (
          <p className={cx(styles.picked, 'chosen')}>
            <FileCheck size={16} aria-hidden />
            <span>
              {chosen.filename}: {about(chosen)}
              {unknownFields.length > 0 && `. Fields that are not used: ${unknownFields.join(', ')}`}
            </span>
            <IconButton isSmall icon={X} label={`Do not use ${chosen.filename}`} onPress={() => onFile('')} />
          </p>
        )}
      </div>
      {!sending.isPending &&
        chosen?.report?.warnings.map(({ message }) => <Note key={message}>{message}</Note>)}
      <Problem error={sending.error} />
    </div>
  );
}
