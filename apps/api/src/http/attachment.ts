/** The Content-Disposition of a file that a browser saves: letters, digits, dots and underscores of its name. */
export function attachment(name: string): string {
  return `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}"`;
}
