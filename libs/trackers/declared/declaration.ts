/** What an experiment tracker says of itself. Read in browsers too: imports zod only. */
import type { z } from 'zod';

/** What names the files of a job. */
export interface NamedJob {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

/** A file in the tracker's own format, made of a job's metrics whenever it is asked for. */
export interface TrackerFile {
  readonly name: (job: NamedJob) => string;
  /** A tar is unpacked by whoever fetches it; other files go into a folder of the job. */
  readonly isArchive: boolean;
  readonly contentType: string;
  /** The command that reads it, `folder` being where it lies. */
  readonly command: (folder: string) => string;
}

export interface TrackerDeclaration {
  /** As `integrations` and addresses have it. */
  readonly type: string;
  /** For people. */
  readonly title: string;
  /** What a job may say of it under its type in `integrations`; undefined where there is nothing to say. */
  readonly settings?: z.ZodObject;
  /** What to give as its settings. */
  readonly fix?: string;
  readonly file?: TrackerFile;
  /** The variable that names the server that jobs are told to; undefined for a tracker that has none. */
  readonly server?: string;
}
