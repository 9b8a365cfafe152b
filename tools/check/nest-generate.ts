/**
 * Fails unless `npx @nestjs/cli generate` works for both applications: each kind of file goes into the application's
 * sources and into its module. Nothing is written. The command is fetched, not installed: it asks for a newer Node than
 * this program does.
 *
 *     node dist/tools/check/nest-generate.js
 */
import { execFile } from 'node:child_process';
import { promisify, stripVTControlCharacters } from 'node:util';
import { programRoot } from '#platform/program.js';

const applications = { api: 'app.module.ts', worker: 'worker.module.ts' } as const;
/** The package of the command, and npm without a word about the Node that they would like. */
const nest = ['--yes', '--loglevel=error', '--package=@nestjs/cli@12', 'nest'];

/** What is missing in the plan that the command prints. */
async function missingFor(application: keyof typeof applications): Promise<string[]> {
  const name = 'generated';
  const options = ['--project', application, '--type', 'rest', '--crud', '--dry-run'];
  const { stdout } = await promisify(execFile)('npx', [...nest, 'generate', 'resource', name, ...options], {
    cwd: programRoot,
    maxBuffer: 2 ** 24,
  });
  const plan = stripVTControlCharacters(stdout);
  const sources = `apps/${application}/src`;
  const wanted = [
    ...['module', 'controller', 'service'].map((kind) => `CREATE ${sources}/${name}/${name}.${kind}.ts`),
    `CREATE ${sources}/${name}/${name}.service.test.ts`,
    `UPDATE ${sources}/${applications[application]}`,
  ];
  return wanted.filter((line) => !plan.includes(`${line} `));
}

for (const application of ['api', 'worker'] as const) {
  const missing = await missingFor(application);
  if (missing.length > 0) {
    console.error(`nest generate for ${application} does not do this: ${missing.join(', ')}`);
    process.exitCode = 1;
  } else {
    console.log(`nest generate works for ${application}`);
  }
}
