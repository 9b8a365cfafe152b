/** The way around: a side on wide screens, a rail on tablets, a bar on phones. */
import { Ellipsis, House, ListChecks, MessageSquareText, Plus, Search } from 'lucide-react';
import { useState } from 'react';
import { Button } from 'react-aria-components/Button';
import { Dialog } from 'react-aria-components/Dialog';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { Link } from '../router.js';
import { IconButton, LinkButton } from '../ui/button.js';
import { Mark } from './mark.js';
import { isIn, type Place, placeGroups } from './places.js';
import styles from './shell.module.css';
import { ThemeMenu } from './theme-menu.js';

interface NavigationProps {
  readonly path: string;
  /** Opens the palette. */
  readonly onFind: () => void;
}

export function SideNavigation({ path, onFind }: NavigationProps) {
  return (
    <header className={styles.side}>
      <Brand />
      <div className={styles.start}>
        <LinkButton to="/new" look="primary" icon={Plus}>
          New job
        </LinkButton>
        <Button className={styles.find} onPress={onFind}>
          <Search size={15} aria-hidden />
          <span>Search</span>
          <kbd aria-hidden>Ctrl K</kbd>
        </Button>
      </div>
      <nav aria-label="Views">
        <Groups path={path} />
      </nav>
      <div className={styles.foot}>
        <ThemeMenu />
      </div>
    </header>
  );
}

function Brand() {
  return (
    <Link to="/" className={styles.brand} label="Lowrank, home">
      <Mark />
      <span>Lowrank</span>
    </Link>
  );
}

function Groups({ path }: { readonly path: string }) {
  return placeGroups.map(({ name, places }, i) => (
    <div key={name ?? i}>
      {name !== undefined && <p className={styles.groupName}>{name}</p>}
      <ul className={styles.group}>
        {places.map((place) => (
          <li key={place.to}>
            <PlaceLink place={place} path={path} size={17} />
          </li>
        ))}
      </ul>
    </div>
  ));
}

interface PlaceLinkProps {
  readonly place: Place;
  readonly path: string;
  readonly size: number;
}

function PlaceLink({ place: { to, name, icon: Icon }, path, size }: PlaceLinkProps) {
  return (
    <Link to={to} className={styles.place} current={isIn(path, to)}>
      <Icon size={size} aria-hidden />
      {name}
    </Link>
  );
}

const barPlaces: readonly Place[] = [
  { to: '/', name: 'Home', icon: House },
  { to: '/jobs', name: 'Jobs', icon: ListChecks },
  { to: '/new', name: 'New job', icon: Plus },
  { to: '/playground', name: 'Playground', icon: MessageSquareText },
];

export function PhoneTop({ onFind }: Pick<NavigationProps, 'onFind'>) {
  return (
    <header className={styles.top}>
      <Brand />
      <IconButton icon={Search} label="Search" onPress={onFind} />
    </header>
  );
}

export function PhoneBar({ path }: Pick<NavigationProps, 'path'>) {
  const [isOpen, setOpen] = useState(false);
  return (
    <nav className={styles.bar} aria-label="Views">
      {barPlaces.map((place) => (
        <PlaceLink key={place.to} place={place} path={path} size={20} />
      ))}
      <Button className={styles.more} onPress={() => setOpen(true)}>
        <Ellipsis size={20} aria-hidden />
        More
      </Button>
      <ModalOverlay className={styles.drawerBack} isDismissable isOpen={isOpen} onOpenChange={setOpen}>
        <Modal className={styles.drawer}>
          <Dialog aria-label="All views">
            <Groups path={path} />
            <div className={styles.foot}>
              <ThemeMenu />
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </nav>
  );
}
