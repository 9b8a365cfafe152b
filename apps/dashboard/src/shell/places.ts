/** The places that the navigation leads to. */
import {
  Blend,
  Box,
  Columns2,
  Database,
  House,
  Layers,
  ListChecks,
  type LucideIcon,
  MessageSquareText,
  Server,
} from 'lucide-react';

export interface Place {
  readonly to: string;
  readonly name: string;
  readonly icon: LucideIcon;
}

export interface PlaceGroup {
  /** Over the places on wide screens; the first group has none. */
  readonly name?: string;
  readonly places: readonly Place[];
}

export const placeGroups: readonly PlaceGroup[] = [
  {
    places: [
      { to: '/', name: 'Home', icon: House },
      { to: '/jobs', name: 'Jobs', icon: ListChecks },
    ],
  },
  {
    name: 'Library',
    places: [
      { to: '/models', name: 'Models', icon: Box },
      { to: '/data', name: 'Data', icon: Database },
      { to: '/adapters', name: 'Adapters', icon: Layers },
    ],
  },
  {
    name: 'Try out',
    places: [
      { to: '/playground', name: 'Playground', icon: MessageSquareText },
      { to: '/compare', name: 'Compare', icon: Columns2 },
      { to: '/compose', name: 'Compose', icon: Blend },
    ],
  },
  { name: 'System', places: [{ to: '/workers', name: 'Machines', icon: Server }] },
];

/** Whether an address is that of a place or of something in it. */
export const isIn = (path: string, place: string) =>
  path === place || (place !== '/' && path.startsWith(`${place}/`));
