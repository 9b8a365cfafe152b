/** Reads GET /health every so often in a process of its own: argv is the address and the milliseconds between two reads. */
import { request } from 'node:http';

const [url, milliseconds] = process.argv.slice(2);
const times = [];
const failures = [];
let reading = 0;

function read() {
  const begun = performance.now();
  reading++;
  const end = (failure) => {
    reading--;
    times.push(performance.now() - begun);
    if (failure) failures.push(failure);
  };
  // A connection of its own each time, as those who look in from outside have.
  request(`${url}/health`, { agent: false }, (response) => {
    response.resume();
    response.once('end', () => end(response.statusCode === 200 ? undefined : `${response.statusCode}`));
  })
    .once('error', (error) => end(error.message))
    .end();
}

// Whether or not the last one was answered: what waits must not hide how long others would have waited.
const timer = setInterval(read, Number(milliseconds));
process.send('reading');
process.once('message', () => {
  clearInterval(timer);
  const end = setInterval(() => {
    if (reading > 0) return;
    clearInterval(end);
    process.send({ times, failures }, () => process.disconnect());
  }, 10);
});
