/** Goes to any job, adapter or model by its name, and does what needs no view of its own. */
import { useQuery } from '@tanstack/react-query';
import { Box, Layers, ListChecks, type LucideIcon, Moon, Plus, Search, Sun } from 'lucide-react';
import { useState } from 'react';
import { Autocomplete, useFilter } from 'react-aria-components/Autocomplete';
import { Dialog } from 'react-aria-components/Dialog';
import { Collection, Header, Menu, MenuItem, MenuSection } from 'react-aria-components/Menu';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { Input, SearchField } from 'react-aria-components/SearchField';
import { adaptersClient, adaptersKey } from '../api/adapters.js';
import { newestJobs } from '../api/jobs.js';
import { modelsQuery } from '../api/service.js';
import { go } from '../router.js';
import { choose } from '../theme.js';
import { stateNames } from '../ui/badge.js';
import styles from './palette.module.css';
import { placeGroups } from './places.js';

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly detail?: string;
  readonly icon: LucideIcon;
  readonly act: () => void;
}

interface Section {
  readonly name: string;
  readonly entries: readonly Entry[];
}

const shownThings = 100;

export default function Palette({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState('');
  const { contains } = useFilter({ sensitivity: 'base' });
  const sections = useSections();
  const deeds = new Map(sections.flatMap(({ entries }) => entries.map(({ id, act }) => [id, act] as const)));
  // Every word is looked for by itself.
  const matches = (name: string) => text.split(/\s+/).every((word) => contains(name, word));
  return (
    <ModalOverlay
      isOpen
      isDismissable
      className={styles.backdrop}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
    >
      <Modal className={styles.modal}>
        <Dialog aria-label="Search" className={styles.dialog}>
          <Autocomplete inputValue={text} onInputChange={setText} filter={matches}>
            <SearchField aria-label="Search jobs, adapters and models" autoFocus className={styles.field}>
              <Search size={17} aria-hidden />
              <Input placeholder="Search jobs, adapters and models, or type a command" />
              <kbd aria-hidden>Esc</kbd>
            </SearchField>
            <section className={styles.scroll} aria-label="Results" tabIndex={0}>
              <Menu
                aria-label="What matches"
                items={sections}
                className={styles.list}
                onAction={(key) => {
                  onClose();
                  deeds.get(String(key))?.();
                }}
                renderEmptyState={() => <p className={styles.none}>Nothing matches “{text}”.</p>}
              >
                {({ name, entries }) => (
                  <MenuSection id={name}>
                    <Header className={styles.section}>{name}</Header>
                    <Collection items={entries}>
                      {({ id, name: title, detail, icon: Icon }) => (
                        <MenuItem id={id} textValue={`${title} ${detail ?? ''}`} className={styles.item}>
                          <Icon size={16} aria-hidden />
                          <span className={styles.name}>{title}</span>
                          {detail !== undefined && <span className={styles.detail}>{detail}</span>}
                        </MenuItem>
                      )}
                    </Collection>
                  </MenuSection>
                )}
              </Menu>
            </section>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function useSections(): readonly Section[] {
  const { data: jobs = [] } = useQuery(newestJobs(shownThings));
  const { data: models = [] } = useQuery(modelsQuery);
  const { data: adapters = [] } = useQuery({
    queryKey: [...adaptersKey, 'newest'],
    queryFn: async ({ signal }) => (await adaptersClient.page({ limit: shownThings }, { signal })).data,
  });
  const sections: readonly Section[] = [
    {
      name: 'Commands',
      entries: [
        { id: 'new', name: 'New job', icon: Plus, act: () => go('/new') },
        { id: 'light', name: 'Use the light theme', icon: Sun, act: () => choose('light') },
        { id: 'dark', name: 'Use the dark theme', icon: Moon, act: () => choose('dark') },
      ],
    },
    {
      name: 'Go to',
      entries: placeGroups
        .flatMap(({ places }) => places)
        .map(({ to, name, icon }) => ({ id: to, name, icon, act: () => go(to) })),
    },
    {
      name: 'Jobs',
      entries: jobs.map(({ id, suffix, model, status }) => ({
        id,
        name: suffix ?? id,
        detail: `${model}, ${stateNames[status].toLowerCase()}`,
        icon: ListChecks,
        act: () => go(`/jobs/${id}`),
      })),
    },
    {
      name: 'Adapters',
      entries: adapters.map(({ id, name, model }) => ({
        id,
        name,
        detail: model,
        icon: Layers,
        act: () => go(`/adapters/${id}`),
      })),
    },
    {
      name: 'Base models',
      entries: models
        .filter(({ kind }) => kind === 'base')
        .map(({ id }) => ({ id: `model ${id}`, name: id, icon: Box, act: () => go('/models') })),
    },
  ];
  return sections.filter(({ entries }) => entries.length > 0);
}
