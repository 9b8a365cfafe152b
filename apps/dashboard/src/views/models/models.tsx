import { Box } from 'lucide-react';
import { Empty, PageHead } from '../../ui/layout.js';

export default function Models() {
  return (
    <>
      <PageHead title="Models" />
      <Empty icon={Box} title="Nothing here yet">
        This view is on its way.
      </Empty>
    </>
  );
}
