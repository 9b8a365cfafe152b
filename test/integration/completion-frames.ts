/** The data of each event of a stream; comments are left out. */
export function framesOf(text: string): string[] {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '));
  return events.map((event) => event.slice('data: '.length));
}
