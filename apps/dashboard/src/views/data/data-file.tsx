import { PageHead } from '../../ui/layout.js';

export default function DataFile({ id }: { readonly id: string }) {
  return <PageHead title={id} back={{ to: '/data', name: 'All data' }} />;
}
