/** A job as text to copy. */
import { useState } from 'react';
import type { JobCreate } from '#contracts/http/job-create.js';
import { keptKey } from '../../api/key.js';
import { serverAddress } from '../../base-path.js';
import { CopyButton } from '../../ui/copy.js';
import { Card } from '../../ui/layout.js';
import { Tabs } from '../../ui/tabs.js';
import { snippetsOf } from './job-snippets.js';

interface SnippetsProps {
  readonly title: string;
  readonly body: JobCreate;
}

export function Snippets({ title, body }: SnippetsProps) {
  const snippets = snippetsOf(body, { origin: serverAddress, needsKey: keptKey() !== undefined });
  const [shown, setShown] = useState(snippets[0]!.name);
  const { text } = snippets.find(({ name }) => name === shown)!;
  const tabs = snippets.map(({ name, text: content }) => ({
    id: name,
    name,
    content: <pre tabIndex={0}>{content}</pre>,
  }));
  return (
    <Card title={title} actions={<CopyButton text={text} what={`the ${shown} code`} />}>
      <Tabs label="Language" tabs={tabs} shown={shown} onShow={setShown} />
    </Card>
  );
}
