/** Where the server is shown on its host, such as `/lowrank`; empty at its root. The server puts it into the page. */
export const basePath = document.querySelector<HTMLMetaElement>('meta[name="lowrank-prefix"]')?.content ?? '';

/** The address of the server, without a slash at its end. */
export const serverAddress = `${location.origin}${basePath}`;
