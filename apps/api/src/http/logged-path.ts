/** The path of a request as the log may have it: without its query and without the token of a link. */
export function loggedPath(url: string): string {
  return url.split('?', 1)[0]!.replace(/^(\/*s\/+)[^/]+/i, '$1***');
}
