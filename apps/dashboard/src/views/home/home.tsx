/** What runs, what waits, and what ended lately. */
import { Rocket } from 'lucide-react';
import { LinkButton } from '../../ui/button.js';
import { Empty, PageHead } from '../../ui/layout.js';

export default function Home() {
  return (
    <>
      <PageHead title="Home" />
      <Empty
        icon={Rocket}
        title="No jobs yet"
        actions={
          <LinkButton to="/new" look="primary">
            New job
          </LinkButton>
        }
      >
        A job trains a small adapter on your data. Pick a base model and a file, and start one.
      </Empty>
    </>
  );
}
