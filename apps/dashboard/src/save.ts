/** Gives a text to the reader as a file. */
export function saveAs(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has its own hold on the content once the download began.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
