/** A link to a file that may need a key. */
import { useMutation } from '@tanstack/react-query';
import type { MouseEvent } from 'react';
import { download } from '#client/download.js';
import { connection } from '../../api/connection.js';
import { blobOf } from '../../api/files.js';
import { keptKey } from '../../api/key.js';
import { basePath } from '../../base-path.js';
import { saveAs } from '../../save.js';
import { Problem } from './common.js';

interface DownloadProps {
  readonly path: string;
  /** Of the file as it is kept. */
  readonly name: string;
  /** What the link says where its name is not enough, and what a screen reader says in its place. */
  readonly text?: string;
  readonly label?: string;
}

export function Download({ path, name, text = name, label }: DownloadProps) {
  const fetching = useMutation({
    mutationFn: () => blobOf(download(connection, path)),
    onSuccess: (content) => saveAs(name, content),
  });
  const fetchWithKey = (event: MouseEvent) => {
    // The browser sends no key with a link: with one, the file is fetched first.
    if (keptKey() === undefined) return;
    event.preventDefault();
    fetching.mutate();
  };
  return (
    <span>
      <a href={basePath + path} download={name} onClick={fetchWithKey} aria-label={label}>
        {text}
      </a>
      {fetching.isPending && <span className="muted"> is being fetched…</span>}
      <Problem error={fetching.error} />
    </span>
  );
}
