import type { FileObject } from '#contracts/http/files.js';
import type { StoredFile } from '#platform/database/entities/stored-file.js';
import { unixSeconds, unixSecondsOrNull } from '../http/unix-seconds.js';

/** A file as it is answered. */
export function viewFile(file: StoredFile): FileObject {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: unixSeconds(file.createdAt),
    expires_at: unixSecondsOrNull(file.expiresAt),
    filename: file.filename,
    purpose: file.purpose as FileObject['purpose'],
    status: 'processed',
    sha256: file.sha256,
    // Files of earlier versions have no warnings.
    report: file.report && ({ warnings: [], ...file.report } as unknown as FileObject['report']),
  };
}
