/** The text of server-sent events. */

/** A comment: keeps proxies from closing a connection on which nothing happens. */
export const heartbeat = ': still here\n\n';

/** One event; JSON has no line breaks of its own. */
export function frame({ event, id, data }: { event?: string; id?: string; data: unknown }): string {
  const head = `${event === undefined ? '' : `event: ${event}\n`}${id === undefined ? '' : `id: ${id}\n`}`;
  return `${head}data: ${JSON.stringify(data)}\n\n`;
}
