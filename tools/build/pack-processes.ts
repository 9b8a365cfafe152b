/**
 * Packs the compiled code of each process into few files, dist/processes: one that loads hundreds of modules, a file each,
 * starts two to three times as slowly. Run after tsc, whose files it reads.
 *
 *     node dist/tools/build/pack-processes.js
 */
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { type ProcessName, programRoot } from '#platform/program.js';
import { engineDigest } from '#runtime/engine-digest.js';

const compiled = join(programRoot, 'dist');
const packed = join(compiled, 'processes');

const mains: Readonly<Record<ProcessName, string>> = {
  api: 'apps/api/src/main.js',
  chat: 'apps/cli/src/chat/process.js',
  generator: 'apps/generator/src/main.js',
  planner: 'apps/planner/src/main.js',
  previews: 'apps/api/src/compositions/preview-main.js',
  probe: 'apps/worker/src/probe-main.js',
  speed: 'apps/worker/src/speed-main.js',
  task: 'apps/worker/src/task-main.js',
  trainer: 'apps/trainer/src/main.js',
  worker: 'apps/worker/src/main.js',
};

/**
 * Packages of many small modules. Others stay where they are: they are of few modules, bring binaries or files that lie
 * beside them, or load what they need by name.
 */
const packedPackages =
  /^(@bufbuild|csv-parse|fzstd|hyparquet|@nestjs\/(common|core|mapped-types|platform-express|swagger)|es-toolkit|iterare|oniguruma|regex|rxjs|zod)\b/;
const isPackage = /^[^.#/\0]/;

/** An entry prepares its process before any other module is loaded. */
const prefix = 'process:';
const entries: Plugin = {
  name: 'entries',
  resolveId: (id) => (id.startsWith(prefix) ? `\0${id}` : undefined),
  load(id) {
    if (!id.startsWith(`\0${prefix}`)) return undefined;
    const main = join(compiled, mains[id.slice(prefix.length + 1) as ProcessName]);
    const traces = join(compiled, 'libs/platform/source-traces.js');
    return `import module from 'node:module';
      import { traceToSources } from ${JSON.stringify(traces)};
      traceToSources();
      // From Node 22.1. Where the folder cannot be written there is no cache, and nothing is said.
      module.enableCompileCache?.(import.meta.dirname + '/compile-cache');
      await import(${JSON.stringify(main)});`;
  },
};

const digestModule = join(compiled, 'libs/runtime/engine-digest.js');

/** Stack traces lead to the sources, and a module finds the files that lie beside it. */
const ownModules: Plugin = {
  name: 'own-modules',
  async load(id) {
    if (!id.startsWith(compiled)) return undefined;
    // Read off its files here, and not by every process.
    if (id === digestModule) return `export const engineDigest = () => ${JSON.stringify(engineDigest())};`;
    const [code, map] = await Promise.all([readFile(id, 'utf8'), readFile(`${id}.map`, 'utf8')]);
    const folder = JSON.stringify(`/${relative(join(packed, 'parts'), dirname(id))}`);
    return { code: code.replaceAll('import.meta.dirname', `(import.meta.dirname + ${folder})`), map };
  },
};

const build = await rolldown({
  input: Object.fromEntries(Object.keys(mains).map((name) => [name, `${prefix}${name}`])),
  platform: 'node',
  tsconfig: false,
  external: (id) => isPackage.test(id) && !id.startsWith(prefix) && !packedPackages.test(id),
  plugins: [entries, ownModules],
});
// Beside the earlier ones, which processes that run go on loading from until these are whole.
const made = `${packed}.part`;
await rm(made, { recursive: true, force: true });
await build.write({
  dir: made,
  format: 'esm',
  sourcemap: true,
  keepNames: true,
  // The same names in every build: a process that runs finds what it loads later.
  chunkFileNames: 'parts/[name].js',
});
await build.close();
await rm(packed, { recursive: true, force: true });
await rename(made, packed);
