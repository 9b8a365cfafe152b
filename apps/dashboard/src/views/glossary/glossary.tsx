/** The words of the page, from the document that explains them. */
import { useEffect } from 'react';
import glossary from '../../../../../docs/glossary.md?raw';
import { Card, PageHead } from '../../ui/layout.js';

const [, ...sections] = glossary.split('\n## ');
const terms = sections.map((section) => {
  const [name = '', ...lines] = section.split('\n');
  const text = lines.join(' ').replaceAll('`', '').trim();
  return { id: name.toLowerCase().replaceAll(/[^a-z]+/g, '-'), name, text };
});

export default function Glossary() {
  useEffect(() => {
    const id = location.hash.slice(1);
    if (id !== '') document.querySelector(`[id="${CSS.escape(id)}"]`)?.scrollIntoView();
  }, []);
  return (
    <>
      <PageHead title="Glossary" lead="The words that this page uses for LoRA training." />
      {terms.map(({ id, name, text }) => (
        <div key={id} id={id}>
          <Card title={name}>{text}</Card>
        </div>
      ))}
    </>
  );
}
