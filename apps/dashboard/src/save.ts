/** Gives what the page holds to the reader as a file. */
export function saveAs(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  Object.assign(document.createElement('a'), { href: address, download: name }).click();
  // The browser has its own hold on the content once the download began.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
