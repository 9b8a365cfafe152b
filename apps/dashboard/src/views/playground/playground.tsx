import { MessageSquareText } from 'lucide-react';
import { Empty, PageHead } from '../../ui/layout.js';

export default function Playground() {
  return (
    <>
      <PageHead title="Playground" />
      <Empty icon={MessageSquareText} title="Nothing here yet">
        This view is on its way.
      </Empty>
    </>
  );
}
