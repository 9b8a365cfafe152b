/** Messages for people who must not see how the machine's folders are called. */

/** An absolute path of two parts or more that is no address of the API. */
const absolutePath = /(?<=^|[\s"'`(=])\/(?!v1\/|s\/)(?:[^\s/"'`():;,]+\/)+(?:[^\s/"'`():;,]+)?/g;

/** The text with the last part of each absolute path in its place. */
export function hidePaths(text: string): string {
  return text.replaceAll(absolutePath, (found) => found.split('/').findLast((part) => part !== '')!);
}
