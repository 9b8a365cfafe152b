/** Files with their sizes and digests. */
import { bytes } from '../../format.js';
import styles from './parts.module.css';
import { Download } from './download.js';

interface FileListProps {
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  /** Under which each file is fetched by its name. */
  readonly path: string;
}

export function FileList({ files, path }: FileListProps) {
  return (
    <ul className={styles.files}>
      {files.map(({ name, bytes: size, sha256 }) => (
        <li key={name}>
          <Download path={`${path}/${encodeURIComponent(name)}`} name={name} />
          <span>{bytes(size)}</span>
          <code>sha256 {sha256}</code>
        </li>
      ))}
    </ul>
  );
}
