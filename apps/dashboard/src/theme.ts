/** Light or dark: what the system says, unless somebody chose. */
import { useSyncExternalStore } from 'react';

export type Choice = 'system' | 'light' | 'dark';
const name = 'lowrank-theme';
const changed = new EventTarget();
const system = matchMedia('(prefers-color-scheme: dark)');
system.addEventListener('change', () => apply());

export function chosen(): Choice {
  const value = localStorage.getItem(name);
  return value === 'light' || value === 'dark' ? value : 'system';
}

export function choose(choice: Choice): void {
  localStorage.setItem(name, choice);
  apply();
}

function shown(): 'light' | 'dark' {
  const choice = chosen();
  return choice === 'system' ? (system.matches ? 'dark' : 'light') : choice;
}

export function apply(): void {
  document.documentElement.dataset['theme'] = shown();
  changed.dispatchEvent(new Event('change'));
}

export function useTheme(): string {
  return useSyncExternalStore((listener) => {
    changed.addEventListener('change', listener);
    return () => changed.removeEventListener('change', listener);
  }, shown);
}
