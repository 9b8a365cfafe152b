/** What the service keeps in its home, as this program reads it without the service. */
import { join } from 'node:path';

/** Where the service of a home notes its base models and their digests. */
export function modelRegistry({ home }: { readonly home: string }): string {
  return join(home, 'models');
}
