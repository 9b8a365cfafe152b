/** The files that jobs learn from. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Database, Play, Trash2 } from 'lucide-react';
import { isOver } from '#client/job-reader.js';
import type { FileObject } from '#contracts/http/files.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { filesClient, filesListKey, trainingFilesQuery } from '../../api/files.js';
import { useAllJobs } from '../../api/use-all-jobs.js';
import { bytes, whole } from '../../format.js';
import { go, Link } from '../../router.js';
import { Badge } from '../../ui/badge.js';
import { IconButton, LinkButton } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { Empty, PageHead, Skeleton } from '../../ui/layout.js';
import tableStyles from '../../ui/table.module.css';
import { Ago } from '../../ui/time.js';
import { toast } from '../../ui/toast.js';
import { FileDrop } from '../new-job/file-drop.js';
import { Problem } from '../parts/common.js';

const lookEveryMs = 10_000;

export default function Data() {
  const { data: files, error } = useQuery(trainingFilesQuery);
  const { jobs } = useAllJobs(lookEveryMs);
  return (
    <>
      <PageHead
        title="Data"
        lead="Files of examples for training and validation. Each is checked when it is uploaded."
      />
      <FileDrop
        label="Upload a file"
        help="Drop a file here: JSON Lines, CSV, TSV, Parquet, or images in a ZIP archive."
        id=""
        known={[]}
        onFile={(id) => {
          if (id !== '') go(`/data/${id}`);
        }}
      />
      <p />
      <Problem error={error} />
      {!files && !error && <Skeleton of="files" />}
      {files?.length === 0 && (
        <Empty icon={Database} title="No data yet">
          Upload a file with one example per row: a conversation in <code>messages</code>, a{' '}
          <code>prompt</code> with its <code>completion</code>, or plain <code>text</code>.
        </Empty>
      )}
      {files && files.length > 0 && (
        <section className={tableStyles.frame} aria-label="Files" tabIndex={0}>
          <table className={tableStyles.table}>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Kind</th>
                <th scope="col">Format</th>
                <th scope="col" className={tableStyles.number}>
                  Rows
                </th>
                <th scope="col" className={tableStyles.number}>
                  Size
                </th>
                <th scope="col">Used by</th>
                <th scope="col">Uploaded</th>
                <th scope="col">
                  <span className="for-readers">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {files.map((file) => (
                <FileRow key={file.id} file={file} users={usersOf(file, jobs ?? [])} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}

const usersOf = ({ id }: FileObject, jobs: readonly JobObject[]) =>
  jobs.filter(({ training_file, validation_file }) => training_file === id || validation_file === id);

interface FileRowProps {
  readonly file: FileObject;
  /** Jobs that use it. */
  readonly users: readonly JobObject[];
}

function FileRow({ file, users }: FileRowProps) {
  const { id, filename, report, bytes: size, created_at } = file;
  const queries = useQueryClient();
  const deleting = useMutation({
    mutationFn: () => filesClient.delete(id),
    onSuccess: () => {
      toast.done(`${filename} was deleted.`);
      return queries.invalidateQueries({ queryKey: filesListKey });
    },
    onError: (error) => toast.error(error.message),
  });
  const open = users.filter((job) => !isOver(job)).length;
  return (
    <tr>
      <th scope="row">
        <Link to={`/data/${id}`}>{filename}</Link>
      </th>
      <td>{report ? <Badge tone="info">{report.kind}</Badge> : '–'}</td>
      <td>{report?.format ?? '–'}</td>
      <td className={tableStyles.number}>{report ? whole(report.rows) : '–'}</td>
      <td className={tableStyles.number}>{bytes(size)}</td>
      <td>
        {users.length === 0 ? 'no job' : `${whole(users.length)} ${users.length === 1 ? 'job' : 'jobs'}`}
      </td>
      <td>
        <Ago at={created_at} />
      </td>
      <td>
        <LinkButton to={`/new?file=${id}`} isSmall look="quiet" icon={Play}>
          Use
        </LinkButton>
        <Confirm
          title={`Delete ${filename}?`}
          question={
            open > 0
              ? `${open === 1 ? 'A job that is not finished needs' : `${open} jobs that are not finished need`} this file. They keep their copy until they end; new jobs cannot use it.`
              : 'New jobs cannot use it any more. Jobs and adapters made with it stay.'
          }
          deed="Delete the file"
          onConfirm={() => deleting.mutate()}
        >
          <IconButton isSmall icon={Trash2} label={`Delete ${filename}`} />
        </Confirm>
      </td>
    </tr>
  );
}
