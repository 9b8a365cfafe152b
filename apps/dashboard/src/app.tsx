/** The frame around every view, and which view an address means. */
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { KeyForm } from './key-form.js';
import { Link, usePath } from './router.js';
import { type Choice, choose, chosen } from './theme.js';
import Jobs from './views/jobs/jobs.js';

const Job = lazy(() => import('./views/jobs/job.js'));
const NewJob = lazy(() => import('./views/new-job/new-job.js'));
const Adapters = lazy(() => import('./views/adapters/adapters.js'));
const Adapter = lazy(() => import('./views/adapters/adapter.js'));
const Compose = lazy(() => import('./views/compose/compose.js'));
const Workers = lazy(() => import('./views/workers/workers.js'));

const rooms = [
  ['/', 'Jobs'],
  ['/new', 'New job'],
  ['/adapters', 'Adapters'],
  ['/compose', 'Compose'],
  ['/workers', 'Workers'],
] as const;

/** Whether an address is that of a room or of something in it. */
const isIn = (path: string, room: string) =>
  path === room || (room === '/' ? path.startsWith('/jobs/') : path.startsWith(`${room}/`));

function viewOf(path: string): { title: string; view: ReactNode } {
  const [, room = '', id] = path.split('/');
  if (room === '') return { title: 'Jobs', view: <Jobs /> };
  if (room === 'jobs' && id) return { title: `Job ${id}`, view: <Job key={id} id={id} /> };
  if (room === 'new') return { title: 'New job', view: <NewJob /> };
  if (room === 'adapters' && id) return { title: 'Adapter', view: <Adapter key={id} id={id} /> };
  if (room === 'adapters') return { title: 'Adapters', view: <Adapters /> };
  if (room === 'compose') return { title: 'Compose', view: <Compose /> };
  if (room === 'workers') return { title: 'Workers', view: <Workers /> };
  return { title: 'Not found', view: <h1>There is no such page</h1> };
}

export function App() {
  const path = usePath();
  const { title, view } = viewOf(path);
  useEffect(() => {
    document.title = `${title} – Lowrank`;
  }, [title]);
  return (
    <>
      <a href="#main" className="skip">
        Skip to the content
      </a>
      <header>
        <nav aria-label="Views">
          {rooms.map(([to, name]) => (
            <Link key={to} to={to} current={isIn(path, to)}>
              {name}
            </Link>
          ))}
        </nav>
        <ThemeChoice />
      </header>
      <main id="main" tabIndex={-1}>
        <KeyForm />
        <Suspense fallback={<p className="muted">Loading…</p>}>{view}</Suspense>
      </main>
    </>
  );
}

function ThemeChoice() {
  const [choice, setChoice] = useState(chosen);
  return (
    <select
      aria-label="Colours"
      value={choice}
      onChange={({ target }) => {
        choose(target.value as Choice);
        setChoice(target.value as Choice);
      }}
    >
      <option value="system">System</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}
