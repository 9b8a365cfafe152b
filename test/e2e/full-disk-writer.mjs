/** Loaded before a program: while the file FULL_DISK_FLAG is there, no write to a file finds room. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const flag = process.env.FULL_DISK_FLAG;
const isFull = () => flag !== undefined && fs.existsSync(flag);
const noRoom = () =>
  Object.assign(new Error('ENOSPC: no space left on device, write'), {
    errno: -28,
    code: 'ENOSPC',
    syscall: 'write',
  });

const handle = await fs.promises.open(import.meta.filename);
const prototype = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['write', 'writev', 'appendFile', 'writeFile']) {
  const write = prototype[name];
  prototype[name] = async function (...given) {
    if (isFull()) throw noRoom();
    return write.apply(this, given);
  };
}

/** Those that streams call, with a callback. */
for (const name of ['write', 'writev']) {
  const write = fs[name];
  fs[name] = (...given) => {
    if (!isFull()) return write(...given);
    process.nextTick(given.at(-1), noRoom());
  };
}
syncBuiltinESMExports();
