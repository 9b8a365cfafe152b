import { Columns2 } from 'lucide-react';
import { Empty, PageHead } from '../../ui/layout.js';

export default function Compare() {
  return (
    <>
      <PageHead title="Compare" />
      <Empty icon={Columns2} title="Nothing here yet">
        This view is on its way.
      </Empty>
    </>
  );
}
