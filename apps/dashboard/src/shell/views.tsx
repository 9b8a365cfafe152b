/** Which view an address means. Every view is loaded when it is first opened. */
import { Compass } from 'lucide-react';
import { lazy, type ReactNode } from 'react';
import { LinkButton } from '../ui/button.js';
import { Empty } from '../ui/layout.js';

const Home = lazy(() => import('../views/home/home.js'));
const Jobs = lazy(() => import('../views/jobs/jobs.js'));
const Job = lazy(() => import('../views/jobs/job.js'));
const NewJob = lazy(() => import('../views/new-job/new-job.js'));
const Models = lazy(() => import('../views/models/models.js'));
const Data = lazy(() => import('../views/data/data.js'));
const DataFile = lazy(() => import('../views/data/data-file.js'));
const Adapters = lazy(() => import('../views/adapters/adapters.js'));
const Adapter = lazy(() => import('../views/adapters/adapter.js'));
const Playground = lazy(() => import('../views/playground/playground.js'));
const Compare = lazy(() => import('../views/compare/compare.js'));
const Compose = lazy(() => import('../views/compose/compose.js'));
const Glossary = lazy(() => import('../views/glossary/glossary.js'));
const Workers = lazy(() => import('../views/workers/workers.js'));

interface View {
  /** Of the window. */
  readonly title: string;
  readonly content: ReactNode;
}

const rooms: Readonly<Record<string, View>> = {
  '': { title: 'Home', content: <Home /> },
  jobs: { title: 'Jobs', content: <Jobs /> },
  new: { title: 'New job', content: <NewJob /> },
  models: { title: 'Models', content: <Models /> },
  data: { title: 'Data', content: <Data /> },
  adapters: { title: 'Adapters', content: <Adapters /> },
  playground: { title: 'Playground', content: <Playground /> },
  compare: { title: 'Compare', content: <Compare /> },
  compose: { title: 'Compose', content: <Compose /> },
  glossary: { title: 'Glossary', content: <Glossary /> },
  workers: { title: 'Machines', content: <Workers /> },
};

const things: Readonly<Record<string, (id: string) => View>> = {
  jobs: (id) => ({ title: `Job ${id}`, content: <Job key={id} id={id} /> }),
  data: (id) => ({ title: 'Data file', content: <DataFile key={id} id={id} /> }),
  adapters: (id) => ({ title: 'Adapter', content: <Adapter key={id} id={id} /> }),
};

export function viewOf(path: string): View {
  const [, room = '', id = ''] = path.split('/');
  return (id === '' ? rooms[room] : things[room]?.(id)) ?? { title: 'Not found', content: <NotFound /> };
}

function NotFound() {
  return (
    <Empty
      icon={Compass}
      title="There is no such page"
      actions={
        <LinkButton to="/" look="primary">
          Go to the home page
        </LinkButton>
      }
    >
      The address may be mistyped, or the page may have moved.
    </Empty>
  );
}
