import { Database } from 'lucide-react';
import { Empty, PageHead } from '../../ui/layout.js';

export default function Data() {
  return (
    <>
      <PageHead title="Data" />
      <Empty icon={Database} title="Nothing here yet">
        This view is on its way.
      </Empty>
    </>
  );
}
