/** Addresses without a library: the path names the view. */
import { type MouseEvent, type ReactNode, useSyncExternalStore } from 'react';
import { basePath } from './base-path.js';

const moved = 'lowrank:moved';

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener);
  addEventListener(moved, listener);
  return () => {
    removeEventListener('popstate', listener);
    removeEventListener(moved, listener);
  };
}

/** The path of the view, without the one that the server is shown under. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname.slice(basePath.length) || '/');
}

/** The query of the address, with its question mark; empty without one. */
export function useQuery(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

/** Gives this address another query, without an entry of its own in the history. */
export function replaceQuery(query: string): void {
  history.replaceState(null, '', `${location.pathname}${query}`);
  dispatchEvent(new Event(moved));
}

export function go(address: string): void {
  history.pushState(null, '', basePath + address);
  dispatchEvent(new Event(moved));
  scrollTo(0, 0);
  document.querySelector<HTMLElement>('main')?.focus();
}

interface LinkProps {
  readonly to: string;
  readonly className?: string;
  readonly current?: boolean;
  /** What a screen reader says in place of the children. */
  readonly label?: string;
  readonly children: ReactNode;
}

export function Link({ to, children, className, current, label }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a
      href={basePath + to}
      className={className}
      onClick={follow}
      aria-label={label}
      aria-current={current ? 'page' : undefined}
    >
      {children}
    </a>
  );
}
