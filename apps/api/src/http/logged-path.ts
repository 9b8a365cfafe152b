/** The path of a request as the log may have it: without its query and without the token of a link. */
export function loggedPath(url: string): string {
  const path = url.split('?', 1)[0]!.replace(/^(\/*s\/+)[^/]+/i, '$1***');
  // Wherever else somebody puts one.
  return path.replaceAll(/[A-Za-z0-9]{42}/g, '***');
}
