/** Parts of a view, one of which is shown. */
import type { ReactNode } from 'react';
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from 'react-aria-components/Tabs';
import styles from './tabs.module.css';

interface TabsProps {
  readonly label: string;
  readonly tabs: readonly { readonly id: string; readonly name: ReactNode; readonly content: ReactNode }[];
  /** Controlled, where somebody else knows which one is shown. */
  readonly shown?: string;
  readonly onShow?: (id: string) => void;
}

export function Tabs({ label, tabs, shown, onShow }: TabsProps) {
  return (
    <AriaTabs selectedKey={shown} onSelectionChange={(key) => onShow?.(String(key))}>
      <TabList aria-label={label} className={styles.list}>
        {tabs.map(({ id, name }) => (
          <Tab key={id} id={id} className={styles.tab}>
            {name}
          </Tab>
        ))}
      </TabList>
      {tabs.map(({ id, content }) => (
        <TabPanel key={id} id={id} className={styles.panel}>
          {content}
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
