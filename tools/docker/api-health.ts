/** The health check of a container with the API: exit code 0 while database, queue and store answer. */
const port = process.env['PORT'] || '8010';
const answer = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(5000) });
if (!answer.ok) {
  console.error(await answer.text());
  process.exitCode = 1;
}
